"""The demo's requests, and the table of their results."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc import names
from extproc.exits import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.system.http_endpoint import Port

DEMO_MODEL = "openai/gpt-4o"

_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class _Request:
    """One request of the demo."""

    title: str
    pause: float = 0  # seconds before it
    stream: bool = False


_REQUESTS = (
    _Request("openai is rate-limited: 429, Retry-After: 1"),
    _Request("the next one, at once, streamed", stream=True),
    _Request("another one, 1 s later", pause=1),
)


def send_requests(edge: Port) -> str:
    """Send the demo's requests to *edge* and return the table of their results."""
    rows = [("request to openai/gpt-4o", "status", "attempts", "target", "duration")]
    for request in _REQUESTS:
        time.sleep(request.pause)
        rows.append((request.title, *_send(edge, request)))
    return _table(rows)


def _send(edge: Port, request: _Request) -> tuple[str, str, str, str]:
    body = {"model": DEMO_MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": request.stream}
    connection = http.client.HTTPConnection(edge.host, edge.port, timeout=_TIMEOUT)
    began = time.monotonic()
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{request.title}: no response from {edge}: {error}") from error
    finally:
        connection.close()
    duration = f"{(time.monotonic() - began) * 1000:.0f} ms"
    headers = response.headers
    return str(response.status), headers.get(names.ATTEMPTS, "?"), headers.get(names.MODEL, "?"), duration


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(["", lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
