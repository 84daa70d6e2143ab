"""A client for scripted providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Return an HTTP client that nothing but loopback is reached with."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        yield client
