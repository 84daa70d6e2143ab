"""Each client in an environment of its own: made from exact versions, and made anew only when these change."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from clients.catalog import Client

_LOCKS = ("requirements.txt", "package.json", "package-lock.json")
_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")
_NPM = ("npm", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error")
_MADE_FROM = ".made-from"


class NotInstalledError(Exception):
    """An environment cannot be made; the message says why."""


def pinned_version(client: Client) -> str:
    """Return the exact version of *client*'s own package.

    Raises:
        LookupError: when its pins do not name it.
    """
    if client.is_node:
        return str(json.loads((client.pins / "package.json").read_text())["dependencies"][client.package])
    lines = (client.pins / "requirements.txt").read_text().splitlines()
    found = dict(line.split("==") for line in lines)
    return found[client.package]


def prepare(client: Client, root: Path) -> Path:
    """Return the directory of *client*'s environment below *root*, made if it is not there yet.

    Raises:
        NotInstalledError: when that fails.
    """
    directory = root / client.name
    digest = hashlib.sha256(b"".join(_read(client.pins / name) for name in _LOCKS)).hexdigest()
    if _read(directory / _MADE_FROM).decode() != digest:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        if client.is_node:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(client.pins / name, directory)
            _run([*_NPM, "ci"], directory)
        else:
            _make_venv(directory)
            _run([directory / "bin" / "python", *_PIP, "install", "-r", client.pins / "requirements.txt"], directory)
        (directory / _MADE_FROM).write_text(digest)
    if client.driver.suffix == ".mjs":  # Node looks for packages beside the program
        for path in (client.driver, client.driver.with_name("contract.mjs")):
            shutil.copy(path, directory)
    return directory


def renew(client: Client, root: Path) -> None:
    """Pin the newest version of *client*'s packages, and of all that they need.

    Raises:
        NotInstalledError: when they cannot be installed.
    """
    directory = root / f"{client.name}-renewed"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    names = (client.package, *client.also)
    if client.is_node:
        (directory / "package.json").write_text('{"private": true, "type": "module"}')
        _run([*_NPM, "install", "--save-exact", "--omit-lockfile-registry-resolved", *names], directory)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(directory / name, client.pins)
    else:
        python = _make_venv(directory)
        _run([python, *_PIP, "install", *names], directory)
        frozen = _run([python, *_PIP, "freeze"], directory)
        lines = [
            re.sub(r"^[^=]+", lambda name: name[0].lower().replace("_", "-"), line) for line in frozen.splitlines()
        ]
        (client.pins / "requirements.txt").write_text("".join(f"{line}\n" for line in sorted(lines)))
    shutil.rmtree(directory)


def command(client: Client, directory: Path) -> list[Path | str]:
    """Return what runs *client*'s driver, in *directory*."""
    if client.driver.suffix == ".mjs":
        return ["node", directory / client.driver.name]
    return [sys.executable if client.is_node else directory / "bin" / "python", client.driver]


def _make_venv(directory: Path) -> Path:
    _run([sys.executable, "-m", "venv", directory], directory)
    return directory / "bin" / "python"


def _run(arguments: list[Path | str], directory: Path) -> str:
    """Run *arguments* to their end, and return what they print."""
    environ = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}  # that is of our own
    try:
        done = subprocess.run(arguments, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotInstalledError(f"{arguments[0]} cannot be started: {error.strerror}") from error
    if done.returncode:
        raise NotInstalledError(f"{' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}".strip())
    return done.stdout


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
