"""Writing the files from which Envoy takes the default target's credential, for `sidecar.on_failure`."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from extproc.bootstrap.degraded.secrets import secret_files
from extproc.exits import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.config.gateway import Gateway

_OURS_ALONE = 0o600


def write_secrets(gateway: Gateway, directory: Path) -> int:
    """Write them into *directory*, readable by this user alone; return how many there are.

    Each is moved into its place whole: an Envoy that is running takes in the new one, and never half of it.

    Raises:
        Failure: they cannot be written, or anybody could replace them.
    """
    files = secret_files(gateway)
    try:
        if files:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if directory.stat().st_mode & stat.S_IWOTH:
                raise Failure(f"{directory}: everybody can write there, and could replace the credential.")
        for name, text in files.items():
            _write(directory / name, text)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from error
    return len(files)


def _write(file: Path, text: str) -> None:
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OURS_ALONE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
            sink.write(text)
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
