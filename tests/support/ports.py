"""TCP ports that nobody else gets while a test needs them."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """Keep *count* free ports of the loopback address for the programs that a test starts.

    A socket that is bound with SO_REUSEADDR but does not listen keeps its port from being handed out again, while a
    program that names the port and also sets SO_REUSEADDR, as servers do, can listen on it. So any number of test runs
    can share a machine.
    """
    holders: list[socket.socket] = []
    try:
        for _ in range(count):
            holder = socket.socket()
            holders.append(holder)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
        yield [holder.getsockname()[1] for holder in holders]
    finally:
        for holder in holders:
            holder.close()
