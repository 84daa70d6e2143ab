"""Whatever breaks between Envoy, the sidecar and a provider, in whatever order: no more calls than the policy allows.

The sidecar's own code serves a real Envoy here; a saboteur in between loses streams and is late where a test says so.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio
import yaml
from support.envoy.process import running_envoy
from support.ports import reserved_ports
from support.sidecar.server import now
from support.waiting import eventually

from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.config.load import load
from extproc.exchange.attempt_context import Exchange
from extproc.exchange.events import ContinueProcessing, RequestBody, ResponseBody, ResponseHeaders, Send
from extproc.exchange.session import Session
from extproc.mock.server import MockProvider
from extproc.policy.blocks import Blocks
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.policy.units import Instant
from extproc.transport.server import Server
from extproc.transport.service import Processor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from extproc.exchange.attempt_record import AttemptRecord
    from extproc.exchange.events import Directive, Event

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

MOST_CALLS = 3
"""The policy's max_total_attempts."""

MESSAGE_TIMEOUT = 1.0
"""Seconds that this Envoy waits for a verdict: more than a busy machine keeps the sidecar from giving one."""

AT_ONCE = 24
"""Requests at a time."""


class Fate(Enum):
    """What becomes of the stream to the sidecar."""

    ENDS_WELL = "ends well"
    LOST_BEFORE_ITS_CALL = "lost before its call"
    LOST_AT_HEADERS = "lost at response headers"
    LOST_AT_BODY = "lost while the body is read"
    LATE = "late verdict"


@dataclass(frozen=True)
class Turn:
    """What happens in one attempt: the provider's step (None: it is not called), and the stream's fate."""

    name: str
    step: str | None
    fate: Fate = Fate.ENDS_WELL


BODY = 'body={"error": {"code": "rate_limit_exceeded"}}'
TURNS = (
    Turn("429", f"429({BODY})"),
    Turn("cut 429", f"close_mid_body(status=429, {BODY}, sent=9, gap=0)"),
    Turn("cut 503", f"reset_mid_body(status=503, {BODY}, sent=0, gap=0)"),
    Turn("reset", "reset"),
    Turn("lost before", None, Fate.LOST_BEFORE_ITS_CALL),
    Turn("503 lost", f"503({BODY})", Fate.LOST_AT_HEADERS),
    Turn("429 lost", f"429({BODY})", Fate.LOST_AT_BODY),
    Turn("cut 500 lost", f"close_mid_body(status=500, {BODY}, sent=3, gap=0)", Fate.LOST_AT_HEADERS),
    Turn("429 late", f"429({BODY}, retry_after=0)", Fate.LATE),
)


class StreamIsLostError(Exception):
    """Planted: the stream ends without a verdict."""


@dataclass
class Plan:
    """What is to happen to each request, by the model that it names. Mutable: streams take their fates in turn."""

    fates: dict[str, list[Fate]] = field(default_factory=lambda: defaultdict(list))

    def of(self, model: str) -> Fate:
        """Return the fate of the next stream for *model*."""
        return self.fates[model].pop(0) if self.fates[model] else Fate.ENDS_WELL


