"""The control API of a mock provider, for tests in another process.

`GET /__mock/calls` lists what was received; `POST /__mock/script` with a script as its body starts that script and
clears the calls. Neither is recorded or consumes a step.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extproc.mock.http_response import Response
from extproc.mock.script import ScriptError, parse_script

if TYPE_CHECKING:
    from extproc.mock.provider_state import ProviderState

PREFIX = "/__mock/"
"""The prefix of the control API's paths."""


def control(state: ProviderState, *, method: str, path: str, body: bytes) -> Response:
    """Execute a request under `PREFIX` and return its response."""
    match method, path.removeprefix(PREFIX):
        case "GET", "calls":
            log = state.log
            return _json(
                200,
                {
                    "name": state.name,
                    "begun": log.begun,
                    "completed": log.completed,
                    "hangups": log.hangups,
                    "calls": [call.as_json() for call in log.calls],
                },
            )
        case "POST", "script":
            try:
                state.play(parse_script(body.decode("utf-8", "replace")))
            except ScriptError as error:
                return _json(400, {"error": str(error), "column": error.column})
            return _json(200, {"name": state.name})
        case _:
            return _json(404, {"error": f"there are GET {PREFIX}calls and POST {PREFIX}script"})


def _json(status: int, value: dict[str, object]) -> Response:
    body = json.dumps(value).encode()
    return Response(status, (("content-type", "application/json"), ("content-length", str(len(body)))), body)
