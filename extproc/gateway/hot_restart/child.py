"""The start of a new Envoy beside the one that serves."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.exits import Failure
from extproc.gateway import envoy_admin
from extproc.gateway.envoy_binary import find_envoy, hot_restart_version_of
from extproc.gateway.envoy_command import check_command, envoy_command
from extproc.system.child_processes import Ended
from extproc.system.tcp_sockets import listens

if TYPE_CHECKING:
    from extproc.gateway.envoy_admin import Admin
    from extproc.gateway.launch import Launch
    from extproc.system.child_processes import Family, News

NEW = "the new Envoy"

_CHECK = "the new Envoy's check"
_POLL = 0.05


def check_new(launch: Launch, family: Family, directory: Path, serving: Admin) -> News | None:
    """Make sure that a new Envoy would start and can take over; return what is more important, if there is such news.

    That comes first because a new one that fails later may already have taken the admin endpoint.

    Raises:
        Failure: when it would not or cannot.
    """
    envoy = find_envoy(launch.envoy.path)
    old, new = envoy_admin.hot_restart_version(serving), hot_restart_version_of(envoy)
    if old != new:
        raise Failure(
            f"Envoy {envoy.version} cannot take over from the one that serves (hot restart version {new}, that has "
            f"{old}): `extproc down` and `extproc up` change to it."
        )
    told = directory / "check.log"
    family.start(_CHECK, check_command(envoy.path, directory), output=Path(os.devnull), errors=told)
    news = family.wait(launch.start_timeout)
    if isinstance(news, Ended) and news.name == _CHECK:
        if news.status != 0:
            raise Failure(f"a new Envoy would not start: {told.read_text(errors='replace').strip() or news}")
        return None
    family.kill(_CHECK)
    if news is None:
        raise Failure(f"a new Envoy has not read its configuration in {launch.start_timeout:g} s.")
    return news


def start_new(launch: Launch, family: Family, directory: Path, *, epoch: int, before: int) -> News | None:
    """Start the Envoy of *epoch* and wait until it serves; return what is more important, if there is such news.

    It is there afterwards exactly if it serves: then it has told the one *before*, a process id, to drain. That must
    not end earlier: the new one would abort, for it tells nobody.

    Raises:
        Failure: when it has ended, or does not serve in time.
    """
    family.start(NEW, envoy_command(launch, directory, epoch=epoch))
    deadline = time.monotonic() + launch.start_timeout
    while not _has_taken_over(launch, epoch, before):
        if time.monotonic() > deadline:
            family.kill(NEW)
            raise Failure(f"a new Envoy does not serve after {launch.start_timeout:g} s.{_aftermath(launch)}")
        news = family.wait(_POLL)
        if isinstance(news, Ended) and news.name == NEW:
            raise Failure(f"{news}.{_aftermath(launch)}")
        if news is not None:
            if not _has_taken_over(launch, epoch, before):  # one that serves may have taken requests since we looked
                family.kill(NEW)
            return news
    return None


def _has_taken_over(launch: Launch, epoch: int, before: int) -> bool:
    # It says that it serves a moment before it tells the other one to drain, which then closes the socket.
    return envoy_admin.serving_epoch(launch.admin) == epoch and not listens(before, launch.gateway.listener.port)


def _aftermath(launch: Launch) -> str:
    """Return what else is to be told of a new Envoy that has gone while it was starting.

    Envoy keeps in shared memory that one is starting, and only that one takes it back: later ones may refuse to start.
    """
    admin = "" if launch.admin.ask("GET", "/ready") is not None else f" It has taken {launch.admin} with it."
    return f"{admin} If that goes on, `extproc down` and `extproc up` help."