class Sabotaged:
    """A session whose stream has the fate that the plan holds for it."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._fate = Fate.ENDS_WELL

    def receive(self, event: Event, *, now: Instant) -> Directive:
        """Answer as the session does, if fate allows."""
        directive = self._session.receive(event, now=now)
        match event:
            case RequestBody(body=body) if isinstance(directive, Send):
                self._fate = self._plan.of(body.partition(b'"model": "')[2].partition(b'"')[0].decode())
                lost = self._fate is Fate.LOST_BEFORE_ITS_CALL
            case ResponseHeaders():
                lost = self._fate is Fate.LOST_AT_HEADERS
                if self._fate is Fate.LATE:
                    return ContinueProcessing(Instant(now + int(2000 * MESSAGE_TIMEOUT)))
            case ResponseBody():
                lost = self._fate is Fate.LOST_AT_BODY
            case _:
                lost = False
        if lost:
            raise StreamIsLostError
        return directive

    def finish(self, *, now: Instant) -> AttemptRecord | None:
        """Tell what the session tells."""
        return self._session.finish(now=now)


@dataclass(frozen=True)
class Stage:
    """What runs: an Envoy with a sabotaged sidecar, and the provider of all models."""

    client: httpx.AsyncClient
    provider: MockProvider
    plan: Plan

    async def play(self, prefix: str, number: int, order: tuple[Turn, ...]) -> tuple[int, httpx.Response | None]:
        """Send a request to which that happens; return the calls it cost and its response, None: it broke off."""
        model = f"{prefix}/m{number}"
        self.plan.fates[model] = [turn.fate for turn in order]
        body = f'{{"model": "{model}", "messages": []}}'.encode()
        try:
            response = await self.client.post(
                "/v1/chat/completions", content=body, headers={"content-type": "application/json"}
            )
        except httpx.RemoteProtocolError:
            response = None
        return sum(call.model == f"m{number}" for call in self.provider.calls), response

    async def every_order(self, prefix: str, *, of: int) -> list[tuple[tuple[Turn, ...], int, httpx.Response | None]]:
        """Play every order *of* so many mishaps, many at a time."""
        orders = list(itertools.product(TURNS, repeat=of))
        steps = [[turn.step for turn in order if turn.step is not None] for order in orders]
        scenes = [f"m{number}: {', '.join(played)}" for number, played in enumerate(steps) if played]
        self.provider.play("; ".join(["429", *scenes]))
        free = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, order: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], int, httpx.Response | None]:
            async with free:
                return order, *await self.play(prefix, number, order)

        return await asyncio.gather(*(one(number, order) for number, order in enumerate(orders)))


@asynccontextmanager
async def _staged(directory: Path) -> AsyncIterator[Stage]:
    policy = {
        "default_strategy": "same_model",
        "default_max_attempts": 9,
        "max_total_attempts": MOST_CALLS,
        "retry_after_handling": {"apply_to": "request"},
    }
    with reserved_ports(2) as (port, admin):
        async with MockProvider() as provider:
            entry = {"base_url": provider.url, "access_key": "sk-test"}
            config = {
                "version": "v0.4.0",
                "listeners": [{"type": "model", "name": "test", "address": "127.0.0.1", "port": port}],
                "model_providers": [
                    {"model": "openai/*", **entry, "retry_policy": policy},
                    {"model": "mistral/*", **entry},
                ],
                "sidecar": {"listen": f"unix:{directory}/sidecar.sock"},
                "envoy": {"admin": f"127.0.0.1:{admin}"},
            }
            file = directory / "gateway.yaml"
            file.write_text(yaml.safe_dump(config))
            gateway = load(file, {}).gateway
            plan = Plan()
            exchange = Exchange(
                Engine(gateway.catalog, Blocks(), SlowResponses()), gateway.upstreams, gateway.listener.timeout, 1 << 20
            )
            processor = Processor(lambda: Sabotaged(Session(exchange, lambda: 0.5), plan), now, lambda _record: None)
            server = Server(processor, listen=gateway.sidecar.listen, max_body_bytes=1 << 20)
            await server.start()
            rendered = yaml.safe_load(to_yaml(bootstrap(gateway, sidecar_addresses=[server.address])))
            attempts = rendered["static_resources"]["listeners"][1]["filter_chains"][0]["filters"][0]["typed_config"]
            attempts["http_filters"][0]["typed_config"]["message_timeout"] = f"{MESSAGE_TIMEOUT}s"
            url = f"http://127.0.0.1:{port}"
            with running_envoy(yaml.safe_dump(rendered), admin, directory):
                async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:

                    async def is_healthy() -> bool:
                        return (await client.get("/healthz")).status_code == 200

                    await eventually(is_healthy)
                    yield Stage(client, provider, plan)
            await server.drain(0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Run all of it once."""
    async with _staged(tmp_path_factory.mktemp("order")) as stage:
        yield stage


async def test_no_order_of_mishaps_costs_more_than_the_policy_allows(stage: Stage) -> None:
    """Nor less: each is one failed attempt, and the request ends as exhausted, with all of them."""
    wrong = []
    for order, calls, response in await stage.every_order("openai", of=3):
        error = None if response is None else response.json()["error"]
        attempts = error["attempts"] if error is not None and error["type"] == "retry_exhausted" else ()
        if calls != MOST_CALLS or len(attempts) != MOST_CALLS:
            wrong.append(([turn.name for turn in order], calls, error))

    assert wrong == []


async def test_without_a_policy_no_mishap_costs_a_second_call(stage: Stage) -> None:
    wrong = [
        ([turn.name for turn in order], calls)
        for order, calls, _ in await stage.every_order("mistral", of=2)
        if calls != 1
    ]

    assert wrong == []
