"""A web page that calls the gateway: named in the configuration or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.running import Gateway, running_gateway
from support.http.requests import CHAT, MESSAGES

from extproc import names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

PAGE = "https://app.example.com"
ELSEWHERE = "https://elsewhere.example.com"
ASKED = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gateway() -> AsyncIterator[Gateway]:
    """Run two providers; pages of one origin may call."""
    policy = {"on_status_codes": [{"codes": [429], "strategy": "different_provider", "max_attempts": 1}]}
    async with running_gateway(
        only="PS", policy=policy, listener={"cors": {"allow_origins": [PAGE]}}, sidecar={"max_body_bytes": 100_000}
    ) as gateway:
        yield gateway


async def test_a_page_asks_and_calls(gateway: Gateway) -> None:
    """What the browser asks first reaches nobody; the provider does not learn of the page."""
    gateway.play(p="429")

    asked = await gateway.client.options(CHAT, headers={"origin": PAGE, **ASKED})
    answer = await gateway.chat(headers={"origin": PAGE, "referer": f"{PAGE}/chat"})

    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, PAGE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert answer.headers[names.ATTEMPTS] == "2"
    assert gateway.order == "PS"
    for call in gateway.calls:
        assert call.header("origin") is None
        assert call.header("referer") is None


@pytest.mark.parametrize(
    ("path", "padding", "status"), [(CHAT, 0, 429), (CHAT, 200_000, 413), (MESSAGES, 200_000, 413), ("/v1/x", 0, 404)]
)
async def test_a_page_can_read_what_went_wrong(gateway: Gateway, path: str, padding: int, status: int) -> None:
    """Whether nobody had an answer, or it was refused by the sidecar or by Envoy."""
    gateway.play(p="429", s="429")

    answer = await gateway.chat(path=path, padding="x" * padding, headers={"origin": PAGE})

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "retry-after" in answer.headers["access-control-expose-headers"]


async def test_a_page_of_another_origin_may_neither_ask_nor_read(gateway: Gateway) -> None:
    gateway.play()

    asked = await gateway.client.options(CHAT, headers={"origin": ELSEWHERE, **ASKED})
    answer = await gateway.chat(headers={"origin": ELSEWHERE})

    assert (asked.status_code, asked.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert not {name for name in (*asked.headers, *answer.headers) if name.startswith("access-control-")}
    assert gateway.order == "P"
