"""Writing Envoy's SDS secret files with the default target's credential, for `sidecar.on_failure`."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from extproc.bootstrap.degraded.secrets import secret_files
from extproc.exits import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.config.gateway import Gateway

_OWNER_ONLY = 0o600


def write_secrets(gateway: Gateway, directory: Path) -> int:
    """Write the secret files of *gateway* into *directory*, with mode 0600; return how many there are.

    Each is replaced atomically: a running Envoy, which watches them, never reads a partial file.

    Raises:
        Failure: they cannot be written, or other users could replace them.
    """
    files = secret_files(gateway)
    try:
        if files:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if directory.stat().st_mode & stat.S_IWOTH:
                raise Failure(
                    f"{directory}: the directory is world-writable, so that any user could replace the credential."
                )
        for name, text in files.items():
            _write(directory / name, text)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from error
    return len(files)


def _write(file: Path, text: str) -> None:
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
            sink.write(text)
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
