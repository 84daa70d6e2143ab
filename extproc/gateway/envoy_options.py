"""What Envoy's hot restart needs from us: its options, its shared memory, and somebody to talk to.

A new Envoy (of the next *epoch*) takes the listening sockets over from the one that serves, so that no connection is
refused meanwhile, and has it answer what it has begun.
"""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 -- where shm_open makes its files

LONGEST_SOCKET = "/e_udp_parent_18446744072002438010"
"""Longer than any name that Envoy gives a socket in a run's directory."""

_SOCKETS = "e"
_EPOCHS = 3  # after so many Envoy uses its names again

_NEVER = str(365 * 86_400)
"""Seconds after which a new Envoy ends the one before it: that is our part, we know when its requests are done."""

_PAGE = 4096


def why_unavailable(shared_memory: Path = SHARED_MEMORY) -> str | None:
    """Return why there can be no hot restart on this host, or None when there can."""
    try:
        with tempfile.TemporaryFile(dir=shared_memory) as file:
            os.posix_fallocate(file.fileno(), 0, _PAGE)  # Envoy would be ended by SIGBUS where there is no room
    except OSError as error:
        return f"shared memory cannot be used: {shared_memory}: {error.strerror}"
    return None


def options(directory: Path, epoch: int) -> list[str | Path]:
    """Return the options of the Envoy of *epoch* in a run that has *directory* to itself."""
    if epoch == 0 and why_unavailable() is not None:
        return ["--disable-hot-restart"]
    # The identity is one that nobody on this host has: any number of gateways can run.
    known = ["--use-dynamic-base-id", "--base-id-path", _identity(directory)]
    return [
        *(known if epoch == 0 else ["--base-id", _identity(directory).read_text().strip()]),
        *("--restart-epoch", str(epoch)),
        # By default any user could talk to it: abstract sockets have no owner.
        *("--socket-path", directory / _SOCKETS, "--socket-mode", "600"),
        *("--drain-strategy", "immediate"),  # a client's connection is closed with its next answer
        *("--parent-shutdown-time-s", _NEVER),
        "--skip-hot-restart-parent-stats",  # it would wait for ever for those of one that has ended
    ]


def is_used(directory: Path) -> bool:
    """Tell whether the Envoy of a run can be replaced by a hot restart."""
    return _identity(directory).exists()


def stand_in(directory: Path, epoch: int) -> int | None:
    """Return the descriptor of what takes the messages to the Envoy of *epoch*, which has ended, until it is closed.

    The one after it says good-bye when it is replaced or ended, and waits and aborts when nobody is there. The message
    needs no answer, so it is never read. A bare descriptor, because it has to outlive whoever refers to it: this
    process ends its Envoy last of all.
    """
    for path in directory.glob(f"{_SOCKETS}_parent_*{epoch % _EPOCHS}"):
        path.unlink()
        box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        box.bind(str(path))
        return box.detach()
    return None


def forget(directory: Path) -> None:
    """Remove the shared memory of a run that has ended: Envoy leaves it behind."""
    if is_used(directory):
        _region(directory).unlink(missing_ok=True)


def _identity(directory: Path) -> Path:
    return directory / "base-id"


def _region(directory: Path) -> Path:
    # Envoy leaves room for sockets' numbers between two identities.
    return SHARED_MEMORY / f"envoy_shared_memory_{int(_identity(directory).read_text()) * 10}"
