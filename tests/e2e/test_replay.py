"""What every attempt sends: the client's own request, but for path, host, credential and model name."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from typing import TYPE_CHECKING

import pytest
from support.gateway.checks import check_answer, check_sent
from support.gateway.credentials import P_KEY, S_KEY
from support.gateway.providers import P
from support.http.requests import CHAT, a_clients_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.gateway.running import Gateway

    from extproc.mock.record import Call

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

HEAD = (
    b'\n{ "messages" : [ {"role":"user", "content":"a \\"model\\": \\"openai/gpt-4o\\" \\u00e9 \xc3\xa9 \\/"} ] ,\r\n'
    b'\t"metadata":{"model":"openai/gpt-4o"}, "model" :  '
)
TAIL = b' ,"n": 1.50, "seed":12345678901234567890, "big":1e400, "tools":[{"model":"openai/gpt-4o"}], "":null }\n\n'

OF_THE_GATEWAY = {"host", "authorization", "content-length"}
"""Headers that are the gateway's to set."""


def body_for(name: bytes) -> bytes:
    return HEAD + b'"' + name + b'"' + TAIL


def check_bytes(call: Call, expected: bytes) -> None:
    """Check that *call* brought exactly the bytes *expected*, and said how many."""
    assert call.body_length == len(expected)
    assert call.body_sha256 == hashlib.sha256(expected).hexdigest()
    assert call.header("content-length") == str(len(expected))
    assert call.header("transfer-encoding") is None


async def test_only_the_model_name_differs_between_attempts(pair: Gateway) -> None:
    """IT-13: nested keys, texts that look like keys, odd numbers and all white space arrive as they were sent."""
    pair.play(p="429", s="echo")

    response = await pair.client.post(CHAT, content=body_for(b"openai/gpt-4o"), headers=a_clients_headers())

    assert response.json()["provider"] == "S"
    assert pair.order == "PS"
    check_bytes(pair.p.calls[0], body_for(b"gpt-4o"))
    check_bytes(pair.s.calls[0], body_for(b"claude-3-5-sonnet"))


async def test_a_body_that_names_the_model_as_the_provider_does_is_not_touched(pair: Gateway) -> None:
    pair.play()
    body = body_for(b"gpt-4o")

    response = await pair.client.post(CHAT, content=body, headers=a_clients_headers())

    assert response.status_code == 200
    check_bytes(pair.p.calls[0], body)


async def test_every_top_level_model_key_is_replaced(pair: Gateway) -> None:
    """Parsers disagree on which of two equal keys counts; the last one chooses the target, and all say the same."""
    pair.play(p="429")

    response = await pair.client.post(
        CHAT, content=b'{"model":"mistral/mistral-large","model":"openai/gpt-4o"}', headers=a_clients_headers()
    )

    assert response.status_code == 200
    assert pair.order == "PS"
    check_bytes(pair.p.calls[0], b'{"model":"gpt-4o","model":"gpt-4o"}')
    check_bytes(pair.s.calls[0], b'{"model":"claude-3-5-sonnet","model":"claude-3-5-sonnet"}')


async def test_a_body_of_20_megabytes_survives_a_failover(pair: Gateway) -> None:
    pair.play(p="429")
    picture = base64.b64encode(random.Random(0).randbytes(15 * 1024 * 1024))  # noqa: S311 - any bytes will do

    def body(name: bytes) -> bytes:
        return b'{"model":"' + name + b'","messages":[{"role":"user","content":"' + picture + b'"}]}'

    began = time.monotonic()
    response = await pair.client.post(CHAT, content=body(b"openai/gpt-4o"), headers=a_clients_headers())
    took = time.monotonic() - began

    assert response.status_code == 200
    assert response.headers["x-mock-provider"] == "S"
    assert pair.order == "PS"
    check_bytes(pair.p.calls[0], body(b"gpt-4o"))
    check_bytes(pair.s.calls[0], body(b"claude-3-5-sonnet"))
    assert took < 10


