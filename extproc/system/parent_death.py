"""Tying a child process to its parent, so that nothing outlives the one who would have ended it."""

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


def tether() -> Callable[[], None]:
    """Return what a child must call between fork and exec to end when this process does.

    The kernel sends it SIGTERM when the *thread* that started it has gone, however that came: so start children
    from a thread that stays, and let the process have no other threads at the time.
    """
    parent = os.getpid()

    def in_child() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # gone before the kernel knew that we wanted to be told
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    return in_child


def call_this_process(name: str) -> None:
    """Have `top` and `ps -o comm` show *name*: processes that were forked share one command line."""
    _LIBC.prctl(_PR_SET_NAME, name.encode())
