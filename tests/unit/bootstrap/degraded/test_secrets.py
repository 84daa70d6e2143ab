from __future__ import annotations

import yaml
from support.config import files

from extproc.bootstrap.degraded.secrets import secret_files

DEGRADED = {"on_failure": "default_provider"}


def secrets(model: str = files.P, **keys: object) -> dict[str, str]:
    """Return the value in each secret file for a default with *keys*."""
    gateway = files.gateway(files.a_file(files.a_provider(model, **keys, default=True), sidecar=DEGRADED))
    return {name: _value(text) for name, text in secret_files(gateway).items()}


def _value(text: str) -> str:
    (secret,) = yaml.safe_load(text)["resources"]
    value: str = secret["generic_secret"]["secret"]["inline_string"]
    return value


def test_each_header_has_a_file() -> None:
    """The credential of each API that the default speaks, and the operator's own headers."""
    assert secrets(model=files.S, access_key="sk-1", headers={"X-Team": 'a "b": c'}) == {
        "authorization.yaml": "Bearer sk-1",
        "x-api-key.yaml": "sk-1",
        "x-team.yaml": 'a "b": c',
    }


def test_of_several_keys_the_first_is_used() -> None:
    """Taking turns is policy."""
    assert secrets(access_keys=["sk-1", "sk-2"]) == {"authorization.yaml": "Bearer sk-1"}


def test_there_are_none_when_requests_are_refused() -> None:
    assert secret_files(files.gateway(files.a_file(files.a_provider(default=True)))) == {}


def test_a_file_names_its_secret() -> None:
    """Envoy looks for the secret by its name."""
    gateway = files.gateway(files.a_file(files.a_provider(default=True), sidecar=DEGRADED))

    (secret,) = yaml.safe_load(secret_files(gateway)["authorization.yaml"])["resources"]

    assert secret["name"] == "authorization"
    assert secret["@type"].endswith("tls.v3.Secret")
