"""What `up` does once it serves, until its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from extproc.exits import ExitCode
from extproc.gateway.launch import ENVOY, SIDECAR
from extproc.system.child_processes import StopAsked

if TYPE_CHECKING:
    from extproc.gateway.hot_restart.coordinator import Envoys
    from extproc.system.child_processes import News

_CODES = {ENVOY: ExitCode.ENVOY_ENDED, SIDECAR: ExitCode.SIDECAR_ENDED}
_POLL = 0.05


def stay(envoys: Envoys) -> ExitCode:
    """Keep the gateway up until something ends it, and return what the exit code has to say."""
    return finish(envoys.until_news(), envoys)


def finish(news: News, envoys: Envoys) -> ExitCode:
    """Return what the exit code has to say about *news*, once requests in flight have had their time.

    Being asked once more, or the end of either process, cuts that time short. Leaving the family ends what is left.
    """
    if isinstance(news, StopAsked):
        click.echo("stopping: requests in flight may finish (once more to stop at once) …", err=True)
        cut_short = _drain(envoys)
        if cut_short is None:
            return ExitCode.OK
        if isinstance(cut_short, StopAsked):
            return ExitCode.FORCED
        news = cut_short
    click.echo(f"{news}: everything else is ended too.", err=True)
    return _CODES.get(news.name, ExitCode.FAILED)


def _drain(envoys: Envoys) -> News | None:
    envoys.stop_accepting()
    grace = envoys.launch.grace
    deadline = time.monotonic() + grace
    while left := envoys.requests_in_flight():
        if time.monotonic() > deadline:
            click.echo(f"{left} request(s) not finished after {grace:g} s are cut off.", err=True)
            return None
        news = envoys.wait(_POLL)
        if news is not None:
            return news
    return None
