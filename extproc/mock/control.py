"""Remote control of a scripted provider, for tests that run in another process.

`GET /__mock/calls` lists what was received; `POST /__mock/script` with a script as its body begins that script and
forgets the calls. Neither is recorded nor part of the script.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extproc.mock.answers import Answer
from extproc.mock.script import ScriptError, parse_script

if TYPE_CHECKING:
    from extproc.mock.part import Part

PREFIX = "/__mock/"
"""Paths that begin so are not the provider's."""


def control(part: Part, *, method: str, path: str, body: bytes) -> Answer:
    """Return the answer to a request under `PREFIX`, and do what it asks."""
    match method, path.removeprefix(PREFIX):
        case "GET", "calls":
            log = part.log
            return _json(
                200,
                {
                    "name": part.name,
                    "begun": log.begun,
                    "completed": log.completed,
                    "hangups": log.hangups,
                    "calls": [call.as_json() for call in log.calls],
                },
            )
        case "POST", "script":
            try:
                part.play(parse_script(body.decode("utf-8", "replace")))
            except ScriptError as error:
                return _json(400, {"error": str(error), "column": error.column})
            return _json(200, {"name": part.name})
        case _:
            return _json(404, {"error": f"there are GET {PREFIX}calls and POST {PREFIX}script"})


def _json(status: int, value: dict[str, object]) -> Answer:
    body = json.dumps(value).encode()
    return Answer(status, (("content-type", "application/json"), ("content-length", str(len(body)))), body)
