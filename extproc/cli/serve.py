"""`extproc serve`."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from typing import TYPE_CHECKING

import click
import uvloop

from extproc.admin.log import attempt_log, log_event, set_up_logging
from extproc.cli.clock import anchored_clock
from extproc.cli.configuration import CONFIG, load_config
from extproc.cli.exits import TABLE, ExitCode, Failure
from extproc.cli.stopping import StopRequests
from extproc.exchange.session import Exchange
from extproc.policy.blocks import Blocks
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowAnswers
from extproc.transport.errors import ListenError
from extproc.transport.server import Server
from extproc.transport.service import Processor

if TYPE_CHECKING:
    from pathlib import Path

    from extproc.config.gateway import Gateway
    from extproc.exchange.record import AttemptRecord


@click.command(epilog=TABLE)
@CONFIG
@click.option("--listen", metavar="ADDRESS", help="unix:/path or host:port.  [default: sidecar.listen in CONFIG]")
@click.option(
    "--grace",
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long attempts under way may take when it is told to stop.",
)
def serve(*, config: Path, listen: str | None, grace: float) -> None:
    """Run the sidecar alone, beside an Envoy of your own that CONFIG's `extproc render` was written for.

    Logs to standard error: a line when it is ready, then one line for each attempt. At Ctrl-C or SIGTERM it takes no
    new attempts and ends when those under way have; a second time ends it at once.
    """
    loaded = load_config(config)
    gateway = loaded.gateway
    set_up_logging(gateway.sidecar.log_format, sys.stderr)
    for warning in loaded.warnings:
        log_event("configuration", {"place": warning.place, "problem": warning.text}, level=logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            code = runner.run(_serve(gateway, listen or gateway.sidecar.listen, grace))
        except ListenError as error:
            raise Failure(str(error)) from error
    sys.exit(code)


async def _serve(gateway: Gateway, listen: str, grace: float) -> ExitCode:
    requests = StopRequests.taken_over()
    server = Server(_processor(gateway), listen=listen, max_body_bytes=gateway.sidecar.max_body_bytes)
    await server.start()
    log_event("ready", {"listen": server.address, "targets": len(gateway.catalog.targets)})
    await requests.next()
    log_event("stopping", {"grace_ms": int(grace * 1000)})
    forced = await requests.cut_short(server.drain(int(grace * 1000)))
    return ExitCode.FORCED if forced else ExitCode.OK


def _processor(gateway: Gateway) -> Processor[AttemptRecord]:
    """Return what serves Envoy, with everything that outlives requests: blocks, slow answers, whose turn it is."""
    exchange = Exchange(
        Engine(gateway.catalog, Blocks(), SlowAnswers()),
        gateway.upstreams,
        gateway.listener.timeout,
        gateway.sidecar.max_body_bytes,
    )
    dice = random.SystemRandom().random  # workers must not draw alike, however they were started
    return Processor(lambda: exchange.open(dice), anchored_clock(), attempt_log())
