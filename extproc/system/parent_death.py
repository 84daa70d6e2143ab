"""PR_SET_PDEATHSIG: a child process is terminated when its parent dies, so that none is orphaned."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NAME = 15
_LIBC = ctypes.CDLL(None)  # before any fork: a child between fork and exec must not load libraries


def parent_death_signal() -> Callable[[], None]:
    """Return a function that a child calls between fork and exec, so that it gets SIGTERM when this process dies.

    The kernel sends the signal when the *thread* that started the child exits, for whatever reason (prctl(2)): start
    children from a thread that outlives them, and have no other threads at the time of the fork.
    """
    parent = os.getpid()

    def in_child() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent died before the call above
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    return in_child


def set_process_name(name: str) -> None:
    """Set the name that `top` and `ps -o comm` show: forked processes share one command line."""
    _LIBC.prctl(_PR_SET_NAME, name.encode())
