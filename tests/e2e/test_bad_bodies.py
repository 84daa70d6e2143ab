"""Bodies that are no chat request: a clear error or the untouched bytes, never anything else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_openai_error, check_sent
from support.gateway.credentials import P_KEY, S_KEY, T_KEY
from support.gateway.providers import P, S, a_model
from support.gateway.running import Gateway, running_gateway
from support.http.requests import CHAT, a_body, a_clients_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

LIMIT = 300_000

NO_MODEL = {
    "truncated": b'{"model": "openai/gpt-4o", "messages": [',
    "truncated in the name": b'{"model": "openai/gp',
    "empty": b"",
    "white space": b" \n",
    "a NUL byte after the name": b'{"model": "openai/gpt-4o"\x00}',
    "only NUL bytes": b"\x00" * 100,
    "a number": b'{"model": 4}',
    "null": b'{"model": null}',
    "an object": b'{"model": {"name": "openai/gpt-4o"}}',
    "a list": b'{"model": ["openai/gpt-4o"]}',
    "true": b'{"model": true}',
    "missing": b'{"messages": []}',
    "nested only": b'{"metadata": {"model": "openai/gpt-4o"}}',
    "a list at the top": b'[{"model": "openai/gpt-4o"}]',
    "a text at the top": b'"model"',
    "a name in two halves": b'{"model": "openai/" "gpt-4o"}',
    "two values": b'{"model": "openai/gpt-4o"}{"model": "openai/gpt-4o"}',
    "text behind": b'{"model": "openai/gpt-4o"} and more',
    "a comma too many": b'{"model": "openai/gpt-4o",}',
    "deep and truncated": b'{"model": "openai/gpt-4o", "messages": ' + b"[" * 100_000,
    "HTML": b"<html></html>",
}

STRANGE_NAMES = {
    "empty": b"",
    "a NUL byte": b"openai/gpt-4o\x00",
    "a line break": b"openai/\ngpt-4o",
    "blanks around": b" openai/gpt-4o ",
    "another case": b"OPENAI/GPT-4O",
    "a path": b"../../openai/gpt-4o",
    "long": b"x" * 100_000,
}

UNREADABLE = {
    "deep": b'{"model": "gpt-4o", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}

STRANGE = {
    "a lone surrogate": b'{"model": "gpt-4o", "messages": "\\ud800"}',
    "a huge number": b'{"model": "gpt-4o", "n": ' + b"9" * 100_000 + b"}",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run two providers, none of them the default, and take bodies of 300 kB at the most."""
    async with running_gateway(only="PS", policy={}, sidecar={"max_body_bytes": LIMIT}) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_default() -> AsyncIterator[Gateway]:
    """Run two providers, the second being the default."""
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, retry_policy={}),
            a_model("mistral/mistral-large", providers.t, T_KEY, default=True),
        ]
    ) as gateway:
        yield gateway


async def post(gateway: Gateway, body: bytes, **headers: str) -> httpx.Response:
    return await gateway.client.post(CHAT, content=body, headers={**a_clients_headers(), **headers})


@pytest.mark.parametrize("body", NO_MODEL.values(), ids=NO_MODEL)
async def test_a_body_without_a_readable_model_is_refused(gateway: Gateway, body: bytes) -> None:
    """400 in OpenAI's shape; no provider sees it."""
    gateway.play()

    error = check_openai_error(await post(gateway, body), status=400)

    assert error["type"] == "invalid_request_error"
    assert gateway.order == ""


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_body_that_cannot_be_read_is_refused(gateway: Gateway, body: bytes) -> None:
    gateway.play()

    check_openai_error(await post(gateway, body), status=400)

    assert gateway.order == ""


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
async def test_a_strange_body_goes_through_untouched(gateway: Gateway, body: bytes) -> None:
    """It is the provider's to judge."""
    gateway.play()

    assert (await post(gateway, body)).status_code == 200

    assert [call.body_sha256 for call in gateway.p.calls] == [hashlib.sha256(body).hexdigest()]


@pytest.mark.parametrize("body", NO_MODEL.values(), ids=NO_MODEL)
async def test_with_a_default_target_any_body_goes_there_as_it_is(with_default: Gateway, body: bytes) -> None:
    """The provider is the better judge of it; not a byte is changed."""
    with_default.play()

    response = await post(with_default, body)

    assert response.status_code == 200
    assert with_default.order == "T"
    assert with_default.t.calls[0].body_sha256 == hashlib.sha256(body).hexdigest()
    check_sent(with_default.t.calls[0], key=T_KEY)


