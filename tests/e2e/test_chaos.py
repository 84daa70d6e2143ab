"""Everything fails at once, under load: workers and Envoy are restarted, providers flap. No client notices."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.load import Load
from support.gateway.providers import IMPATIENCE_MS, S, T, refusing
from support.gateway.running import running_gateway
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from support.gateway.running import Gateway
    from support.gateway.up import Up

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

CLIENTS = 12
SECONDS = 10.0
MANY = 5000  # requests of the long runs
TROUBLE_AT_LEAST = 2  # times in a run; on an idle machine it is ten times that

TRACEBACK = "Traceback (most recent call last)"
"""What must not be written even here; Envoy tells of every stream that a killed worker has left."""

FAILING = "200, 429, 200, 503, 200, loop"
FLAPPING = "200, 429, reset_mid_headers(gap=0), 200, silence, 503, reset, 200, loop"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a gateway with two workers in front of three providers, each a fallback of the first."""
    policy = {
        "fallback_models": [T, S],
        "default_max_attempts": 4,
        "on_timeout": {"strategy": "different_provider", "max_attempts": 3, "after_ms": IMPATIENCE_MS * 5},
    }
    async with running_gateway(policy=policy, sidecar={"workers": 2}, kept=1024, trouble=[TRACEBACK]) as gateway:
        yield gateway


async def kill_at_random(up: Up) -> None:
    """Kill a worker, whichever, every 300 ms."""
    while True:
        with suppress(ProcessLookupError, IndexError):  # there may be none just now
            os.kill(random.choice(up.workers), signal.SIGKILL)  # noqa: S311 -- not a secret
        await asyncio.sleep(0.3)


def killed(up: Up) -> int:
    """Tell how often the sidecar has lost a worker by a kill."""
    return len(re.findall(r"worker_ended worker=\d+ how=SIGKILL", up.output))


async def restart_in_turn(up: Up) -> None:
    """Stop each worker gracefully once the replacement of the last one serves."""
    while True:
        for pid in up.workers:
            successor = serving(up) + 1
            os.kill(pid, signal.SIGTERM)
            await eventually(partial(served, up, successor), within=60)


async def replace_envoy(up: Up) -> None:
    """Restart Envoy again and again: each time, the parent drains."""
    while True:
        await up.restart()


def replaced(up: Up) -> int:
    """Tell how often Envoy has been replaced."""
    return up.output.count("the new Envoy is live")


def flaps(gateway: Gateway) -> int:
    """Tell how many calls the first provider has not answered well."""
    return sum(call.step != "200" for call in gateway.p.calls)


def serving(up: Up) -> int:
    """Tell how often a worker has begun to serve."""
    return up.output.count("worker_serving")


def served(up: Up, times: int) -> bool:
    """Tell whether a new worker has begun to serve so many times."""
    return serving(up) >= times


@asynccontextmanager
async def meanwhile(trouble: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Make *trouble* while the context lasts."""
    task = asyncio.create_task(trouble)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def for_seconds(seconds: float) -> Callable[[Load], bool]:
    """Return what tells that so many seconds have passed from now on."""
    over = time.monotonic() + seconds
    return lambda _: time.monotonic() > over


def for_requests(requests: int) -> Callable[[Load], bool]:
    """Return what tells that so many requests are done."""
    return lambda load: load.requests >= requests


async def check(
    what: str,
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
    enough: Callable[[Load], bool],
    *,
    trouble: Callable[[], int],
) -> None:
    """Send requests until it is *enough*, print the figures, and fail if a client has noticed anything.

    *trouble* tells how often that has happened which no client may notice: without any, nothing is shown.
    """
    load, before = Load(gateway), trouble()
    await load.run(clients=CLIENTS, until=lambda: enough(load))
    figures = load.figures()
    with capsys.disabled():
        print(f"\n{what}: {figures}")  # noqa: T201 -- the figures are what the test is for
    assert figures.requests >= CLIENTS
    assert trouble() - before >= TROUBLE_AT_LEAST
    assert figures.failed == []
    assert figures.wrong == []
    assert figures.twice == []


async def test_workers_are_killed(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """A request that a worker was about is taken on by another; a good answer is never generated twice."""
    gateway.play(p=FAILING)
    async with meanwhile(kill_at_random(gateway.up)):
        await check(
            "a worker killed every 300 ms", gateway, capsys, for_seconds(SECONDS), trouble=partial(killed, gateway.up)
        )


async def test_workers_are_restarted_in_turn(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """That is how a new version or configuration comes in."""
    gateway.play(p=FAILING)
    async with meanwhile(restart_in_turn(gateway.up)):
        await check(
            "workers restarted in turn", gateway, capsys, for_seconds(SECONDS), trouble=partial(serving, gateway.up)
        )


async def test_a_provider_flaps(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """What is delivered is one provider's answer from its first byte to its last, whatever was tried before."""
    gateway.play(p=FLAPPING)
    async with refusing(gateway.t):
        await check("a provider flaps", gateway, capsys, for_seconds(SECONDS), trouble=partial(flaps, gateway))


async def test_envoy_is_restarted(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """No connection is refused, and no answer broken off: one process takes the sockets over from the other."""
    gateway.play(p=FAILING)
    async with meanwhile(replace_envoy(gateway.up)):
        await check("Envoy restarted", gateway, capsys, for_seconds(SECONDS), trouble=partial(replaced, gateway.up))


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_workers_are_killed_for_long(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.play(p=FAILING)
    async with meanwhile(kill_at_random(gateway.up)):
        await check(
            "a worker killed every 300 ms, long",
            gateway,
            capsys,
            for_requests(MANY),
            trouble=partial(killed, gateway.up),
        )


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_workers_are_restarted_in_turn_for_long(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.play(p=FAILING)
    async with meanwhile(restart_in_turn(gateway.up)):
        await check(
            "workers restarted in turn, long",
            gateway,
            capsys,
            for_requests(MANY),
            trouble=partial(serving, gateway.up),
        )


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_provider_flaps_for_long(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.play(p=FLAPPING)
    async with refusing(gateway.t):
        await check("a provider flaps, long", gateway, capsys, for_requests(MANY), trouble=partial(flaps, gateway))


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_envoy_is_restarted_for_long(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.play(p=FAILING)
    async with meanwhile(replace_envoy(gateway.up)):
        await check("Envoy restarted, long", gateway, capsys, for_requests(MANY), trouble=partial(replaced, gateway.up))
