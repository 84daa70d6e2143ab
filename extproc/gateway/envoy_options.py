"""Envoy's hot restart: its command-line options, shared memory and domain sockets.

A child Envoy (of the next *epoch*) takes the listening sockets over from its parent, so that no connection is refused
meanwhile, and the parent drains (envoyproxy.io/docs, "Hot restart").
"""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 -- where shm_open(3) creates its files

LONGEST_SOCKET = "/e_udp_parent_18446744072002438010"
"""Longer than the name of any socket that Envoy creates in a run directory."""

_SOCKETS = "e"
_EPOCHS = 3  # after so many epochs Envoy reuses its socket names

_NEVER = str(365 * 86_400)
"""Seconds after which a child terminates its parent: never, the coordinator does so when the parent has drained."""

_PAGE = 4096


def why_unavailable(shared_memory: Path = SHARED_MEMORY) -> str | None:
    """Return why hot restart is not possible on this host, or None if it is."""
    try:
        with tempfile.TemporaryFile(dir=shared_memory) as file:
            os.posix_fallocate(file.fileno(), 0, _PAGE)  # without free space Envoy would be killed by SIGBUS
    except OSError as error:
        return f"shared memory cannot be used: {shared_memory}: {error.strerror}"
    return None


def options(directory: Path, epoch: int) -> list[str | Path]:
    """Return the options of the Envoy of *epoch* in the run directory *directory*."""
    if epoch == 0 and why_unavailable() is not None:
        return ["--disable-hot-restart"]
    # Envoy chooses a base id that is unused on this host, so that any number of gateways can run.
    known = ["--use-dynamic-base-id", "--base-id-path", _base_id_file(directory)]
    return [
        *(known if epoch == 0 else ["--base-id", _base_id_file(directory).read_text().strip()]),
        *("--restart-epoch", str(epoch)),
        # By default any user could send it messages: abstract sockets have no owner.
        *("--socket-path", directory / _SOCKETS, "--socket-mode", "600"),
        *("--drain-strategy", "immediate"),  # a client's connection is closed with its next response
        *("--parent-shutdown-time-s", _NEVER),
        "--skip-hot-restart-parent-stats",  # it would wait for ever for those of a parent that has exited
    ]


def is_used(directory: Path) -> bool:
    """Return whether the Envoy of a run was started with hot restart."""
    return _base_id_file(directory).exists()


def placeholder_socket(directory: Path, epoch: int) -> int | None:
    """Return a socket that receives the messages for the Envoy of *epoch*, which has exited, until it is closed.

    Its child sends it a shutdown message when replaced or stopped, and aborts if there is no receiver. The message
    needs no response, so it is never read. A bare descriptor, which no destructor closes: the socket must exist until
    this process has stopped its Envoy.
    """
    for path in directory.glob(f"{_SOCKETS}_parent_*{epoch % _EPOCHS}"):
        path.unlink()
        box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        box.bind(str(path))
        return box.detach()
    return None


def forget(directory: Path) -> None:
    """Remove the shared memory of a run that has ended: Envoy does not."""
    if is_used(directory):
        _region(directory).unlink(missing_ok=True)


def _base_id_file(directory: Path) -> Path:
    return directory / "base-id"


def _region(directory: Path) -> Path:
    # Envoy multiplies the base id by ten, to leave room for its socket names.
    return SHARED_MEMORY / f"envoy_shared_memory_{int(_base_id_file(directory).read_text()) * 10}"
