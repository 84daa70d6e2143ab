"""One worker process of the sidecar: start, serve, drain."""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import uvloop

from extproc.config.gateway import Transport
from extproc.exchange.attempt_context import Exchange
from extproc.exchange.session import Session
from extproc.exits import ExitCode
from extproc.observe.log import attempt_log, batched_log
from extproc.policy.blocks import Blocks
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.system.socket_files import SocketAccess
from extproc.system.stop_signals import StopRequests
from extproc.transport.lean.server import LeanServer
from extproc.transport.server import Server
from extproc.transport.service import Processor
from extproc.workers.block_sync import BlockPeer
from extproc.workers.malloc import keep_freed_blocks, return_freed_memory

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from extproc.addresses import Address
    from extproc.config.gateway import Gateway, SidecarSettings
    from extproc.exchange.attempt_record import AttemptRecord
    from extproc.policy.units import Instant, Millis
    from extproc.workers.liveness import Heartbeat


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What all workers of a sidecar share; *clock* is the same for all, so that their instants are comparable."""

    gateway: Gateway
    clock: Callable[[], Instant]
    grace: Millis


def run_worker(
    config: WorkerConfig,
    listen: Address,
    broker: socket.socket,
    serving: Callable[[Address], None],
    heartbeat: Heartbeat,
) -> ExitCode:
    """Serve Envoy on *listen* until a request to stop; *serving* is called with the address once it listens.

    *heartbeat* beats for as long as the event loop runs.

    Raises:
        ListenError: the address is in use or cannot be used.
        EOFError: the other end of *broker* was closed.
    """
    style = config.gateway.sidecar.log_format
    with batched_log(style, sys.stderr) as lines, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(config, listen, broker, serving, heartbeat=heartbeat, observe=attempt_log(style, lines)))


async def _run(
    config: WorkerConfig,
    listen: Address,
    broker: socket.socket,
    serving: Callable[[Address], None],
    *,
    heartbeat: Heartbeat,
    observe: Callable[[AttemptRecord], None],
) -> ExitCode:
    keep_freed_blocks()  # before the first body: bodies are the large allocations of a worker
    background = [asyncio.create_task(heartbeat.run()), asyncio.create_task(return_freed_memory())]
    requests = StopRequests.installed()
    peer = await BlockPeer.over(broker)
    blocks = Blocks(publish=peer.publish)
    await peer.subscribe(blocks, config.clock)  # before serving: no attempt may go to a target blocked already
    processor = _processor(config, blocks, observe)
    server = _server(config.gateway.sidecar, processor, listen)
    await server.start()
    serving(server.address)
    await requests.next()
    forced = await requests.run_until_stopped(server.drain(config.grace))
    for task in background:
        task.cancel()
    await peer.close()
    return ExitCode.FORCED if forced else ExitCode.OK


def _server(settings: SidecarSettings, processor: Processor[AttemptRecord], listen: Address) -> Server | LeanServer:
    access, most = SocketAccess(settings.socket_mode, settings.socket_group), settings.max_body_bytes
    match settings.transport:
        case Transport.LEAN:
            return LeanServer(processor, listen=listen, max_body_bytes=most, access=access)
        case Transport.GRPCIO:
            return Server(processor, listen=listen, max_body_bytes=most, access=access, tls=settings.tls)
        case _:
            assert_never(settings.transport)


def _processor(
    config: WorkerConfig, blocks: Blocks, observe: Callable[[AttemptRecord], None]
) -> Processor[AttemptRecord]:
    """Return the ext_proc service with all state that outlives a request: *blocks*, slow responses, round-robin."""
    exchange = Exchange(
        Engine(config.gateway.catalog, blocks, SlowResponses()),
        config.gateway.upstreams,
        config.gateway.listener.timeout,
        config.gateway.sidecar.max_body_bytes,
    )
    rng = random.SystemRandom().random  # forked workers must not share a seed
    return Processor(lambda: Session(exchange, rng), config.clock, observe)
