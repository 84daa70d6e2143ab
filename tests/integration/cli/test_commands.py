"""The commands that start no other process, in this one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from support.gateway.commands import invoke
from support.gateway.small import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from support.gateway.commands import Home
    from support.gateway.small import SmallGateway


def test_a_good_file_is_valid(gateway: SmallGateway) -> None:
    """Scripts look at the exit code, people at the line."""
    done = invoke("validate", gateway.config)

    assert (done.code, done.out, done.err) == (0, f"{gateway.config} is valid: 1 models.\n", "")


def test_warnings_do_not_change_the_exit_code(gateway: SmallGateway) -> None:
    """They are about settings that are valid but probably not intended."""
    table = yaml.safe_load(gateway.config.read_text())
    table["model_providers"][0]["retry_policy"] = {"fallback_models": ["openai/nobody"]}
    gateway.config.write_text(yaml.safe_dump(table))

    done = invoke("validate", gateway.config)

    assert done.code == 0
    assert f"Warning: {gateway.config}: model_providers[0].retry_policy.fallback_models" in done.err


def test_a_cluster_that_an_envoy_does_not_declare_is_a_warning(home: Home, gateway: SmallGateway) -> None:
    """Requests to that provider would end in an error of Envoy's."""
    envoy = home.directory / "envoy.yaml"
    assert invoke("render", gateway.config, "-o", envoy).code == 0
    assert invoke("validate", gateway.config, "--envoy", envoy).err == ""

    table = yaml.safe_load(envoy.read_text())
    table["static_resources"]["clusters"] = table["static_resources"]["clusters"][:2]
    envoy.write_text(yaml.safe_dump(table))
    done = invoke("validate", gateway.config, "--envoy", envoy)

    assert done.code == 0
    assert done.err.startswith(f"Warning: {gateway.config}: model_providers[0]")


@pytest.mark.parametrize("text", ["", "[1, 2]", "static_resources: {clusters: 3}", "a: ["])
def test_what_is_no_envoy_configuration_is_reported(home: Home, gateway: SmallGateway, text: str) -> None:
    """A wrong path must not pass for an Envoy without clusters."""
    envoy = home.directory / "envoy.yaml"
    envoy.write_text(text)

    done = invoke("validate", gateway.config, "--envoy", envoy)

    assert done.code == 3
    assert str(envoy) in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["validate", "render", "doctor", "serve", "ready", "up"])
def test_a_missing_file_is_reported_alike_by_every_command(command: str) -> None:
    """One message, one exit code."""
    done = invoke(command, "nowhere.yaml")

    assert (done.code, done.err) == (3, "Error: nowhere.yaml: no such file\n")


def test_secrets_are_written_for_envoy_alone(home: Home, gateway: SmallGateway) -> None:
    """In the given directory, with mode 0600; the configuration still contains none."""
    table = yaml.safe_load(gateway.config.read_text())
    table["model_providers"][0]["default"] = True
    table["sidecar"] = {**table.get("sidecar", {}), "on_failure": "default_provider"}
    gateway.config.write_text(yaml.safe_dump(table))
    secrets = home.directory / "secrets"

    done = invoke("render", gateway.config, "--secrets", secrets)
    again = invoke("render", gateway.config, "--secrets", secrets)

    assert (done.code, done.err) == (again.code, again.err) == (0, "")
    assert KEY not in done.out
    assert [file.name for file in secrets.iterdir()] == ["authorization.yaml"]
    assert KEY in (secrets / "authorization.yaml").read_text()
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "authorization.yaml").stat().st_mode & 0o777 == 0o600


def test_secrets_are_not_written_where_anybody_could_replace_them(home: Home, gateway: SmallGateway) -> None:
    """Envoy would send requests with a stranger's credential."""
    table = yaml.safe_load(gateway.config.read_text())
    table["sidecar"] = {"on_failure": "default_provider"}
    table["model_providers"][0]["default"] = True
    gateway.config.write_text(yaml.safe_dump(table))
    secrets = home.directory / "secrets"
    secrets.mkdir()
    secrets.chmod(0o777)

    refused = invoke("render", gateway.config, "--secrets", secrets)

    assert (refused.code, refused.err) == (
        1,
        f"Error: {secrets}: the directory is world-writable, so that any user could replace the credential.\n",
    )
    assert list(secrets.iterdir()) == []


def test_there_may_be_no_secrets_to_write(home: Home, gateway: SmallGateway) -> None:
    """A message says that Envoy needs none."""
    secrets = home.directory / "secrets"

    done = invoke("render", gateway.config, "--secrets", secrets)

    assert done.code == 0
    assert "nothing to write" in done.err
    assert not secrets.exists()


def test_secrets_that_cannot_be_written_are_reported(home: Home, gateway: SmallGateway) -> None:
    table = yaml.safe_load(gateway.config.read_text())
    table["model_providers"][0]["default"] = True
    table["sidecar"] = {"on_failure": "default_provider"}
    gateway.config.write_text(yaml.safe_dump(table))
    (home.directory / "taken").write_text("")

    done = invoke("render", gateway.config, "--secrets", home.directory / "taken" / "secrets")

    assert done.code != 0
    assert str(home.directory / "taken") in done.err
    assert KEY not in done.err


def test_what_is_rendered_holds_no_key(gateway: SmallGateway) -> None:
    """Envoy's configuration is not secret: only the sidecar has keys."""
    done = invoke("render", gateway.config)

    assert done.code == 0
    assert yaml.safe_load(done.out)["static_resources"]["listeners"][0]["name"] == "edge"
    assert KEY not in done.out


def test_a_file_that_cannot_be_written_is_reported(home: Home, gateway: SmallGateway) -> None:
    """With the reason that the system gives."""
    done = invoke("render", gateway.config, "-o", home.directory / "nowhere" / "envoy.yaml")

    assert (done.code, done.err) == (1, f"Error: {home.directory}/nowhere/envoy.yaml: No such file or directory\n")


def test_the_schema_is_json() -> None:
    """To be used by an editor as it is."""
    schema = json.loads(invoke("schema").out)

    assert schema["additionalProperties"] is False


def test_a_bad_script_is_wrong_usage() -> None:
    """With the place in it."""
    done = invoke("mock", "--script", "429, nonsense")

    assert done.code == 2
    assert "Invalid value for --script: script, column 6" in done.err


@pytest.mark.parametrize(
    "command", ["up", "down", "restart", "demo", "validate", "schema", "render", "doctor", "serve", "ready", "mock"]
)
def test_every_command_explains_itself_and_its_exit_codes(command: str) -> None:
    """A stranger needs nothing else."""
    done = invoke(command, "--help")

    assert done.code == 0
    assert "Exit codes:" in done.out


def test_help_lists_every_command() -> None:
    """It imports none of them: help is there at once."""
    done = invoke("--help")

    assert [
        line.split()[0]
        for line in done.out.partition("Commands:")[2].partition("Exit codes:")[0].splitlines()
        if line.strip()
    ] == [
        "up",
        "down",
        "restart",
        "demo",
        "validate",
        "schema",
        "render",
        "doctor",
        "serve",
        "ready",
        "mock",
    ]


def test_the_version_is_the_packages() -> None:
    """For reports of bugs."""
    assert invoke("--version").out.startswith("extproc 0.")


def test_the_path_of_a_file_with_odd_characters_is_no_problem(home: Home, gateway: SmallGateway) -> None:
    """It is handed on as it is, never through a shell."""
    odd: Path = home.directory / "my gateway's $HOME.yaml"
    odd.write_text(gateway.config.read_text())

    assert invoke("validate", odd).code == 0
