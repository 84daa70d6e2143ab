"""Forms, as audio and images are sent: each provider gets its own name for the model, and the file as it came."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.checks import check_answer, check_delivered, check_openai_error, check_sent
from support.gateway.credentials import CLIENT_KEY, P_KEY, S_KEY, T_KEY
from support.gateway.providers import P, a_model
from support.gateway.running import Gateway, running_gateway
from support.gateway.workers import no_worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

PATHS = ("/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits", "/v1/images/variations")
KIND = {"content-type": "multipart/form-data; boundary=----x", "authorization": f"Bearer {CLIENT_KEY}"}
NOISE = b'\x00\r\n------\r\n----x\r\nContent-Disposition: form-data; name="model"\r\n\r\nnot-this\r\n------xy\xff'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run a default that nobody names, and one that fails over to another: both speak all of those."""
    async with running_gateway(
        models=lambda providers: [
            a_model("openai/default", providers.s, S_KEY, default=True),
            a_model(P, providers.p, P_KEY, retry_policy={"fallback_models": ["own/other-name"]}),
            a_model("own/other-name", providers.t, T_KEY, provider_interface="openai"),
        ],
        kept=64 * 1024 * 1024,
    ) as gateway:
        yield gateway


def a_form(model: str | None, file: bytes = NOISE, *, file_first: bool = False) -> bytes:
    """Return a form with a file, a model, and something behind both."""
    named = b"" if model is None else _part('name="model"', model.encode())
    content = _part('name="file"; filename="model"', file)
    return b"".join(
        (*((content, named) if file_first else (named, content)), _part("name=prompt", b"x"), b"------x--\r\n")
    )


def _part(disposition: str, content: bytes) -> bytes:
    return f"------x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + content + b"\r\n"


async def post(gateway: Gateway, body: bytes, path: str = PATHS[0], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.client.post(path, content=body, headers={**KIND, **named})


@pytest.mark.parametrize("file_first", [False, True], ids=["model first", "file first"])
@pytest.mark.parametrize("path", PATHS)
async def test_a_form_fails_over_under_each_providers_name(gateway: Gateway, path: str, *, file_first: bool) -> None:
    gateway.play(p="429")

    answer = await post(gateway, a_form(P, file_first=file_first), path)

    check_delivered(answer, by="T", target="own/other-name", attempts=2)
    assert gateway.order == "PT"
    for call, model, key in zip(gateway.calls, ("gpt-4o", "other-name"), (P_KEY, T_KEY), strict=True):
        assert call.body == a_form(model, file_first=file_first)
        assert call.header("content-length") == str(len(call.body))
        assert call.header("content-type") == KIND["content-type"]
        assert call.path == path
        check_sent(call, key=key)


async def test_a_recording_of_25_megabytes_fails_over(gateway: Gateway) -> None:
    """OpenAI's limit; the model comes behind it, and not a byte of it changes."""
    gateway.play(p="503")
    recording = os.urandom(25 * 1024 * 1024)

    answer = await post(gateway, a_form(P, recording, file_first=True))

    check_delivered(answer, by="T", target="own/other-name", attempts=2)
    for call, model in zip(gateway.calls, ("gpt-4o", "other-name"), strict=True):
        assert call.body_sha256 == hashlib.sha256(a_form(model, recording, file_first=True)).hexdigest()


async def test_the_clients_own_library_is_understood(gateway: Gateway) -> None:
    """Httpx writes the forms of OpenAI's SDK: every byte but the name reaches the provider."""
    gateway.play()

    request = gateway.client.build_request(
        "POST", PATHS[0], data={"model": P}, files={"file": ("a.wav", NOISE, "audio/wav")}
    )
    body = await request.aread()

    check_answer(await gateway.client.send(request))

    assert [call.body for call in gateway.p.calls] == [body.replace(P.encode(), b"gpt-4o")]


async def test_all_that_name_the_model_are_replaced(gateway: Gateway) -> None:
    gateway.play()
    body = _part('name="model"', b"openai/default") + a_form(P)

    await post(gateway, body)

    assert [call.body for call in gateway.p.calls] == [_part('name="model"', b"gpt-4o") + a_form("gpt-4o")]


@pytest.mark.parametrize("hint", [None, P])
async def test_a_form_without_a_model_goes_where_the_hint_says_or_to_the_default(
    gateway: Gateway, hint: str | None
) -> None:
    gateway.play()

    answer = await post(gateway, a_form(None), **({} if hint is None else {"x_arch_llm_provider_hint": hint}))

    assert answer.status_code == 200
    (call,) = gateway.calls
    assert call.body == a_form(None)
    check_sent(call, key=S_KEY if hint is None else P_KEY)


async def test_a_model_in_the_path_is_put_into_the_form_of_a_provider_that_looks_there(gateway: Gateway) -> None:
    """The AzureOpenAI SDK says it in the path alone."""
    gateway.play(p="503")

    answer = await post(gateway, a_form(None), "/openai/deployments/gpt-4o/audio/transcriptions")

    check_delivered(answer, by="T", target="own/other-name", attempts=2)
    for call, model in zip(gateway.calls, ("gpt-4o", "other-name"), strict=True):
        assert call.body.count(b'name="model"\r\n\r\n' + model.encode() + b"\r\n------x\r\n") == 1
        assert call.body.endswith(a_form(None).removeprefix(b"------x\r\n"))


async def test_a_form_that_cannot_be_read_is_400_without_a_default() -> None:
    """With one, its provider may know better."""
    async with running_gateway(only="PS") as strict:
        strict.play()

        error = check_openai_error(await post(strict, a_form(P)[:-10]), status=400)

        assert error["code"] == "invalid_form"
        assert strict.order == ""


async def test_a_form_that_cannot_be_read_goes_to_the_default(gateway: Gateway) -> None:
    gateway.play()

    await post(gateway, a_form(P)[:-10])

    assert [call.body for call in gateway.s.calls] == [a_form(P)[:-10]]
    assert gateway.order == "S"


async def test_without_a_worker_a_form_gets_the_name_that_the_default_knows() -> None:
    """Envoy alone reads it as the sidecar would: the model of another provider becomes the default."""
    async with running_gateway(
        models=lambda providers: [
            a_model(P, providers.p, P_KEY, default=True),
            a_model("openai/whisper-1", providers.p, P_KEY),
            a_model("own/other-name", providers.t, T_KEY, provider_interface="openai"),
        ],
        sidecar={"on_failure": "default_provider"},
        trouble=["script log"],
    ) as alone:
        alone.play()
        with no_worker(alone.up):
            answers = [await post(alone, a_form(model)) for model in ("openai/whisper-1", "own/other-name")]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert [call.body for call in alone.calls] == [a_form("whisper-1"), a_form("gpt-4o")]
        assert alone.order == "PP"
