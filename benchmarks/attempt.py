"""What one attempt costs in Python, gRPC left out: bytes in, decode, receive, encode, bytes out.

One whole attempt is request headers, a 2 KB chat body and response headers. There is a row for an attempt that is
delivered, for one that fails and is dispatched anew, and for the one after it, which carries the state.
"""

from __future__ import annotations

import json
import statistics
import timeit
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, TypeAlias

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.config.load import load
from extproc.exchange.attempt_context import Exchange
from extproc.exchange.forwarded import FORWARDED, FORWARDED_PREFIXES
from extproc.exchange.session import Session
from extproc.policy.blocks import Blocks
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.policy.units import Instant
from extproc.transport.codec.requests import UnhandledMessage, decode
from extproc.transport.codec.responses import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.exchange.events import Directive, Event

BUDGET = 150  # microseconds
RUNS, RUN = 60, 50

CONFIG = Path(__file__).parent.parent / "configs" / "failover.yaml"
KEYS = {"OPENAI_API_KEY": "sk-openai", "ANTHROPIC_API_KEY": "sk-anthropic"}
BODY = json.dumps(
    {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "You are brief. " * 40}, {"role": "user", "content": "Why? " * 250}],
        "temperature": 0.2,
        "stream": True,
    }
).encode()

REQUEST = {
    ":authority": "localhost:12000",
    ":path": "/v1/chat/completions",
    ":method": "POST",
    ":scheme": "http",
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "authorization": "Bearer sk-of-the-client",
    "content-length": str(len(BODY)),
    "content-type": "application/json",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "user-agent": "OpenAI/Python 2.8.0",
    "x-envoy-attempt-count": "1",
    "x-envoy-internal": "true",
    "x-forwarded-proto": "http",
    "x-request-id": "8b0f1bb2-7d2e-4b6e-9c43-6f0f3a3ab5a3",
    "x-stainless-arch": "x64",
    "x-stainless-lang": "python",
    "x-stainless-os": "Linux",
    "x-stainless-retry-count": "0",
    "x-stainless-runtime": "CPython",
}
ANSWER = {
    "content-type": "text/event-stream; charset=utf-8",
    "date": "Thu, 01 Jan 2026 00:00:00 GMT",
    "openai-processing-ms": "312",
    "openai-version": "2020-10-01",
    "server": "envoy",
    "x-envoy-upstream-service-time": "320",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999000",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "30ms",
    "x-request-id": "req_123",
}

Messages: TypeAlias = tuple[bytes, ...]

GATEWAY = load(CONFIG, KEYS).gateway
EXCHANGE = Exchange(
    Engine(GATEWAY.catalog, Blocks(), SlowResponses()),
    GATEWAY.upstreams,
    GATEWAY.listener.timeout,
    GATEWAY.sidecar.max_body_bytes,
)


def headers(fields: dict[str, str]) -> pb.HttpHeaders:
    """Return *fields* as Envoy sends them: those that it forwards."""
    values = [
        pb.HeaderValue(key=name, raw_value=value.encode())
        for name, value in fields.items()
        if name in FORWARDED or name.startswith(FORWARDED_PREFIXES)
    ]
    return pb.HttpHeaders(headers=pb.HeaderMap(headers=values))


def attempt(status: int, state: str | None = None) -> Messages:
    """Return what Envoy sends in the course of one attempt."""
    carried = {} if state is None else {names.STATE: state}
    answer = pb.ProcessingRequest(response_headers=headers({":status": str(status)} | ANSWER))
    answer.attributes["envoy.filters.http.ext_proc"].update(
        {names.FLAGS_ATTRIBUTE: 0, names.DETAILS_ATTRIBUTE: names.VIA_UPSTREAM}
    )
    messages = (
        pb.ProcessingRequest(request_headers=headers(REQUEST | carried)),
        pb.ProcessingRequest(request_body=pb.HttpBody(body=BODY, end_of_stream=True)),
        answer,
    )
    return tuple(message.SerializeToString() for message in messages)


class Replay:
    """A conversation that has been had before: what the codec does, without the rules."""

    def __init__(self, directives: list[Directive]) -> None:
        self._directives = iter(directives)

    def receive(self, event: Event, *, now: Instant) -> Directive:  # noqa: ARG002 - as a session does
        """Return what was answered then."""
        return next(self._directives)


class Recording:
    """Notes what a session answers."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.directives: list[Directive] = []

    def receive(self, event: Event, *, now: Instant) -> Directive:
        """Return the session's answer."""
        self.directives.append(self._session.receive(event, now=now))
        return self.directives[-1]


def serve(session: Session | Replay | Recording, messages: Messages, now: Instant) -> bytes:
    """Do what the stream loop does, without gRPC and without waiting; return the last answer."""
    answer = b""
    for message in messages:
        event = decode(pb.ProcessingRequest.FromString(message))
        if isinstance(event, UnhandledMessage):
            raise TypeError(event.kind)
        answer = encode(session.receive(event, now=now), event).SerializeToString()
    return answer


def now() -> Instant:
    """Return the time."""
    return Instant(time_ns() // 1_000_000)


def a_session() -> Session:
    """Return a session that knows of nothing that has gone wrong."""
    return Session(EXCHANGE, lambda: 0.5)


def attempt_cost(messages: Messages) -> float:
    """Return what an attempt costs that consists of *messages*."""

    def once() -> None:
        session, instant = a_session(), now()
        serve(session, messages, instant)
        session.finish(now=instant)

    return median(once)


def codec_cost(messages: Messages) -> float:
    """Return how much of it the codec costs."""
    recording = Recording(a_session())
    serve(recording, messages, now())
    return median(lambda: serve(Replay(recording.directives), messages, now()))


def median(work: Callable[[], object]) -> float:
    """Return the median time of *work* in microseconds, in the quietest of several runs."""
    return min(statistics.median(timeit.repeat(work, number=1, repeat=RUN)) for _ in range(RUNS)) * 1e6


def state_after(messages: Messages) -> str:
    """Return the state that the edge would carry to the attempt after *messages*."""
    answer = pb.ProcessingResponse.FromString(serve(a_session(), messages, now()))
    fields = answer.immediate_response.headers.set_headers
    return next(field.header.raw_value.decode() for field in fields if field.header.key == names.STATE)


def main() -> None:
    """Print the table."""
    delivered, failed = attempt(200), attempt(429)
    print(f"one attempt, {len(BODY)} bytes of chat: us, median of the quietest of {RUNS} runs of {RUN}")
    print("                       all   codec")
    for name, messages in (
        ("delivered", delivered),
        ("dispatched anew", failed),
        ("with carried state", attempt(200, state_after(failed))),
    ):
        print(f"  {name:<20} {attempt_cost(messages):4.0f}   {codec_cost(messages):5.0f}")
    print(f"  budget               {BUDGET}")


if __name__ == "__main__":
    main()
