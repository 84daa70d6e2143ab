"""A gateway in containers, and the scripted providers behind it, told what to do from a distance."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from support.http.requests import CHAT, a_body, a_clients_headers

from extproc.mock.record import Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

URLS = ("GATEWAY_URL", "PRIMARY_URL", "SECOND_URL")
THIRD = "mistral-large"
"""The third provider's model: it stands at the second's address."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A scripted provider in another container."""

    name: str
    client: httpx.AsyncClient

    async def play(self, script: str) -> None:
        """Begin *script*, and forget what was received."""
        (await self.client.post("/__mock/script", content=script)).raise_for_status()

    async def calls(self) -> list[Call]:
        """Return the requests that it got since."""
        told = (await self.client.get("/__mock/calls")).raise_for_status().json()
        assert told["begun"] == told["completed"], f"{self.name} got a request that never ended"
        return [_call(record) for record in told["calls"]]


@dataclass(frozen=True, slots=True)
class Composed:
    """The gateway, a client of it, and its providers."""

    client: httpx.AsyncClient
    primary: Remote
    second: Remote

    async def play(self, *, p: str = "200", s: str = "200") -> None:
        """Begin a script at each provider."""
        await self.primary.play(p)
        await self.second.play(s)

    async def calls(self) -> list[Call]:
        """Return the requests that all providers got, in order of arrival: all containers share one clock."""
        return sorted([*await self.primary.calls(), *await self.second.calls()], key=lambda call: call.arrived)

    async def order(self) -> str:
        """Return who was called, in order: `PST`."""
        calls = [
            (call.arrived, _letter(one, call)) for one in (self.primary, self.second) for call in await one.calls()
        ]
        return "".join(letter for _, letter in sorted(calls))

    async def chat(self, model: str | None = None, **fields: object) -> httpx.Response:
        """Send an ordinary request with a client's headers, and return the whole answer.

        Each is one of its own: what everybody has just failed is not sent again.
        """
        fields.setdefault("user", uuid4().hex)
        return await self.client.post(CHAT, content=a_body(model, **fields), headers=a_clients_headers())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def composed() -> AsyncIterator[Composed]:
    """Return the gateway that the environment names; without one there is nothing to test."""
    if missing := [name for name in URLS if name not in os.environ]:
        pytest.skip(f"run by docker compose, which sets {', '.join(missing)}")
    gateway, primary, second = (
        httpx.AsyncClient(base_url=os.environ[name], timeout=30, trust_env=False) for name in URLS
    )
    async with gateway, primary, second:
        yield Composed(gateway, Remote("P", primary), Remote("S", second))


def _letter(provider: Remote, call: Call) -> str:
    return "T" if call.model == THIRD else provider.name


def _call(record: Mapping[str, object]) -> Call:
    """Return the call that `Call.as_json` made *record* of."""
    body = str(record["body"])
    headers = record["headers"]
    assert isinstance(headers, list)
    return Call(
        number=int(str(record["number"])),
        method=str(record["method"]),
        path=str(record["path"]),
        headers=tuple((str(name), str(value)) for name, value in headers),
        body=body.encode(),
        body_length=int(str(record["body_length"])),
        body_sha256=str(record["body_sha256"]),
        model=None if record["model"] is None else str(record["model"]),
        streamed='"stream": true' in body,
        arrived=float(str(record["arrived"])),
        connection=int(str(record["connection"])),
        step=str(record["step"]),
    )
