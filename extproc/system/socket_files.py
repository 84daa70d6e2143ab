"""Unix sockets: their owner, mode and directory."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.system.errors import ListenError

if TYPE_CHECKING:
    from pathlib import Path

_DIRECTORY = 0o700
_GROUP = 0o070


@dataclass(frozen=True, slots=True)
class SocketAccess:
    """Mode and group of a Unix socket; *group* None is the process's own."""

    mode: int = 0o600
    group: str | None = None


OWNER_ALONE = SocketAccess()


def make_directory(directory: Path, access: SocketAccess) -> None:
    """Create the *directory* of a socket if only that is missing, accessible as *access* says.

    Raises:
        ListenError: it is missing and cannot be created.
    """
    if directory.is_dir():
        return
    try:
        directory.mkdir(mode=_DIRECTORY)
    except FileExistsError:  # another worker was faster
        if not directory.is_dir():
            raise ListenError(f"{directory}: is not a directory, so no socket can be in it") from None
        return
    except FileNotFoundError:
        raise ListenError(f"{directory}: there is no such directory, nor {directory.parent} to make it in") from None
    except OSError as error:
        raise ListenError(
            f"{directory}: there is no such directory, and it cannot be made: {error.strerror}"
        ) from error
    if access.mode & _GROUP:
        _give(directory, access.group, _DIRECTORY | _GROUP)


def share(path: Path, access: SocketAccess) -> None:
    """Set mode and group of the socket at *path*, which has mode 0600 so far.

    Raises:
        ListenError: that fails; the socket is removed then.
    """
    try:
        _give(path, access.group, access.mode)
    except ListenError:
        path.unlink(missing_ok=True)
        raise


def remove_stale(path: Path) -> None:
    """Remove the stale socket of a killed server, on which no process listens.

    Raises:
        ListenError: a process listens on it, or it is no socket.
        OSError: it cannot be removed.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"unix:{path}: there is a file that is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)  # a listener with a full queue is one all the same
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass
    raise ListenError(f"unix:{path}: another process is listening there")


def who_could_replace(path: Path) -> str | None:
    """Return why other users could replace the socket at *path*; None if they could not."""
    try:
        directory = path.parent.stat()
    except OSError:  # it will be created, or listening will fail
        return None
    if directory.st_mode & stat.S_IWOTH and not directory.st_mode & stat.S_ISVTX:
        return "its directory is world-writable"
    if directory.st_uid not in {0, os.geteuid()}:
        return "its directory belongs to another user"
    return None


def _give(path: Path, group: str | None, mode: int) -> None:
    """Set the group of *path*, and only then its mode."""
    try:
        if group is not None:
            shutil.chown(path, group=int(group) if group.isdecimal() else group)
        path.chmod(mode)
    except LookupError:
        raise ListenError(f"unix:{path}: there is no group {group}") from None
    except OSError as error:
        raise ListenError(f"unix:{path}: cannot be given to its group: {error.strerror}") from error
