"""What one worker of the sidecar does from its start to its end."""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import uvloop

from extproc.config.gateway import Transport
from extproc.exchange.session import Exchange
from extproc.exits import ExitCode
from extproc.observe.log import attempt_log, batched_log
from extproc.policy.blocks import Blocks
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowAnswers
from extproc.system.stop_signals import StopRequests
from extproc.transport.lean.server import LeanServer
from extproc.transport.server import Server
from extproc.transport.service import Processor
from extproc.transport.socket_files import SocketAccess
from extproc.workers.block_sync import Membership
from extproc.workers.malloc import keep_freed_blocks, return_freed_memory_regularly

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from extproc.config.gateway import Gateway, SidecarSettings
    from extproc.exchange.attempt_record import AttemptRecord
    from extproc.policy.units import Instant, Millis


@dataclass(frozen=True, slots=True)
class Duty:
    """What every worker of a sidecar is there for; *clock* is one for all, so that their instants compare."""

    gateway: Gateway
    clock: Callable[[], Instant]
    grace: Millis


def work(duty: Duty, listen: str, hub: socket.socket, serving: Callable[[str], None]) -> ExitCode:
    """Serve Envoy on *listen* until told to stop; *serving* is told the address once that has begun.

    Raises:
        ListenError: the address is in use or cannot be used.
        EOFError: the other end of *hub* has gone.
    """
    style = duty.gateway.sidecar.log_format
    with batched_log(style, sys.stderr) as lines, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(duty, listen, hub, serving, attempt_log(style, lines)))


async def _work(
    duty: Duty,
    listen: str,
    hub: socket.socket,
    serving: Callable[[str], None],
    observe: Callable[[AttemptRecord], None],
) -> ExitCode:
    keep_freed_blocks()  # before the first body: bodies are what a worker has of large things
    trimming = asyncio.create_task(return_freed_memory_regularly())
    requests = StopRequests.installed()
    membership = await Membership.over(hub)
    blocks = Blocks(publish=membership.publish)
    await membership.join(blocks, duty.clock)  # first: nobody may be sent where the others know better
    processor = _processor(duty, blocks, observe)
    server = _server(duty.gateway.sidecar, processor, listen)
    await server.start()
    serving(server.address)
    await requests.next()
    forced = await requests.run_until_stopped(server.drain(duty.grace))
    trimming.cancel()
    await membership.leave()
    return ExitCode.FORCED if forced else ExitCode.OK


def _server(settings: SidecarSettings, processor: Processor[AttemptRecord], listen: str) -> Server | LeanServer:
    access, most = SocketAccess(settings.socket_mode, settings.socket_group), settings.max_body_bytes
    match settings.transport:
        case Transport.LEAN:
            return LeanServer(processor, listen=listen, max_body_bytes=most, access=access)
        case Transport.GRPCIO:
            return Server(processor, listen=listen, max_body_bytes=most, access=access, tls=settings.tls)
        case _:
            assert_never(settings.transport)


def _processor(duty: Duty, blocks: Blocks, observe: Callable[[AttemptRecord], None]) -> Processor[AttemptRecord]:
    """Return what serves Envoy, with everything that outlives requests: *blocks*, slow answers, whose turn it is."""
    exchange = Exchange(
        Engine(duty.gateway.catalog, blocks, SlowAnswers()),
        duty.gateway.upstreams,
        duty.gateway.listener.timeout,
        duty.gateway.sidecar.max_body_bytes,
    )
    dice = random.SystemRandom().random  # workers must not draw alike, however they were started
    return Processor(lambda: exchange.open(dice), duty.clock, observe)
