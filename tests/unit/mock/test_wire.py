"""Broken and slow behaviour, as a client sees it on the wire."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from support.waiting import eventually

from extproc.mock.server import MockProvider

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(20)]

REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\ncontent-length: 2\r\n\r\n{}"


async def exchange(provider: MockProvider) -> tuple[bytes, type[OSError] | None]:
    """Send a request, read to the end; return what came and the error that ended it (None: FIN)."""
    reader, writer = await asyncio.open_connection(provider.host, provider.port)
    received = b""
    error: type[OSError] | None = None
    try:
        writer.write(REQUEST)
        while piece := await reader.read(4096):
            received += piece
    except ConnectionError as caught:
        error = type(caught)
    finally:
        writer.close()
    return received, error


async def test_reset_sends_rst_instead_of_a_response() -> None:
    async with MockProvider("reset") as provider:
        received, error = await exchange(provider)

    assert (received, error) == (b"", ConnectionResetError)
    assert len(provider.calls) == 1


async def test_close_sends_fin_instead_of_a_response() -> None:
    async with MockProvider("close") as provider:
        received, error = await exchange(provider)

    assert (received, error) == (b"", None)


async def test_reset_mid_headers_leaves_a_torn_head() -> None:
    async with MockProvider("reset_mid_headers") as provider:
        received, error = await exchange(provider)

    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\n" not in received
    assert error is ConnectionResetError


async def test_reset_mid_body_leaves_half_a_body() -> None:
    async with MockProvider('reset_mid_body(body="12345678")') as provider:
        received, error = await exchange(provider)

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-length: 8" in head
    assert (body, error) == (b"1234", ConnectionResetError)


@pytest.mark.parametrize(("step", "error"), [("close_mid_body", None), ("reset_mid_body", ConnectionResetError)])
async def test_a_body_breaks_off_where_the_script_says(step: str, error: type[OSError] | None) -> None:
    """With FIN or RST, after any number of bytes: none is one."""
    async with MockProvider(f'{step}(body="12345678", sent=3, gap=0), {step}(body="12345678", sent=0)') as provider:
        for body in (b"123", b""):
            received, ended = await exchange(provider)
            assert (received.partition(b"\r\n\r\n")[2], ended) == (body, error)


async def test_a_body_of_unknown_length_breaks_off_too() -> None:
    async with MockProvider('close_mid_body(body="12345678", chunked=true)') as provider:
        received, _ = await exchange(provider)

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert b"content-length" not in head.lower()
    assert body == b"4\r\n1234\r\n"


async def test_silence_of_some_seconds_ends_with_fin() -> None:
    async with MockProvider("silence(0.1)") as provider:
        began = time.monotonic()
        received, error = await exchange(provider)

    assert (received, error) == (b"", None)
    assert time.monotonic() - began >= 0.1


async def test_silence_without_end_notices_that_the_client_gives_up(client: httpx.AsyncClient) -> None:
    async with MockProvider("silence") as provider:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(provider.url, json={}, timeout=0.2)
        await eventually(lambda: provider.log.hangups == 1)

        assert (len(provider.calls), provider.log.hangups) == (1, 1)


async def test_delay_comes_before_the_first_byte(client: httpx.AsyncClient) -> None:
    async with MockProvider("200(delay=0.2)") as provider:
        began = time.monotonic()
        async with client.stream("POST", provider.url, json={}) as response:
            to_headers = time.monotonic() - began
            await response.aread()

    assert to_headers >= 0.2


async def test_a_slow_body_comes_after_prompt_headers(client: httpx.AsyncClient) -> None:
    async with MockProvider("slow_body(0.4)") as provider:
        began = time.monotonic()
        async with client.stream("POST", provider.url, json={}) as response:
            to_headers = time.monotonic() - began
            await response.aread()
        total = time.monotonic() - began

    assert to_headers < 0.4 <= total
    assert response.json()["object"] == "chat.completion"


async def test_streamed_events_are_a_gap_apart(client: httpx.AsyncClient) -> None:
    async with MockProvider("200(sse=3, gap=0.15)") as provider:
        times = []
        async with client.stream("POST", provider.url, json={}) as response:
            times = [time.monotonic() async for _ in response.aiter_raw()]

    assert times[-1] - times[0] >= 0.3
    assert len(times) >= 3