@pytest.mark.parametrize("name", STRANGE_NAMES.values(), ids=STRANGE_NAMES)
async def test_a_strange_name_is_an_unknown_model(gateway: Gateway, name: bytes) -> None:
    """A name is compared as it is; nothing about it is mended, and the error does not become as long as the name."""
    gateway.play()

    response = await post(gateway, b'{"model": "' + name + b'"}')

    check_openai_error(response, status=400)
    assert len(response.content) < 2000
    assert gateway.order == ""


@pytest.mark.parametrize("name", STRANGE_NAMES.values(), ids=STRANGE_NAMES)
async def test_a_strange_name_is_replaced_by_the_default_targets(with_default: Gateway, name: bytes) -> None:
    with_default.play()

    response = await post(with_default, b'{"n": 1, "model": "' + name + b'" }')

    assert response.status_code == 200
    assert [call.body for call in with_default.calls] == [b'{"n": 1, "model": "mistral-large" }']


async def test_an_unknown_model_is_reported_with_what_there_is(gateway: Gateway) -> None:
    gateway.play()

    error = check_openai_error(await gateway.chat("openai/gpt-99"), status=400)

    assert error["code"] == "model_not_found"
    assert P in str(error["message"])
    assert S in str(error["message"])
    assert gateway.order == ""


async def test_an_unknown_model_goes_to_the_default_target(with_default: Gateway) -> None:
    with_default.play()

    response = await with_default.chat("openai/gpt-99")

    check_delivered(response, by="T", target="mistral/mistral-large", attempts=1)


async def test_the_last_of_repeated_keys_names_the_model(gateway: Gateway) -> None:
    gateway.play()

    await post(gateway, b'{"model": "openai/gpt-4o", "model": "anthropic/claude-3-5-sonnet"}')

    assert gateway.order == "S"
    check_sent(gateway.s.calls[0], key=S_KEY)


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
async def test_a_body_over_the_limit_is_413(gateway: Gateway, *, chunked: bool) -> None:
    """Told in JSON, never retried, and no provider sees a part of it."""
    gateway.play()
    body = a_body(padding="x" * LIMIT)

    async def pieces() -> AsyncIterator[bytes]:
        yield body[:1000]
        yield body[1000:]

    response = await gateway.client.post(CHAT, content=pieces() if chunked else body, headers=a_clients_headers())

    check_openai_error(response, status=413)
    assert gateway.order == ""


async def test_a_body_just_under_the_limit_fails_over(gateway: Gateway) -> None:
    gateway.play(p="503")
    body = a_body(padding="")
    body = a_body(padding="x" * (LIMIT - len(body)))
    assert len(body) == LIMIT

    response = await post(gateway, body)

    check_delivered(response, by="S", target=S, attempts=2)


async def test_a_body_that_is_no_json_goes_where_the_hint_says(gateway: Gateway) -> None:
    """An audio file names no model: the client names it in a header, and the body goes as it is."""
    gateway.play(p="503")
    body = b"RIFF\x00\xff"

    response = await gateway.client.post(
        "/v1/audio/transcriptions",
        content=body,
        headers={"content-type": "audio/wav", "x-arch-llm-provider-hint": P},
    )

    assert gateway.p.calls[0].body_sha256 == hashlib.sha256(body).hexdigest()
    assert gateway.p.calls[0].header("content-type") == "audio/wav"
    assert gateway.p.calls[0].path == "/v1/audio/transcriptions"
    check_sent(gateway.p.calls[0], key=P_KEY)
    assert gateway.s.calls == ()
    check_answer(response)


async def test_a_body_that_is_no_json_and_has_no_hint_is_refused(gateway: Gateway) -> None:
    gateway.play()

    response = await gateway.client.post(CHAT, content=b"\x00\x01", headers={"content-type": "audio/wav"})

    check_openai_error(response, status=400)
    assert gateway.order == ""


async def test_after_all_that_an_ordinary_request_is_served(gateway: Gateway) -> None:
    gateway.play(p="429")

    check_delivered(await gateway.chat(), by="S", target=S, attempts=2)
