"""Errors that Envoy makes itself, and the health check."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_openai_error
from support.gateway.running import Gateway, running_gateway
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run one provider without a policy; a request may take 1.5 s."""
    async with running_gateway(only="P", listener={"timeout": "1.5s"}) as gateway:
        yield gateway


async def test_the_health_check_is_served_by_the_gateway_itself(gateway: Gateway) -> None:
    gateway.play()

    response = await gateway.client.get("/healthz")

    assert response.status_code == 200
    assert gateway.order == ""


async def test_a_request_that_outlives_the_listeners_timeout_is_504(gateway: Gateway) -> None:
    """Told in JSON, after that time, and the provider is not kept busy."""
    gateway.play(p="silence")

    began = time.monotonic()
    response = await gateway.chat()
    took = time.monotonic() - began

    check_openai_error(response, status=504)
    assert 1.4 <= took < 15
    assert gateway.order == "P"
    await eventually(lambda: gateway.p.log.hangups == 1)


async def test_headers_that_are_too_large_are_431(gateway: Gateway) -> None:
    gateway.play()

    response = await gateway.chat(headers={"x-large": "x" * 100_000})

    check_openai_error(response, status=431)
    assert gateway.order == ""


async def test_what_is_no_http_is_refused_in_json(gateway: Gateway) -> None:
    """Even then a client that only knows how to read OpenAI's errors can tell what happened."""
    gateway.play()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: nonsense\r\n\r\n{}")
    answer = await reader.read()
    writer.close()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["type"]
    assert gateway.order == ""
