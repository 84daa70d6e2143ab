"""The provider as a server: what it records, how it is taken away and brought back, how it is told what to do."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time

import httpx
import pytest
from support.waiting import eventually

from extproc.mock.server import MockProvider, serve

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(20)]


async def test_it_records_requests_as_they_arrived(client: httpx.AsyncClient) -> None:
    body = b'{"model": "gpt-4o", "stream": false}'
    async with MockProvider("429, 200") as provider:
        before = time.monotonic()
        await client.post(f"{provider.url}/v1/chat/completions?a=b", content=body, headers={"X-Twice": "1"})
        await client.get(f"{provider.url}/v1/models")
        first, second = provider.calls

    assert (first.number, first.method, first.path) == (1, "POST", "/v1/chat/completions?a=b")
    assert (first.body, first.body_length, first.body_sha256) == (body, len(body), hashlib.sha256(body).hexdigest())
    assert (first.model, first.streamed, first.step) == ("gpt-4o", False, "429")
    assert ("x-twice", "1") in first.headers
    assert before <= first.arrived <= second.arrived <= time.monotonic()
    assert (second.number, second.method, second.body_length, second.step) == (2, "GET", 0, "200")
    assert first.connection == second.connection


async def test_a_big_body_arrives_whole_though_only_its_beginning_is_kept(client: httpx.AsyncClient) -> None:
    body = bytes(range(256)) * 40_000
    async with MockProvider("200", kept=1000) as provider:
        response = await client.post(provider.url, content=body)
        (call,) = provider.calls

    assert response.status_code == 200
    assert (call.body, call.body_length) == (body[:1000], len(body))
    assert call.body_sha256 == hashlib.sha256(body).hexdigest()


async def test_the_response_to_a_head_request_has_no_body(client: httpx.AsyncClient) -> None:
    async with MockProvider("200") as provider:
        response = await client.head(provider.url)
        after = await client.get(provider.url)

    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0
    assert after.status_code == 200


async def test_a_request_that_comes_before_the_last_response_waits_its_turn() -> None:
    async with MockProvider("200(delay=0.1), 418") as provider:
        reader, writer = await asyncio.open_connection(provider.host, provider.port)
        request = b"GET / HTTP/1.1\r\nhost: mock\r\n\r\n"
        writer.write(request)
        await eventually(lambda: len(provider.calls) == 1)
        writer.write(request)
        heads = []
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b": ")[2]))
            heads.append(head[:12])
        writer.close()

    assert heads == [b"HTTP/1.1 200", b"HTTP/1.1 418"]
    assert len({call.connection for call in provider.calls}) == 1


async def test_models_can_have_scripts_of_their_own(client: httpx.AsyncClient) -> None:
    async with MockProvider("200; a: 429") as provider:
        statuses = [(await client.post(provider.url, json={"model": model})).status_code for model in "ab"]

    assert statuses == [429, 200]


async def test_a_new_script_forgets_the_calls_so_far(client: httpx.AsyncClient) -> None:
    async with MockProvider("429") as provider:
        await client.post(provider.url, json={})
        provider.play("200")
        response = await client.post(provider.url, json={})

        assert response.status_code == 200
        assert [call.number for call in provider.calls] == [1]


async def test_it_refuses_connections_and_comes_back_on_the_same_port(client: httpx.AsyncClient) -> None:
    """Open connections end too: a client that keeps one must notice."""
    async with MockProvider("200") as provider:
        port = provider.port
        await client.post(provider.url, json={})
        await provider.refuse()
        with pytest.raises(httpx.ConnectError):
            await client.post(provider.url, json={})
        assert provider.open_connections == 0
        await provider.listen()
        response = await client.post(provider.url, json={})

        assert (response.status_code, provider.port) == (200, port)
        assert len(provider.calls) == 2


async def test_its_port_is_exclusive_while_it_listens() -> None:
    async with MockProvider("200") as provider:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind((provider.host, provider.port))
        with pytest.raises(OSError, match="in use"):
            async with MockProvider("200", port=provider.port):
                pass


async def test_leaving_it_ends_a_silence() -> None:
    """Whoever waits for a response gets none; nothing is left running."""
    async with MockProvider("silence") as provider:
        reader, writer = await asyncio.open_connection(provider.host, provider.port)
        writer.write(b"GET / HTTP/1.1\r\nhost: mock\r\n\r\n")
        await eventually(lambda: len(provider.calls) == 1)

    assert await reader.read() == b""
    assert provider.open_connections == 0
    writer.close()


async def test_a_request_that_expects_100_gets_it() -> None:
    async with MockProvider("200") as provider:
        reader, writer = await asyncio.open_connection(provider.host, provider.port)
        writer.write(b"POST / HTTP/1.1\r\nhost: mock\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
        first = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"{}")
        second = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert first.startswith(b"HTTP/1.1 100 ")
    assert second.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent", [b"no HTTP at all\r\n\r\n", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n12"]
)
async def test_what_is_no_whole_request_is_not_recorded(sent: bytes) -> None:
    async with MockProvider("200") as provider:
        reader, writer = await asyncio.open_connection(provider.host, provider.port)
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()

        assert provider.calls == ()


async def test_calls_can_be_read_from_another_process(client: httpx.AsyncClient) -> None:
    async with MockProvider("429", name="north") as provider:
        await client.post(f"{provider.url}/v1/messages", json={"model": "m"})
        seen = (await client.get(f"{provider.url}/__mock/calls")).json()

    assert (seen["name"], seen["begun"], seen["completed"], seen["hangups"]) == ("north", 1, 1, 0)
    assert (seen["calls"][0]["path"], seen["calls"][0]["model"]) == ("/v1/messages", "m")


async def test_the_script_can_be_replaced_from_another_process(client: httpx.AsyncClient) -> None:
    async with MockProvider("429") as provider:
        await client.post(provider.url, json={})
        told = await client.post(f"{provider.url}/__mock/script", content="503, 200")
        statuses = [(await client.post(provider.url, json={})).status_code for _ in range(2)]

        assert told.status_code == 200
        assert statuses == [503, 200]
        assert len(provider.calls) == 2


async def test_a_bad_script_from_another_process_changes_nothing(client: httpx.AsyncClient) -> None:
    async with MockProvider("429") as provider:
        told = await client.post(f"{provider.url}/__mock/script", content="429, what")
        unknown = await client.get(f"{provider.url}/__mock/nothing")
        response = await client.post(provider.url, json={})

    assert (told.status_code, told.json()["column"]) == (400, 6)
    assert unknown.status_code == 404
    assert response.status_code == 429


async def test_serve_announces_its_address_and_each_request(client: httpx.AsyncClient) -> None:
    said: list[str] = []
    serving = asyncio.create_task(serve("127.0.0.1", 0, "429", "north", said.append))
    await eventually(lambda: len(said) == 1)
    url = said[0].rpartition(" ")[2]
    await client.post(f"{url}/v1/chat/completions", json={"model": "m"})
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert said == [f"north: listening on {url}", "north: POST /v1/chat/completions model=m -> 429"]
