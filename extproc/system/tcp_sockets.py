"""The TCP sockets of another process, from /proc (proc_pid_net(5))."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_LISTEN = "0A"
_LOCAL, _STATE, _INODE = 1, 3, 9  # fields of a line of /proc/net/tcp


def connections_to(pid: int, port: int) -> int | None:
    """Return how many connections to its *port* process *pid* holds, or None if /proc does not show them."""
    states = _states(pid, port)
    return None if states is None else sum(state != _LISTEN for state in states)


def listens(pid: int, port: int) -> bool:
    """Return whether process *pid* is seen to listen on *port*."""
    return _LISTEN in (_states(pid, port) or [])


def _states(pid: int, port: int) -> list[str] | None:
    """Return the state of each socket of process *pid* that is bound to *port*."""
    process = Path("/proc") / str(pid)
    held: set[str] = set()
    try:
        for file in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                held.add(str(file.readlink()))
        lines = [line for table in ("tcp", "tcp6") for line in (process / "net" / table).read_text().splitlines()[1:]]
    except OSError:  # another user's process, or it has exited meanwhile
        return None
    return [
        fields[_STATE]
        for fields in map(str.split, lines)
        if int(fields[_LOCAL].rpartition(":")[2], 16) == port and f"socket:[{fields[_INODE]}]" in held
    ]
