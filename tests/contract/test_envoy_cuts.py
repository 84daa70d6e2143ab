"""A response that is cut once it has begun: Envoy alone sees that, and says so once, with the listener that did it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from support.toys.provider import Reply
from support.toys.world import a_world

from extproc.config.gateway import LogFormat

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = {"attempt": "315s", "edge": "330s"}
"""On silence, where the listener's timeout is 300 s."""


def _cut_by(listener: str, config: str) -> str:
    """Return *config* with a short limit for that listener alone."""
    limit = f"stream_idle_timeout: {LIMITS[listener]}\n"
    assert config.count(limit) == 1
    return config.replace(limit, "stream_idle_timeout: 0.5s\n")


@pytest.mark.parametrize(("listener", "cluster"), [("attempt", "a"), ("edge", "attempt")])
def test_only_the_listener_that_aborted_a_response_logs_it(tmp_path: Path, listener: str, cluster: str) -> None:
    with a_world(tmp_path, changed=lambda config: _cut_by(listener, config)) as world:
        world.a.reply = Reply(chunks=[b"x"] * 9, gap=0.3)
        assert world.post("a").content == b"x" * 9
        world.a.reply = Reply(chunks=[b"x", b"x"], gap=2)

        with pytest.raises(httpx.RemoteProtocolError):
            world.post("a", headers={"x-request-id": "cut"})

    (line,) = re.findall("WARNING response_cut .*", world.envoy.log.read_text())  # Envoy has written all: it has ended
    assert line.startswith(f"WARNING response_cut request_id=cut listener={listener} cluster={cluster} status=200 ")
    assert " envoy_details=stream_idle_timeout flags=SI bytes=" in line


def test_with_a_json_log_the_line_is_an_object(tmp_path: Path) -> None:
    with a_world(tmp_path, changed=lambda config: _cut_by("attempt", config), log_format=LogFormat.JSON) as world:
        world.a.reply = Reply(chunks=[b"x", b"x"], gap=2)

        with pytest.raises(httpx.RemoteProtocolError):
            world.post("a", headers={"x-request-id": 'a "cut"'})

    (line,) = [line for line in world.envoy.log.read_text().splitlines() if "response_cut" in line]
    told = json.loads(line)
    assert {key: told[key] for key in ("level", "event", "request_id", "listener", "cluster", "status")} == {
        "level": "warning",
        "event": "response_cut",
        "request_id": 'a "cut"',
        "listener": "attempt",
        "cluster": "a",
        "status": 200,
    }
    assert (told["envoy_details"], told["flags"]) == ("stream_idle_timeout", "SI")
    assert {type(told[key]) for key in ("bytes", "total_ms")} == {int}
    assert datetime.fromisoformat(str(told["time"])).tzinfo is not None
