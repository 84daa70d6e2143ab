"""What Envoy need not show to the sidecar is of no account to it."""

from __future__ import annotations

from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from support.policy.builders import NOW, P, S, a_catalog, a_policy

from extproc.exchange.attempt_context import Exchange
from extproc.exchange.events import RequestBody, RequestHeaders, ResponseBody, ResponseHeaders
from extproc.exchange.forwarded import FORWARDED, FORWARDED_PREFIXES, named_by
from extproc.exchange.phase import UnexpectedEventError
from extproc.exchange.session import Session
from extproc.exchange.upstream import Upstream, Upstreams
from extproc.policy.blocks import Blocks
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.exchange.events import Directive

POLICY = a_policy(idempotency_header="Idempotency-Key")
UPSTREAMS = Upstreams(
    MappingProxyType(
        {
            P: Upstream("openai", "api.openai.com", "gpt-4o", keys=("key",)),
            S: Upstream("anthropic", "api.anthropic.com", "claude-3-5-sonnet", keys=("key",)),
        }
    )
)
BODY = b'{"model": "gpt-4o", "messages": []}'

OTHERS = (
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "content-language",
    "expect",
    "idempotency-key",
    "openai-beta",
    "te",
    "transfer-encoding",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-ms-retry-after-ms",
    "x-stainless-retry-count",
)
WITH_PREFIX = (
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "ratelimit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "retry-after-ms",
    "x-arch-llm-provider-hint",
    "x-envoy-attempt-count",
    "x-extproc-unprocessed",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests-day",
)
values = st.sampled_from(
    ["", "0", "1", "30", "true", "false", "gzip", "identity", "application/json", "text/plain", "x"]
)
fields = st.dictionaries(
    st.sampled_from([name for name in (*FORWARDED, *WITH_PREFIX, *OTHERS) if not name.startswith(":")]), values
)


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those of *headers* that Envoy forwards."""
    exact = {*FORWARDED, *named_by([POLICY])}
    return {name: value for name, value in headers.items() if name in exact or name.startswith(FORWARDED_PREFIXES)}


def conversation(request: Mapping[str, str], response: Mapping[str, str], body: bytes) -> list[Directive]:
    """Return what is done about an attempt."""
    engine = Engine(a_catalog(policy=POLICY, names={"gpt-4o": P}), Blocks(), SlowResponses())
    session = Session(Exchange(engine, UPSTREAMS, 300_000, 1_000_000), lambda: 0.5)
    events = (
        RequestHeaders(request, end_of_stream=False),
        RequestBody(BODY),
        ResponseHeaders(int(response[":status"]), response, details="via_upstream"),
        ResponseBody(body),
    )
    directives: list[Directive] = []
    with suppress(UnexpectedEventError):  # a response of our own ends it early
        for event in events:
            directives.append(session.receive(event, now=NOW))  # noqa: PERF401 - those up to there count
    return directives


@given(
    request=fields,
    path=st.sampled_from(["/v1/chat/completions", "/v1/messages", "/openai/v1/embeddings", "/metrics"]),
    response=fields,
    status=st.sampled_from(["200", "400", "404", "429", "503"]),
    body=st.sampled_from([b"", b"{}", b'{"error": {"code": "insufficient_quota"}}']),
)
def test_headers_that_are_not_forwarded_change_nothing(
    request: dict[str, str], path: str, response: dict[str, str], status: str, body: bytes
) -> None:
    """Neither what is sent, nor what is removed, nor what becomes of the response."""
    request = {":method": "POST", ":path": path, "content-type": "application/json", **request}
    response = {":status": status, "content-type": "application/json", **response}

    assert conversation(shown(request), shown(response), body) == conversation(request, response, body)


def test_what_is_compared_is_a_whole_conversation() -> None:
    """A plain request is sent, and its response looked at."""
    request = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}
    response = {":status": "429", "content-type": "application/json", "retry-after": "30"}

    assert [type(directive).__name__ for directive in conversation(request, response, b"{}")] == [
        "ContinueProcessing",
        "Send",
        "ReadResponseBody",
        "Redispatch",
    ]
