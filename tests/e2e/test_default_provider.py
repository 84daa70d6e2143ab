"""`on_failure: default_provider`: without a single worker requests still get an answer, from the default target."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import (
    check_answer,
    check_anthropic_error,
    check_delivered,
    check_nothing_internal,
    check_openai_error,
    check_sent,
)
from support.gateway.credentials import ALL, CLIENT_KEY, P_KEY, S_KEY, SECOND_KEY, T_KEY
from support.gateway.providers import P, S, T, a_model, refusing
from support.gateway.running import running_gateway
from support.gateway.workers import no_worker
from support.http.requests import CHAT, MESSAGES, a_body, a_clients_headers
from support.http.streaming import content_of, read_events
from support.waiting import eventually

from extproc import names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from support.gateway.running import Gateway

    from extproc.mock.record import Call

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

TRACEBACK = "Traceback (most recent call last)"
MINI = "openai/gpt-4o-mini"
CLIENTS_OWN = {"x-api-key": CLIENT_KEY, "api-key": CLIENT_KEY, "cookie": CLIENT_KEY, "openai-organization": CLIENT_KEY}
MARKS = {names.DEGRADED: "1", names.CLUSTER: "mistral", names.UNPROCESSED: "processed", names.STATE: "AAAA"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a gateway whose default is P, with a failover to S; two workers that a test may do without."""
    async with running_gateway(
        models=lambda providers: [
            a_model(S, providers.s, S_KEY),
            a_model(P, providers.p, P_KEY, default=True, headers={"x-team": SECOND_KEY}, retry_policy={}),
            a_model(MINI, providers.p, P_KEY, headers={"x-team": SECOND_KEY}),
            a_model(T, providers.t, T_KEY),
        ],
        sidecar={"workers": 2, "on_failure": "default_provider"},
        trouble=[TRACEBACK, "script log"],
    ) as gateway:
        yield gateway
        await eventually(lambda: len(gateway.up.workers) == 2)


def check_degraded(answer: httpx.Response, *, by: str = "P", status: int = 200) -> None:
    """Check that *answer* is provider *by*'s own, given without the sidecar, and says so."""
    assert answer.status_code == status, answer.text
    assert answer.headers["x-mock-provider"] == by
    assert answer.headers[names.DEGRADED] == "true"
    assert names.MODEL not in answer.headers
    check_answer(answer)


def check_asked(call: Call, *, model: str = "gpt-4o") -> None:
    """Check that *call* is what the sidecar would have made of it."""
    assert call.model == model
    assert call.header("x-team") == SECOND_KEY
    assert call.header("authorization") == f"Bearer {P_KEY}"
    check_nothing_internal(call)
    leaks = set(ALL) - {P_KEY, SECOND_KEY}
    assert not any(leak in value for _, value in call.headers for leak in leaks)


async def decided(gateway: Gateway) -> httpx.Response:
    """Return the first answer that a worker has decided on: it takes a moment until they are back."""
    async with asyncio.timeout(20):
        while names.DEGRADED in (answer := await gateway.chat()).headers:
            pass
    return answer


async def test_with_a_worker_nothing_is_different(gateway: Gateway) -> None:
    """The policy holds; a client cannot ask to go round it."""
    gateway.play(p="429")

    answer = await gateway.chat(headers=MARKS)

    by, target = ("S", S) if gateway.order == "PS" else ("T", T)
    check_delivered(answer, by=by, target=target, attempts=2)
    assert names.DEGRADED not in answer.headers


async def test_without_a_worker_the_default_responds(gateway: Gateway) -> None:
    """After the time that bridges a restart; once it is known that nobody comes, at once."""
    gateway.play()
    with no_worker(gateway.up):
        began = time.monotonic()
        answers = await asyncio.gather(*(gateway.chat() for _ in range(4)))
        first = time.monotonic() - began
        began = time.monotonic()
        later = [await gateway.chat(headers=CLIENTS_OWN) for _ in range(20)]
        again = time.monotonic() - began

    for answer in (*answers, *later):
        check_degraded(answer)
    for call in gateway.calls:
        check_asked(call)
    assert gateway.order == "P" * 24
    assert 4.5 <= first < 8  # at most 5 s, were the machine not busy with other things
    assert again < first  # each of Envoy's threads has to learn it once


