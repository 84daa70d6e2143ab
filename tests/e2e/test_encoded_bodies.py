"""Compressed bodies, and JSON in other characters than UTF-8: read or refused, never sent to whoever is the default."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.bodies.compressors import FRAMED, WAYS, gzipped
from support.gateway.checks import check_delivered, check_openai_error, check_sent
from support.gateway.credentials import S_KEY, T_KEY
from support.gateway.providers import P, S, T, a_model
from support.gateway.running import Gateway, running_gateway
from support.gateway.workers import no_worker
from support.http.requests import CHAT, MESSAGES, a_body, a_clients_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

LIMIT = 3_000_000
BODY = a_body(S, padding="x" * 5000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run three providers; requests that name S or cannot be read must never reach P, which is the default."""
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, "sk-p", default=True),
            a_model(S, providers.s, S_KEY, retry_policy={"fallback_models": [T]}),
            a_model(T, providers.t, T_KEY),
        ],
        sidecar={"max_body_bytes": LIMIT},
    ) as gateway:
        yield gateway


async def post(gateway: Gateway, body: bytes, path: str = CHAT, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.client.post(path, content=body, headers={**a_clients_headers(), **named})


@pytest.mark.parametrize(("coding", "compress"), WAYS.items(), ids=WAYS)
async def test_a_compressed_body_fails_over_under_each_providers_name(
    gateway: Gateway, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    """Nobody gets it compressed, and nobody gets what was said of the compressed bytes."""
    gateway.play(s="503")

    answer = await post(gateway, compress(BODY), content_encoding=coding, content_md5="of the compressed bytes")

    check_delivered(answer, by="T", target=T, attempts=2)
    assert gateway.order == "ST"
    for call, model, key in zip(gateway.calls, (b"claude-3-5-sonnet", b"mistral-large"), (S_KEY, T_KEY), strict=True):
        assert call.body == BODY.replace(S.encode(), model)
        assert call.header("content-length") == str(len(call.body))
        assert call.header("content-encoding") is None
        assert call.header("content-md5") is None
        check_sent(call, key=key)


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/json", "text/plain; charset=utf-8", "json"])
@pytest.mark.parametrize("before", [b"", b"\n", b"\xef\xbb\xbf"])
async def test_json_that_is_called_something_else_goes_to_the_model_that_it_names(
    gateway: Gateway, kind: str, before: bytes
) -> None:
    """The default would have got it unread, with its own key."""
    gateway.play()

    check_delivered(await post(gateway, before + BODY, content_type=kind), by="S", target=S, attempts=1)
    assert gateway.order == "S"
    assert gateway.s.calls[0].body == before + BODY.replace(S.encode(), b"claude-3-5-sonnet")


async def test_a_large_compressed_body_is_read(gateway: Gateway) -> None:
    """Many times larger than it came."""
    gateway.play()
    body = a_body(S, padding="a b c d e f g h " * 180_000)

    answer = await post(gateway, gzipped(body), content_encoding="gzip")

    assert answer.status_code == 413, "a text that repeats itself without end is no request"
    assert gateway.order == ""

    body = a_body(S, padding=os.urandom(100_000).hex() + "z" * 2_500_000)
    answer = await post(gateway, FRAMED["zstd"](body), content_encoding="zstd")

    check_delivered(answer, by="S", target=S, attempts=1)
    assert gateway.s.calls[0].body_length == len(body) - len("anthropic/")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", BODY),
        ("gzip", BODY),
        ("gzip", gzipped(BODY)[:-9]),
        ("gzip", gzipped(BODY) + b"more"),
        ("zstd", gzipped(BODY)),
        ("gzip, gzip", gzipped(gzipped(BODY))),
    ],
    ids=["unknown", "not compressed", "cut off", "more", "another one", "twice"],  # gzip writes the time: no name
)
async def test_what_cannot_be_read_is_415(gateway: Gateway, coding: str, body: bytes) -> None:
    """It names somebody, and nobody knows whom; the client is told what would be read."""
    gateway.play()

    answer = await post(gateway, body, content_encoding=coding)

    error = check_openai_error(answer, status=415)
    assert (error["code"], error["type"]) == ("unsupported_body", "invalid_request_error")
    assert answer.headers["accept-encoding"] == "gzip, zstd, deflate"
    assert gateway.order == ""


async def test_what_cannot_be_read_is_reported_in_anthropics_shape(gateway: Gateway) -> None:
    gateway.play()

    answer = await post(gateway, BODY, MESSAGES, content_encoding="br")

    assert answer.status_code == 415
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert gateway.order == ""


@pytest.mark.parametrize(("coding", "compress"), FRAMED.items(), ids=FRAMED)
async def test_a_bomb_is_413_and_harmless(gateway: Gateway, coding: str, compress: Callable[[bytes], bytes]) -> None:
    """A gigabyte out of a megabyte or less."""
    gateway.play()
    bomb = compress(BODY[:-1]) + compress(bytes(2**28)) * 3

    answer = await post(gateway, bomb, content_encoding=coding)

    check_openai_error(answer, status=413)
    assert gateway.order == ""


OTHER_CHARACTERS = {
    **{encoding: BODY.decode().encode(encoding) for encoding in ("utf-16", "utf-16-be", "utf-32")},
    "latin-1": BODY[:-1] + ', "é": 1}'.encode("latin-1"),
}


@pytest.mark.parametrize("body", OTHER_CHARACTERS.values(), ids=OTHER_CHARACTERS)
async def test_json_in_other_characters_is_415(gateway: Gateway, body: bytes) -> None:
    gateway.play()

    error = check_openai_error(await post(gateway, body), status=415)

    assert "UTF-8" in str(error["message"])
    assert gateway.order == ""


async def test_a_byte_order_mark_is_passed_over(gateway: Gateway) -> None:
    gateway.play()

    check_delivered(await post(gateway, b"\xef\xbb\xbf" + BODY), by="S", target=S, attempts=1)

    assert gateway.s.calls[0].body == b"\xef\xbb\xbf" + BODY.replace(S.encode(), b"claude-3-5-sonnet")


async def test_without_a_worker_no_compressed_body_goes_to_the_default() -> None:
    """Envoy cannot read it, so it is refused as without a default, and told to come again."""
    async with running_gateway(
        models=lambda providers: [a_model(P, providers.p, "sk-p", default=True), a_model(S, providers.s, S_KEY)],
        sidecar={"on_failure": "default_provider"},
        trouble=["script log"],
    ) as gateway:
        gateway.play()
        with no_worker(gateway.up):
            plain = await post(gateway, BODY)
            answer = await post(gateway, gzipped(BODY), content_encoding="gzip")

        assert plain.status_code == 200
        assert check_openai_error(answer, status=503)["code"] == "policy_unavailable"
        assert [call.model for call in gateway.calls] == ["gpt-4o"]
