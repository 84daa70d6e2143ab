from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from support.sidecar.server import MAX_BODY, Serve, Sidecar, running

from extproc.addresses import UnixAddress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from support.sidecar.ext_proc import ScriptedSession

    from extproc.addresses import Address


@pytest.fixture
def directory() -> Iterator[str]:
    """Return a directory with a name that is short enough for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="extproc-") as path:
        yield path


@pytest.fixture(params=["unix", "tcp"])
def listen(request: pytest.FixtureRequest, directory: str) -> str:
    """Return an address of either kind."""
    return f"unix:{directory}/extproc.sock" if request.param == "unix" else "127.0.0.1:0"


@pytest_asyncio.fixture(params=["grpcio", "lean"])
async def serve(request: pytest.FixtureRequest, directory: str) -> AsyncIterator[Serve]:
    """Return what starts servers of one kind; they are stopped when the test has ended."""
    async with AsyncExitStack() as stack:

        async def start(
            *sessions: ScriptedSession, at: Address | None = None, max_body_bytes: int = MAX_BODY
        ) -> Sidecar:
            listen = at or UnixAddress(Path(directory, "extproc.sock"))
            return await stack.enter_async_context(
                running(list(sessions), listen=listen, max_body_bytes=max_body_bytes, lean=request.param == "lean")
            )

        yield start