async def test_a_chunked_upload_survives_a_failover(pair: Gateway) -> None:
    """A client that does not know the length in advance is served like any other."""
    pair.play(p="429")
    whole = body_for(b"openai/gpt-4o")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), 50):
            yield whole[start : start + 50]

    response = await pair.client.post(CHAT, content=pieces(), headers=a_clients_headers())

    assert response.status_code == 200
    check_bytes(pair.p.calls[0], body_for(b"gpt-4o"))
    check_bytes(pair.s.calls[0], body_for(b"claude-3-5-sonnet"))


async def test_the_clients_headers_arrive_at_every_provider_and_nothing_else_does(pair: Gateway) -> None:
    """Preservation: what the client said to the model is said to every model; whose client it is, is not."""
    pair.play(p="429")
    sent = {
        "x-request-id": "client-chosen-request-id-0001",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "vendor=value",
        "x-stainless-lang": "python",
        "x-custom": "Custom Value",
        "user-agent": "client/1.0",
        "accept": "application/json",
        "accept-encoding": "identity",
    }

    response = await pair.chat(headers=sent)

    check_answer(response)
    for call, key in zip(pair.calls, (P_KEY, S_KEY), strict=True):
        check_sent(call, key=key)
        assert {name: call.header(name) for name in sent} == sent
        assert call.header("content-type") == "application/json"
        extra = {name for name, _ in call.headers} - set(sent) - OF_THE_GATEWAY - {"content-type"}
        assert extra == set()


async def test_a_header_that_the_client_repeats_stays_repeated(pair: Gateway) -> None:
    """The values and their order are kept, on one line or on several."""
    pair.play(p="429")
    headers = [*a_clients_headers().items(), ("x-tag", "one"), ("x-tag", "two"), ("x-tag", "one")]

    await pair.client.post(CHAT, content=body_for(b"openai/gpt-4o"), headers=headers)

    assert [(call.header("x-tag") or "").replace(", ", ",") for call in pair.calls] == ["one,two,one"] * 2


async def test_every_attempt_has_the_same_request_id_when_the_client_gives_none(pair: Gateway) -> None:
    pair.play(p="429")

    await pair.chat()

    first, second = (call.header("x-request-id") for call in pair.calls)
    assert first
    assert first == second


async def test_every_provider_is_addressed_by_its_own_host(pair: Gateway) -> None:
    pair.play(p="429")

    await pair.chat()

    assert pair.p.calls[0].header("host") == f"127.0.0.1:{pair.p.port}"
    assert pair.s.calls[0].header("host") == f"127.0.0.1:{pair.s.port}"


async def test_path_and_query_are_kept(pair: Gateway) -> None:
    pair.play(p="429")
    path = f"{CHAT}?trace=1&q=a%20b"

    await pair.chat(P, path=path)

    assert [(call.method, call.path) for call in pair.calls] == [("POST", path)] * 2


async def test_all_client_credentials_are_taken_away(pair: Gateway) -> None:
    """Whatever header tells who the client is to somebody: no provider sees it."""
    pair.play(p="429")
    key = a_clients_headers()["authorization"].removeprefix("Bearer ")

    account = {
        "x-api-key": key,
        "api-key": key,
        "x-goog-api-key": key,
        "proxy-authorization": f"Basic {key}",
        "cookie": f"session={key}",
        "openai-organization": "org-of-client",
        "openai-project": "project-of-client",
        "anthropic-version": "2023-06-01",
    }

    await pair.chat(headers=account)

    for call, own in zip(pair.calls, (P_KEY, S_KEY), strict=True):
        check_sent(call, key=own)
        assert {name: call.header(name) for name in account} == dict.fromkeys(account)


async def test_a_worker_that_reads_the_largest_body_is_not_given_up(pair: Gateway) -> None:
    """It is busy for longer than a ping may take; gRPC answers for it."""
    pair.play(p="429")
    content = b'{"model": "openai/gpt-4o", "messages": [' + b'{"role": "user", "content": "x"}, ' * 1_800_000 + b"{}]}"

    response = await pair.client.post(CHAT, content=content, headers=a_clients_headers(), timeout=90)

    assert (response.status_code, len(content) > 60_000_000) == (200, True)
    assert pair.order == "PS"
    assert await pair.admin.stat("cluster.extproc.http2.keepalive_timeout") == 0
