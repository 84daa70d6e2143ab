import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from extproc.config.gateway import LogFormat
from extproc.exchange.attempt_record import AttemptRecord, Result
from extproc.observe.log import attempt_fields, attempt_log, batched_log, log_event, set_up_logging
from extproc.policy.attempt_state import Reason
from extproc.policy.decision import StopReason
from extproc.policy.target import Api, TargetId

RATE_LIMITED = AttemptRecord(
    request_id="3f6c",
    api=Api.CHAT,
    attempt=2,
    result=Result.REDISPATCHED,
    target=TargetId("openai/gpt-4o"),
    key=1,
    target_reason=Reason.SAME_PROVIDER,
    waited=250,
    outcome="http_429",
    status=429,
    ttfb=31,
    total=33,
    next_target=TargetId("anthropic/claude-3-5-sonnet"),
)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return where to log to; how the process logs is as before afterwards."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers.clear()  # basicConfig closes what it replaces
    yield io.StringIO()
    root.setLevel(level)
    root.handlers[:] = handlers


def test_an_attempt_is_one_line_of_text_with_every_field(stream: io.StringIO) -> None:
    """Request, target, key, outcome, both times, the wait before it, why this target, and what follows."""
    attempt_log(LogFormat.TEXT, stream)(RATE_LIMITED)

    time, rest = stream.getvalue().split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest == (
        "INFO attempt request_id=3f6c attempt=2 api=chat target=openai/gpt-4o key=1 target_reason=same_provider "
        "waited_ms=250 outcome=http_429 status=429 ttfb_ms=31 total_ms=33 result=redispatched "
        "next_target=anthropic/claude-3-5-sonnet\n"
    )


def test_an_attempt_is_one_json_object_with_every_field(stream: io.StringIO) -> None:
    """Numbers stay numbers."""
    attempt_log(LogFormat.JSON, stream)(RATE_LIMITED)

    reported = json.loads(stream.getvalue())
    assert reported.pop("time").endswith("Z")
    assert reported == {"level": "info", "event": "attempt", **attempt_fields(RATE_LIMITED)}
    assert reported["waited_ms"] == 250


@pytest.mark.parametrize("style", LogFormat)
def test_an_attempts_line_is_that_of_any_event(stream: io.StringIO, style: LogFormat) -> None:
    """But for its time."""
    set_up_logging(style, stream)

    attempt_log(style, stream)(RATE_LIMITED)
    log_event("attempt", attempt_fields(RATE_LIMITED))

    first, second = (re.sub(r"[\d-]{10}T[\d:.]{12}Z", "", line) for line in stream.getvalue().splitlines())
    assert first == second


@pytest.mark.parametrize("style", LogFormat)
def test_lines_of_a_worker_are_written_in_order_and_all_of_them(stream: io.StringIO, style: LogFormat) -> None:
    """Those of attempts and those of other events, up to the last one."""
    with batched_log(style, stream) as lines:
        observe = attempt_log(style, lines)
        for _ in range(100):
            observe(RATE_LIMITED)
            log_event("blocks_resumed", {})
    log_event("afterwards", {})

    events = re.findall('attempt(?= |",)|blocks_resumed|afterwards', stream.getvalue())
    assert events == [*("attempt", "blocks_resumed") * 100, "afterwards"]
    assert len(stream.getvalue().splitlines()) == 201


def test_what_did_not_happen_is_left_out() -> None:
    """Absent is not zero: without a call there is no key, no wait and no time."""
    refused = AttemptRecord("3f6c", Api.CHAT, 1, Result.REFUSED, status=400)

    assert attempt_fields(refused) == {
        "request_id": "3f6c",
        "attempt": 1,
        "api": "chat",
        "status": 400,
        "result": "refused",
    }


def test_why_nothing_more_was_tried_is_logged() -> None:
    """An exhausted request names the limit that ended it."""
    last = AttemptRecord("3f6c", Api.CHAT, 3, Result.EXHAUSTED, status=429, stop_reason=StopReason.RULE_SPENT)

    assert attempt_fields(last)["stop_reason"] == "rule_spent"


@pytest.mark.parametrize("style", LogFormat)
def test_a_value_from_outside_cannot_forge_a_line_or_a_field(stream: io.StringIO, style: LogFormat) -> None:
    """Request ids come from clients."""
    set_up_logging(style, stream)

    log_event("attempt", {"request_id": 'x\n2026 INFO attempt result="delivered'})

    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert r'"x\n2026 INFO attempt result=\"delivered"' in line


def test_a_value_from_outside_cannot_fill_the_disk() -> None:
    """The model's name of a wildcard may be as long as a request."""
    reported = attempt_fields(AttemptRecord("x" * 100_000, Api.CHAT, 1, Result.REFUSED))

    assert reported["request_id"] == "x" * 256


@pytest.mark.parametrize("style", LogFormat)
def test_an_errors_traceback_is_not_logged(stream: io.StringIO, style: LogFormat) -> None:
    """It may quote a body, a key or a header value."""
    set_up_logging(style, stream)
    try:
        int("sk-secret")
    except ValueError:
        logging.getLogger("extproc.transport").exception("stream\nfailed")

    assert "stream failed (ValueError)" in stream.getvalue()
    assert "sk-secret" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1