async def test_the_body_is_the_clients_but_for_the_models_name(gateway: Gateway) -> None:
    """Byte for byte, also where it has many megabytes."""
    gateway.play()
    sent = a_body(S, padding="ü" * 5_000_000 + '\\"model": "x"', last={"model": S})
    with no_worker(gateway.up):
        answer = await gateway.client.post(CHAT, content=sent, headers=a_clients_headers())

    check_degraded(answer)
    expected = sent.replace(S.encode(), b"gpt-4o", 1)
    (call,) = gateway.calls
    assert (call.body_length, call.body_sha256) == (len(expected), hashlib.sha256(expected).hexdigest())
    assert call.header("content-length") == str(len(expected))


async def test_a_model_beside_the_default_is_kept(gateway: Gateway) -> None:
    gateway.play()
    with no_worker(gateway.up):
        check_degraded(await gateway.chat(MINI))

    check_asked(gateway.p.calls[0], model="gpt-4o-mini")


async def test_a_stream_comes_event_by_event(gateway: Gateway) -> None:
    gateway.play(p="200(sse=4, gap=0.2)")
    with no_worker(gateway.up):
        async with gateway.client.stream(
            "POST", CHAT, content=a_body(stream=True), headers=a_clients_headers()
        ) as answer:
            events = await read_events(answer)
            assert answer.headers[names.DEGRADED] == "true"

    assert content_of(events) == "P-1 P-2 P-3 P-4 "
    assert events[-1].at - events[0].at > 0.4


@pytest.mark.parametrize("status", [429, 500])
async def test_the_response_of_the_default_is_final(gateway: Gateway, status: int) -> None:
    """There is nobody to say what else to do: it is delivered, and nobody is asked again."""
    gateway.play(p=str(status))
    with no_worker(gateway.up):
        check_degraded(await gateway.chat(), status=status)

    assert gateway.order == "P"


async def test_a_default_that_cannot_be_reached_is_reported(gateway: Gateway) -> None:
    """In the shape that SDKs know, without an address."""
    gateway.play()
    async with refusing(gateway.p):
        with no_worker(gateway.up):
            error = check_openai_error(await gateway.chat(), status=503)

    assert (error["type"], error["code"]) == ("server_error", "connection_error")
    assert gateway.order == ""


@pytest.mark.parametrize(("path", "method"), [(MESSAGES, "POST"), ("/v1/files/file-1", "GET"), ("/v1/models", "GET")])
async def test_what_the_default_may_not_know_is_refused(gateway: Gateway, path: str, method: str) -> None:
    """An API that it does not speak; or a path that may be about something which another provider keeps."""
    gateway.play()
    with no_worker(gateway.up):
        answer = await gateway.client.request(method, path, headers=a_clients_headers())

    if path == MESSAGES:
        assert check_anthropic_error(answer, status=503)["type"] == "overloaded_error"
    else:
        assert check_openai_error(answer, status=503)["code"] == "policy_unavailable"
    assert gateway.order == ""


async def test_a_request_between_two_attempts_fails_open_as_well(gateway: Gateway) -> None:
    """Its first attempt has failed; then the last worker dies."""
    await decided(gateway)
    gateway.play(p="503(delay=0.5), 200")
    request = asyncio.create_task(gateway.chat())
    await eventually(lambda: gateway.p.log.completed == 1)
    with no_worker(gateway.up):
        check_degraded(await request)

    assert gateway.order == "PP"


async def test_the_first_worker_that_is_back_decides_again(gateway: Gateway) -> None:
    """From its first answer on, with the policy."""
    gateway.play()
    with no_worker(gateway.up):
        check_degraded(await gateway.chat())
    gateway.play()

    answer = await decided(gateway)

    check_delivered(answer, by="P", target=P, attempts=1)
    check_asked(gateway.calls[-1])


async def test_anthropics_default_gets_its_own_credential() -> None:
    """The one of the API that the request is for."""
    async with running_gateway(
        models=lambda providers: [a_model(S, providers.s, S_KEY, default=True), a_model(P, providers.p, P_KEY)],
        sidecar={"on_failure": "default_provider"},
        trouble=[TRACEBACK, "script log"],
    ) as gateway:
        gateway.play()
        with no_worker(gateway.up):
            message = await gateway.client.post(
                MESSAGES, content=a_body(S, max_tokens=5), headers={**a_clients_headers(), "x-api-key": CLIENT_KEY}
            )
            chat = await gateway.chat(headers={"x-api-key": CLIENT_KEY})

        check_degraded(message, by="S")
        check_degraded(chat, by="S")
        first, second = gateway.s.calls
        assert (first.header("x-api-key"), first.header("authorization")) == (S_KEY, None)
        assert (first.header("anthropic-version"), first.model) == ("2023-06-01", "claude-3-5-sonnet")
        check_sent(second, key=S_KEY)
        assert second.header("x-api-key") is None
