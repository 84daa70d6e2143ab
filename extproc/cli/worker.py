"""What one worker of the sidecar does from its start to its end."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvloop

from extproc.admin.log import attempt_log
from extproc.cli.allocator import give_large_blocks_back
from extproc.cli.exits import ExitCode
from extproc.cli.stopping import StopRequests
from extproc.exchange.session import Exchange
from extproc.policy.blocks import Blocks
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowAnswers
from extproc.transport.server import Server
from extproc.transport.service import Processor
from extproc.transport.sharing import Membership
from extproc.transport.socket_files import SocketAccess

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from extproc.config.gateway import Gateway
    from extproc.exchange.record import AttemptRecord
    from extproc.policy.model import Instant, Millis


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
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(duty, listen, hub, serving))


async def _work(duty: Duty, listen: str, hub: socket.socket, serving: Callable[[str], None]) -> ExitCode:
    give_large_blocks_back()  # before the first body: bodies are what a worker has of large things
    requests = StopRequests.taken_over()
    membership = await Membership.over(hub)
    blocks = Blocks(publish=membership.publish)
    await membership.join(blocks, duty.clock)  # first: nobody may be sent where the others know better
    processor = _processor(duty, blocks)
    settings = duty.gateway.sidecar
    server = Server(
        processor,
        listen=listen,
        max_body_bytes=settings.max_body_bytes,
        access=SocketAccess(settings.socket_mode, settings.socket_group),
        tls=settings.tls,
    )
    await server.start()
    serving(server.address)
    await requests.next()
    forced = await requests.cut_short(server.drain(duty.grace))
    await membership.leave()
    return ExitCode.FORCED if forced else ExitCode.OK


def _processor(duty: Duty, blocks: Blocks) -> Processor[AttemptRecord]:
    """Return what serves Envoy, with everything that outlives requests: *blocks*, slow answers, whose turn it is."""
    exchange = Exchange(
        Engine(duty.gateway.catalog, blocks, SlowAnswers()),
        duty.gateway.upstreams,
        duty.gateway.listener.timeout,
        duty.gateway.sidecar.max_body_bytes,
    )
    dice = random.SystemRandom().random  # workers must not draw alike, however they were started
    return Processor(lambda: exchange.open(dice), duty.clock, attempt_log())
