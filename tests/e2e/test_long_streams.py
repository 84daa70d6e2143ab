"""A stream lives as long as it likes: only silence ends it, and the log tells."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio
from support.gateway.checks import check_openai_error
from support.gateway.running import Gateway, running_gateway
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]


CUT_BY_SILENCE = "http.attempt.downstream_rq_idle_timeout"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a provider that may be silent for 0.6 s; until response headers a request may take 5 s."""
    of_p = {"timeouts": {"between_bytes": "0.6s"}}
    async with running_gateway(only="P", of_p=of_p, listener={"timeout": "5s"}) as gateway:
        yield gateway


async def test_a_stream_outlives_the_listeners_timeout(gateway: Gateway) -> None:
    gateway.play(p="200(sse=19, gap=0.3)")

    began = time.monotonic()
    response = await gateway.chat(stream=True)

    assert response.text.endswith("data: [DONE]\n\n")
    assert time.monotonic() - began > 5.3


async def test_silence_in_a_stream_ends_it_and_is_reported(gateway: Gateway) -> None:
    """The client sees that it is broken: never a clean end."""
    gateway.play(p="200(sse=2, gap=30)")
    written = len(gateway.up.output)
    counted = await gateway.admin.stat(CUT_BY_SILENCE)

    began = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        await gateway.chat(stream=True)

    assert 0.5 < time.monotonic() - began < 20
    await eventually(lambda: "response_cut" in gateway.up.output[written:])
    (line,) = [line for line in gateway.up.output[written:].splitlines() if "response_cut" in line]
    assert " listener=attempt cluster=http_127.0.0.1_" in line
    assert "status=200" in line
    assert "envoy_details=stream_idle_timeout" in line
    assert await gateway.admin.stat(CUT_BY_SILENCE) == counted + 1
    await eventually(lambda: gateway.p.log.hangups == 1)


async def test_the_line_of_a_response_that_was_cut_is_no_more_than_a_second_late(gateway: Gateway) -> None:
    """By default Envoy keeps such lines back for up to 10 s."""
    assert await gateway.admin.option("file_flush_interval") == "1s"


async def _falls_silent_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send events for longer than any limit on the time to response headers, then nothing more."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(6):
        writer.write(b"9\r\ndata: 1\n\n\r\n")
        await asyncio.sleep(0.3)
    await reader.read()  # the request's body, ...
    await reader.read()  # ... and the end of the connection
    writer.close()


@pytest.mark.parametrize("limits", [{}, {"first_byte": "0.8s"}])
async def test_silence_ends_a_stream_that_has_outlived_its_limits_too(limits: dict[str, str]) -> None:
    """Envoy's limit on the time to headers has passed by then, which must not take the other one with it."""
    server = await asyncio.start_server(_falls_silent_late, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    of_p = {"base_url": f"http://127.0.0.1:{port}", "timeouts": {"between_bytes": "0.6s", **limits}}
    async with server, running_gateway(only="P", of_p=of_p, listener={"timeout": "1.2s"}) as late:
        began = time.monotonic()
        with pytest.raises(httpx.RemoteProtocolError):
            await late.chat(stream=True)

        assert 1.7 < time.monotonic() - began < 20
        await eventually(lambda: "envoy_details=stream_idle_timeout" in late.up.output)


async def test_silence_before_a_response_is_a_timeout(gateway: Gateway) -> None:
    gateway.play(p="silence")

    began = time.monotonic()
    response = await gateway.chat()

    check_openai_error(response, status=504)
    assert 0.5 < time.monotonic() - began < 4.5


async def test_a_response_that_a_provider_cuts_is_reported_too(gateway: Gateway) -> None:
    gateway.play(p='reset_mid_body(gap=0.3, body="x", sent=0)')
    written = len(gateway.up.output)

    with pytest.raises(httpx.RemoteProtocolError):
        await gateway.chat()

    await eventually(lambda: "response_cut" in gateway.up.output[written:])
