"""Real Envoy, real sidecar, scripted providers.

The gateways here are shared by all tests that need no other configuration: starting one takes seconds. Each test
begins by giving the providers their scripts, and leaves no block behind in these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.gateway.providers import IMPATIENCE_MS, S, T
from support.gateway.running import Gateway, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

_SHOWN_LINES = 60


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plain() -> AsyncIterator[Gateway]:
    """Run three providers, none with a retry policy."""
    async with running_gateway() as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pair() -> AsyncIterator[Gateway]:
    """Run a primary and a second provider; 429 goes to a different provider, twice at most, as all else does."""
    policy = {"on_status_codes": [{"codes": [429], "strategy": "different_provider", "max_attempts": 2}]}
    async with running_gateway(only="PS", policy=policy) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def trio() -> AsyncIterator[Gateway]:
    """Run three providers, the second and the third named as fallbacks, in that order."""
    async with running_gateway(policy={"fallback_models": [S, T]}) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def impatient() -> AsyncIterator[Gateway]:
    """Run two providers; the time to response headers is limited, and candidates are gone round once."""
    policy = {
        "on_timeout": {
            "strategy": "different_provider",
            "max_attempts": 2,
            "after_ms": IMPATIENCE_MS,
            "block_duration_seconds": 0,
        },
        "second_round": {"rounds": 1},
    }
    async with running_gateway(only="PS", policy=policy) as gateway:
        yield gateway


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last lines of the gateways that a failed test used to its report."""
    report = yield
    if report.failed and report.when != "teardown" and isinstance(item, pytest.Function):
        for name, value in item.funcargs.items():
            if isinstance(value, Gateway):
                lines = value.up.output.splitlines()[-_SHOWN_LINES:]
                report.sections.append((f"what {name} wrote", "\n".join(lines)))
    return report
