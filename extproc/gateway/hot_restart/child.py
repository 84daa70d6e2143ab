"""Starting the child Envoy of a hot restart."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.exits import Failure
from extproc.gateway import envoy_admin
from extproc.gateway.envoy_binary import find_envoy, hot_restart_version_of
from extproc.gateway.envoy_command import check_command, envoy_command
from extproc.system.child_processes import ChildExited
from extproc.system.tcp_sockets import listens

if TYPE_CHECKING:
    from extproc.gateway.envoy_admin import Admin
    from extproc.gateway.launch import Launch
    from extproc.system.child_processes import ChildProcesses, Event

CHILD = "the new Envoy"

_CHECK = "the configuration check"
_POLL = 0.05


def check_child(launch: Launch, children: ChildProcesses, directory: Path, serving: Admin) -> Event | None:
    """Check that a new Envoy would start and could take over; return an event that takes precedence, if one occurs.

    Checked first, because a child that fails later may already have taken over the admin endpoint.

    Raises:
        Failure: it would not or could not.
    """
    envoy = find_envoy(launch.envoy.path)
    running, new = envoy_admin.hot_restart_version(serving), hot_restart_version_of(envoy)
    if running != new:
        raise Failure(
            f"Envoy {envoy.version} (hot restart version {new}) cannot take over from the running one ({running}): "
            "use `extproc down` and `extproc up` instead."
        )
    log = directory / "check.log"
    children.start(_CHECK, check_command(envoy.path, directory), output=Path(os.devnull), errors=log)
    event = children.wait(launch.start_timeout)
    if isinstance(event, ChildExited) and event.name == _CHECK:
        if event.status != 0:
            raise Failure(f"the new Envoy would not start: {log.read_text(errors='replace').strip() or event}")
        return None
    children.kill(_CHECK)
    if event is None:
        raise Failure(f"the new Envoy has not read its configuration in {launch.start_timeout:g} s.")
    return event


def start_child(launch: Launch, children: ChildProcesses, directory: Path, *, epoch: int, parent: int) -> Event | None:
    """Start the Envoy of *epoch* and wait until it is live; return an event that takes precedence, if one occurs.

    The child runs afterwards exactly if it is live; by then it has sent its *parent*, a process id, the drain request.
    The parent must not exit earlier: the child would abort if that message had no receiver.

    Raises:
        Failure: the child exited, or is not live in time.
    """
    children.start(CHILD, envoy_command(launch, directory, epoch=epoch))
    deadline = time.monotonic() + launch.start_timeout
    while not _has_taken_over(launch, epoch, parent):
        if time.monotonic() > deadline:
            children.kill(CHILD)
            raise Failure(f"the new Envoy is not live after {launch.start_timeout:g} s.{_aftermath(launch)}")
        event = children.wait(_POLL)
        if isinstance(event, ChildExited) and event.name == CHILD:
            raise Failure(f"{event}.{_aftermath(launch)}")
        if event is not None:
            if not _has_taken_over(
                launch, epoch, parent
            ):  # a live child may have accepted requests since the last check
                children.kill(CHILD)
            return event
    return None


def _has_taken_over(launch: Launch, epoch: int, parent: int) -> bool:
    # It reports LIVE a moment before it has its parent drain, which then closes the listening socket.
    return envoy_admin.serving_epoch(launch.admin) == epoch and not listens(parent, launch.gateway.listener.port)


def _aftermath(launch: Launch) -> str:
    """Return what else to report of a child that exited during its start.

    A flag in shared memory says that a child is initializing, and only that child clears it: later ones may refuse to
    start.
    """
    admin = (
        ""
        if launch.admin.request("GET", "/ready") is not None
        else f" Its parent lost the admin endpoint {launch.admin} to it."
    )
    return f"{admin} If this persists, run `extproc down` and `extproc up`."
