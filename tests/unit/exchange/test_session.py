"""One attempt: events in, directives out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from support.bodies.compressors import FRAMED, gzipped
from support.policy.builders import NOW, P, S, T, a_catalog, a_high_latency, a_policy, a_target, always, on_status

from extproc import names
from extproc.exchange.attempt_context import Exchange
from extproc.exchange.attempt_record import AttemptRecord, Result
from extproc.exchange.envoy_flags import Flag
from extproc.exchange.events import (
    BodyOverdue,
    ContinueProcessing,
    Deliver,
    ImmediateResponse,
    ReadResponseBody,
    Redispatch,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    Send,
)
from extproc.exchange.in_flight import InFlight
from extproc.exchange.phase import UnexpectedEventError
from extproc.exchange.session import Session
from extproc.exchange.upstream import Upstream, Upstreams
from extproc.policy.attempt_state import AttemptState, NextAttempt, Reason
from extproc.policy.backoff import Backoff, Jitter, Reach
from extproc.policy.blocks import Block, BlockKind, Blocks
from extproc.policy.decision import StopReason
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.rules import Measure, Policy, RetryAfterHandling, Rule, Strategy
from extproc.policy.target import Api, Credential, Freedom, TargetId
from extproc.policy.units import Instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.exchange.events import Directive
    from extproc.policy.catalog import Catalog

BODY = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}'
KEY = "sk-never-to-be-seen"
UPSTREAMS = Upstreams(
    MappingProxyType(
        {
            P: Upstream("openai", "api.openai.com", "gpt-4o", keys=(f"{KEY}-p",)),
            S: Upstream("anthropic", "api.anthropic.com", "claude-3-5-sonnet", keys=(f"{KEY}-s",)),
            T: Upstream("mistral", "api.mistral.ai", "mistral-large", keys=(f"{KEY}-t",)),
        }
    ),
    MappingProxyType({"groq": Upstream("groq", "api.groq.com", "*", path_prefix="/openai/v1", keys=(f"{KEY}-g",))}),
)
NAMES = {"gpt-4o": P, "claude-3-5-sonnet": S, "mistral-large": T}
SECOND = 1000
LISTENERS = str(300 * SECOND)
"""The listener's timeout, as a header says it."""


def an_exchange(
    policy: Policy | None = None,
    *,
    catalog: Catalog | None = None,
    blocks: Blocks | None = None,
    upstreams: Upstreams = UPSTREAMS,
    max_body: int = 1_000_000,
) -> Exchange:
    wildcard = a_target("groq/*", wildcard=True)
    known = a_catalog(policy=policy, wildcards=[wildcard], names=NAMES) if catalog is None else catalog
    engine = Engine(known, Blocks() if blocks is None else blocks, SlowResponses())
    return Exchange(engine, upstreams, timeout=300 * SECOND, max_body=max_body)


def request_headers(path: str = "/v1/chat/completions", **more: str) -> dict[str, str]:
    return {
        ":method": "POST",
        ":path": path,
        ":authority": "localhost:12000",
        "content-type": "application/json",
        "authorization": "Bearer the-clients",
        "x-request-id": "r-1",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def opened(
    exchange: Exchange,
    body: bytes | None = BODY,
    *,
    carried: AttemptState | InFlight | None = None,
    headers: dict[str, str] | None = None,
    now: Instant = NOW,
) -> tuple[Session, Directive]:
    """Return a session that has received the whole request, and its directive."""
    session = Session(exchange, always(0.0))
    reported = RequestHeaders(headers or request_headers(), end_of_stream=body is None, carried=carried)
    directive = session.receive(reported, now=now)
    if body is not None and not isinstance(directive, ImmediateResponse):
        directive = session.receive(RequestBody(body), now=now)
    return session, directive


def from_provider(status: int, **headers: str) -> ResponseHeaders:
    reported = {name.replace("_", "-"): value for name, value in headers.items()}
    return ResponseHeaders(status, reported, details=names.VIA_UPSTREAM)


REFUSED = ResponseHeaders(503, {}, Flag.UPSTREAM_CONNECTION_FAILURE, "upstream_reset_before_response_started{…}")


def set_by(directive: Directive) -> dict[str, str]:
    assert isinstance(directive, Send | Deliver)
    return dict(directive.set_headers)


def error_of(directive: Directive) -> dict[str, object]:
    assert isinstance(directive, ImmediateResponse)
    error = json.loads(directive.body)["error"]
    assert isinstance(error, dict)
    return error


def failing(exchange: Exchange, event: ResponseHeaders, *, now: Instant = NOW) -> AttemptState:
    """Return what a first attempt that fails with *event* hands on to the second."""
    session, _ = opened(exchange, now=now)
    directive = session.receive(event, now=now)
    assert isinstance(directive, Redispatch)
    return directive.state


class TestTheRequest:
    """What is sent, and where."""

    def test_nothing_is_changed_before_the_whole_request_is_known(self) -> None:
        """An Envoy that loses its worker after the headers must have nowhere to send the request."""
        session = Session(an_exchange(), always(0.0))

        assert session.receive(RequestHeaders(request_headers(), end_of_stream=False), now=NOW) == ContinueProcessing()

    def test_the_first_attempt_goes_to_the_target_that_the_body_names(self) -> None:
        _, directive = opened(an_exchange())

        assert isinstance(directive, Send)
        assert directive.body is None
        assert set_by(directive)[names.CLUSTER] == "openai"
        assert set_by(directive)["authorization"] == f"Bearer {KEY}-p"

    def test_a_request_without_a_body_is_sent_on_its_headers(self) -> None:
        headers = request_headers("/v1/files", x_arch_llm_provider_hint="mistral-large")

        _, directive = opened(an_exchange(), None, headers=headers)

        assert set_by(directive)[names.CLUSTER] == "mistral"

    def test_only_the_models_name_is_changed_for_another_target(self) -> None:
        exchange = an_exchange(a_policy())

        _, directive = opened(exchange, carried=failing(exchange, from_provider(429)))

        assert isinstance(directive, Send)
        sent = BODY.replace(b"gpt-4o", b"claude-3-5-sonnet")
        assert directive.body == sent
        assert set_by(directive)["content-length"] == str(len(sent))

    def test_a_wildcards_model_is_sent_by_the_name_it_was_asked_for(self) -> None:
        _, directive = opened(an_exchange(), b'{"model": "groq/llama-3.3-70b"}')

        assert isinstance(directive, Send)
        assert directive.body == b'{"model": "llama-3.3-70b"}'
        assert set_by(directive)[":path"] == "/openai/v1/chat/completions"

    def test_a_time_limit_is_set_while_another_candidate_is_left(self) -> None:
        _, directive = opened(an_exchange(a_policy(attempt_timeout=2 * SECOND)))

        assert set_by(directive)[names.TRY_TIMEOUT] == "2000"

    @pytest.mark.parametrize(
        "policy",
        [
            None,
            a_policy(attempt_timeout=0),
            a_policy(attempt_timeout=2 * SECOND, default=Rule("default", max_attempts=0)),
        ],
        ids=["no policy", "switched off", "no retry allowed"],
    )
    def test_otherwise_it_is_what_is_left_of_the_listeners(self, policy: Policy | None) -> None:
        """The last attempt has all the time the listener gives; once it has begun, a response takes its time."""
        _, directive = opened(an_exchange(policy))

        assert set_by(directive)[names.TRY_TIMEOUT] == LISTENERS

    def test_no_limit_is_longer_than_what_is_left(self) -> None:
        exchange = an_exchange(a_policy(attempt_timeout=200 * SECOND))
        state = replace(failing(exchange, from_provider(429)), deadline=Instant(NOW + 150 * SECOND))

        _, sent = opened(exchange, carried=state, now=Instant(NOW + 100 * SECOND))

        assert set_by(sent)[names.TRY_TIMEOUT] == "50000"
        assert isinstance(sent, Send)
        assert sent.in_flight is not None
        assert sent.in_flight.limit is None

    def test_a_providers_own_time_limit_always_holds(self) -> None:
        upstreams = Upstreams({**UPSTREAMS.by_id, P: replace(UPSTREAMS.by_id[P], first_byte=7000)})

        _, directive = opened(an_exchange(upstreams=upstreams))

        assert set_by(directive)[names.TRY_TIMEOUT] == "7000"

    def test_an_idempotency_header_is_one_value_per_provider(self) -> None:
        """A provider that honours it does not do the same work twice; two providers cannot compare notes."""
        policy = a_policy(default=Rule("default", Strategy.SAME_MODEL), idempotency_header="Idempotency-Key")
        exchange = an_exchange(policy)
        _, first = opened(exchange)
        _, second = opened(exchange, carried=failing(exchange, from_provider(503)))
        other = an_exchange(a_policy(idempotency_header="Idempotency-Key"))
        _, elsewhere = opened(other, carried=failing(other, from_provider(503)))

        assert set_by(first)["idempotency-key"] == set_by(second)["idempotency-key"]
        assert set_by(elsewhere)["idempotency-key"] != set_by(first)["idempotency-key"]

    def test_a_clients_own_idempotency_key_is_left_alone(self) -> None:
        policy = a_policy(idempotency_header="Idempotency-Key")

        _, directive = opened(an_exchange(policy), headers=request_headers(idempotency_key="the-clients"))

        assert "idempotency-key" not in set_by(directive)


class TestRefusals:
    """Requests for which no provider is called."""

    def test_an_unknown_model_is_refused_with_what_there_is(self) -> None:
        _, directive = opened(an_exchange(), b'{"model": "gpt-9"}')

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 400
        assert error_of(directive)["code"] == "model_not_found"
        for known in (P, S, T, "groq/*"):
            assert known in str(error_of(directive)["message"])

    def test_an_unknown_model_goes_to_the_default(self) -> None:
        catalog = a_catalog(names=NAMES, default=S)

        _, directive = opened(an_exchange(catalog=catalog), b'{"model": "gpt-9"}')

        assert isinstance(directive, Send)
        assert directive.body == b'{"model": "claude-3-5-sonnet"}'

    @pytest.mark.parametrize("body", [b'{"messages": []}', b'{"model": 42}', b'{"model": null}', b"[1, 2]"])
    def test_a_body_that_names_no_model_is_refused(self, body: bytes) -> None:
        _, directive = opened(an_exchange(), body)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 400

    @pytest.mark.parametrize("body", [b'{"model": "gpt-4o"', b"", b'\xef\xbb\xbf{"model": "gpt-4o"', b"[" * 100_000])
    def test_a_body_that_cannot_be_read_is_refused(self, body: bytes) -> None:
        _, directive = opened(an_exchange(), body)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 400
        assert error_of(directive)["type"] == "invalid_request_error"

    @pytest.mark.parametrize("body", [b'{"model": "gpt-4o"', b'{"messages": []}', b'{"model": 42}'])
    def test_with_a_default_such_a_body_goes_as_it_is(self, body: bytes) -> None:
        """Its provider may know better what to make of it."""
        _, directive = opened(an_exchange(catalog=a_catalog(names=NAMES, default=S)), body)

        assert isinstance(directive, Send)
        assert directive.body is None
        assert set_by(directive)[names.CLUSTER] == "anthropic"

    @pytest.mark.parametrize(("coding", "compress"), FRAMED.items(), ids=FRAMED)
    def test_a_compressed_body_is_sent_as_what_it_stands_for(
        self, coding: str, compress: Callable[[bytes], bytes]
    ) -> None:
        """With the provider's name for the model, if that is another one; its signature is of the client's bytes."""
        headers = request_headers(content_encoding=coding, content_digest="x", content_length="7")
        exchange = an_exchange(a_policy())
        session, first = opened(exchange, compress(BODY), headers=headers)
        redispatch = session.receive(from_provider(503), now=NOW)
        assert isinstance(redispatch, Redispatch)

        _, second = opened(exchange, compress(BODY), headers=headers, carried=redispatch.state)

        other = BODY.replace(b"gpt-4o", b"claude-3-5-sonnet")
        for sent, body in ((first, BODY), (second, other)):
            assert isinstance(sent, Send)
            assert sent.body == body
            assert set_by(sent)["content-length"] == str(len(body))
            assert {"content-encoding", "content-digest"} <= set(sent.remove_headers)
        assert redispatch.state.body_sha256 == hashlib.sha256(compress(BODY)).digest()

    @pytest.mark.parametrize("default", [None, S])
    @pytest.mark.parametrize("coding", ["br", "gzip", "gzip, gzip"])
    def test_a_body_that_hides_which_model_it_names_is_refused(self, coding: str, default: TargetId | None) -> None:
        """The default is not the model that was requested."""
        exchange = an_exchange(catalog=a_catalog(names=NAMES, default=default))

        _, directive = opened(exchange, BODY, headers=request_headers(content_encoding=coding))

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 415
        assert error_of(directive)["code"] == "unsupported_body"
        assert dict(directive.headers)["accept-encoding"] == "gzip, zstd, deflate"

    def test_a_body_that_stands_for_too_much_is_refused(self) -> None:
        large = BODY[:-1] + b" " * 10_000 + b"}"
        body = gzipped(large)

        _, directive = opened(an_exchange(max_body=1000), body, headers=request_headers(content_encoding="gzip"))

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 413

    def test_a_body_past_the_limit_is_refused(self) -> None:
        _, directive = opened(an_exchange(max_body=len(BODY) - 1))

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 413

    def test_envoys_own_refusal_of_the_body_has_the_apis_shape(self) -> None:
        """Envoy responds with 413 by itself while the body is still coming; no policy can fix that."""
        session = Session(an_exchange(a_policy()), always(0.0))
        session.receive(RequestHeaders(request_headers(), end_of_stream=False), now=NOW)

        directive = session.receive(ResponseHeaders(413, {}, 0, "request_payload_too_large"), now=NOW)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 413
        record = session.finish(now=NOW)
        assert record is not None
        assert (record.result, record.status) == (Result.REFUSED, 413)

    def test_a_model_is_not_asked_through_an_api_that_it_does_not_speak(self) -> None:
        """Nor is the default in its place: the client has said what it wants."""
        supporting = a_target(S, apis=[Api.CHAT, Api.MESSAGES])
        catalog = replace(a_catalog(P, supporting, T, names=NAMES), defaults={Api.MESSAGES: S})

        _, directive = opened(an_exchange(catalog=catalog), headers=request_headers("/v1/messages"))

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 400
        message = str(error_of(directive)["message"])
        assert "gpt-4o" in message
        assert S in message
        assert T not in message

    @pytest.mark.parametrize(("path", "cluster"), [("/v1/messages", "anthropic"), ("/v1/chat/completions", "openai")])
    def test_each_api_has_a_default_of_its_own(self, path: str, cluster: str) -> None:
        supporting = a_target(S, apis=[Api.CHAT, Api.MESSAGES])
        catalog = replace(a_catalog(P, supporting, T, names=NAMES), defaults={Api.MESSAGES: S, Api.CHAT: P})

        for body in (b'{"model": "unknown"}', b"{}"):
            _, directive = opened(an_exchange(catalog=catalog), body, headers=request_headers(path))
            assert set_by(directive)[names.CLUSTER] == cluster

    def test_embeddings_are_never_made_by_another_model_than_the_one_that_is_named(self) -> None:
        """The default takes requests that name none: its model is then the requested one."""
        catalog = replace(a_catalog(a_target(P, apis=[Api.EMBEDDINGS])), defaults={Api.EMBEDDINGS: P})
        headers = request_headers("/v1/embeddings")

        _, named = opened(an_exchange(catalog=catalog), b'{"model": "text-embedding-9"}', headers=headers)
        _, unnamed = opened(an_exchange(catalog=catalog), b'{"input": "x"}', headers=headers)

        assert isinstance(named, ImmediateResponse)
        assert named.status == 400
        assert error_of(named)["code"] == "model_not_found"
        assert set_by(unnamed)[names.CLUSTER] == "openai"

    def test_without_one_an_unknown_model_is_refused_with_what_could_serve_it(self) -> None:
        """Not with an OpenAI model's key."""
        supporting = a_target(S, apis=[Api.CHAT, Api.MESSAGES])
        catalog = replace(a_catalog(P, supporting, T), defaults={Api.CHAT: P})

        _, directive = opened(
            an_exchange(catalog=catalog), b'{"model": "claude-9"}', headers=request_headers("/v1/messages")
        )

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 400
        assert S in str(error_of(directive)["message"])
        assert P not in str(error_of(directive)["message"])

    def test_errors_have_the_shape_of_the_api(self) -> None:
        _, directive = opened(an_exchange(), b'{"model": "gpt-9"}', headers=request_headers("/v1/messages"))

        assert isinstance(directive, ImmediateResponse)
        assert json.loads(directive.body)["type"] == "error"

    def test_json_of_a_client_that_named_no_content_type_is_read_all_the_same(self) -> None:
        """`curl -d` says application/x-www-form-urlencoded."""
        headers = request_headers(content_type="application/x-www-form-urlencoded")

        _, directive = opened(an_exchange(), headers=headers)

        assert set_by(directive)[names.CLUSTER] == "openai"

    @pytest.mark.parametrize("body", [b"{not json", b"model=gpt-4o"])
    def test_what_only_looks_like_json_is_no_error(self, body: bytes) -> None:
        headers = request_headers(content_type="text/plain", x_arch_llm_provider_hint="gpt-4o")

        _, directive = opened(an_exchange(), body, headers=headers)

        assert isinstance(directive, Send)
        assert directive.body is None


class TestTheResponse:
    """What becomes of it."""

    def test_a_success_is_delivered_and_names_its_target(self) -> None:
        exchange = an_exchange(a_policy())
        session, _ = opened(exchange, carried=failing(exchange, from_provider(429)))

        directive = session.receive(from_provider(200, x_extproc_redispatch="1", server="mock"), now=NOW)

        assert directive == Deliver(((names.MODEL, S), (names.ATTEMPTS, "2")), ("x-extproc-redispatch",))

    def test_without_a_policy_a_429_is_delivered(self) -> None:
        session, _ = opened(an_exchange())

        assert session.receive(from_provider(429), now=NOW) == Deliver(((names.MODEL, P), (names.ATTEMPTS, "1")))

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("policy", [None, a_policy(default=Rule("default", max_attempts=0))])
    def test_a_redirect_is_never_delivered(self, status: int, policy: Policy | None) -> None:
        """A client that follows it shows its prompt to the host that the provider names, outside of any policy."""
        session, _ = opened(an_exchange(policy))

        directive = session.receive(from_provider(status, location="https://elsewhere.test/v1"), now=NOW)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 502
        assert error_of(directive)["code"] == "provider_redirect"
        assert "elsewhere" not in f"{directive.headers}{directive.body!r}"
        assert dict(directive.headers)[names.MODEL] == P

    def test_it_is_a_failure_of_its_target(self) -> None:
        """Another target is called; with none left, the response is the gateway's."""
        exchange = an_exchange(a_policy(default=Rule("default", max_attempts=1)))
        session, _ = opened(exchange)
        moved = from_provider(307, location="https://elsewhere.test")

        first = session.receive(moved, now=NOW)
        assert isinstance(first, Redispatch)
        assert first.status == 502
        assert first.state.failures[0].error_type == "http_307"
        last, _ = opened(exchange, carried=first.state)
        directive = last.receive(moved, now=NOW)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 502
        assert error_of(directive)["type"] == "retry_exhausted"

    def test_not_modified_is_a_response(self) -> None:
        """To a client's conditional request."""
        session, _ = opened(an_exchange(a_policy()))

        assert isinstance(session.receive(from_provider(304), now=NOW), Deliver)

    def test_a_failure_is_handed_on_with_its_attempt_state(self) -> None:
        session, _ = opened(an_exchange(a_policy()))

        directive = session.receive(from_provider(429), now=Instant(NOW + 30))

        assert isinstance(directive, Redispatch)
        assert directive.status == 429
        assert directive.state.next == NextAttempt(S, Instant(NOW + 30), Reason.DIFFERENT_PROVIDER)
        assert directive.state.body_sha256 == hashlib.sha256(BODY).digest()
        assert directive.state.failures[0].duration == 30

    def test_a_wait_is_held_before_the_next_attempts_body_is_asked_for(self) -> None:
        """So that no body is kept in memory for as long as the wait takes."""
        backoff = Backoff(Reach.GLOBAL, 500, 5000, Jitter.NONE)
        exchange = an_exchange(a_policy(default=Rule("default", backoff=backoff)))
        state = failing(exchange, from_provider(503))
        session = Session(exchange, always(0.0))

        reported = RequestHeaders(request_headers(), end_of_stream=False, carried=state)

        assert session.receive(reported, now=NOW) == ContinueProcessing(not_before=Instant(NOW + 500))

    def test_a_wait_that_is_over_is_not_held(self) -> None:
        """Re-dispatched in the middle of a wait, an attempt waits only what is left."""
        backoff = Backoff(Reach.GLOBAL, 500, 5000, Jitter.NONE)
        exchange = an_exchange(a_policy(default=Rule("default", backoff=backoff)))
        state = failing(exchange, from_provider(503))
        session = Session(exchange, always(0.0))

        reported = RequestHeaders(request_headers(), end_of_stream=False, carried=state)

        assert session.receive(reported, now=Instant(NOW + 500)) == ContinueProcessing()

    def test_latency_is_counted_from_the_end_of_the_wait(self) -> None:
        """A wait of ours is no slowness of theirs."""
        blocks = Blocks()
        blocks.add(Block(BlockKind.RETRY_AFTER, P, Instant(NOW + 5 * SECOND)), now=NOW)
        policy = a_policy(default=Rule("default", Strategy.SAME_MODEL), high_latency=a_high_latency())
        exchange = an_exchange(policy, blocks=blocks)

        session, directive = opened(exchange)
        session.receive(from_provider(200), now=Instant(NOW + 5500))

        assert isinstance(directive, Send)
        assert directive.not_before == Instant(NOW + 5 * SECOND)
        record = session.finish(now=Instant(NOW + 5600))
        assert record is not None
        assert (record.ttfb, record.total) == (500, 600)
        assert blocks.latency.until(P, Instant(NOW + 5600)) is None

    def test_the_last_failure_ends_in_retry_exhausted(self) -> None:
        exchange = an_exchange(a_policy(default=Rule("default", max_attempts=1)))
        session, _ = opened(exchange, carried=failing(exchange, from_provider(429)))

        directive = session.receive(from_provider(500), now=NOW)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 500
        assert dict(directive.headers)[names.ATTEMPTS] == "2"
        assert dict(directive.headers)["x-should-retry"] == "false"
        assert error_of(directive)["type"] == "retry_exhausted"

    def test_the_same_request_again_calls_no_target(self) -> None:
        """Another path is another request."""
        exchange = an_exchange(a_policy(default=Rule("default", max_attempts=1)))
        last, _ = opened(exchange, carried=failing(exchange, from_provider(429)))
        last.receive(from_provider(500), now=NOW)

        session, directive = opened(exchange, now=Instant(NOW + 500))
        _, elsewhere = opened(exchange, headers=request_headers("/v1/chat/completions?x=1"), now=Instant(NOW + 500))

        assert isinstance(directive, ImmediateResponse)
        assert (directive.status, dict(directive.headers)["retry-after"]) == (500, "2")
        assert dict(directive.headers)[names.ATTEMPTS] == "0"
        assert session.finish(now=NOW) == AttemptRecord(
            "r-1", Api.CHAT, attempt=1, result=Result.EXHAUSTED, status=500, stop_reason=StopReason.REPEATED
        )
        assert isinstance(elsewhere, Send)

    def test_when_all_is_blocked_no_target_is_called(self) -> None:
        blocks = Blocks()
        for target in (P, S, T):
            blocks.add(Block(BlockKind.RETRY_AFTER, target, Instant(NOW + 120 * SECOND)), now=NOW)
        policy = a_policy(retry_after=RetryAfterHandling(max_wait=60 * SECOND), discourage_client_retries=False)
        session, directive = opened(an_exchange(policy, blocks=blocks))

        assert isinstance(directive, ImmediateResponse)
        assert (directive.status, dict(directive.headers)["retry-after"]) == (429, "120")
        assert "x-should-retry" not in dict(directive.headers)
        assert session.finish(now=NOW) == AttemptRecord(
            "r-1", Api.CHAT, attempt=1, result=Result.EXHAUSTED, status=429, stop_reason=StopReason.WAIT_TOO_LONG
        )

    @pytest.mark.parametrize(
        ("event", "status"),
        [
            (REFUSED, 502),
            (ResponseHeaders(504, {}, Flag.UPSTREAM_REQUEST_TIMEOUT, "response_timeout"), 504),
        ],
    )
    def test_without_a_policy_no_response_has_the_apis_shape(self, event: ResponseHeaders, status: int) -> None:
        session, _ = opened(an_exchange())

        directive = session.receive(event, now=NOW)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == status
        assert dict(directive.headers)[names.MODEL] == P
        assert error_of(directive)["message"]

    def test_a_listed_status_is_retried_whatever_it_is(self) -> None:
        policy = a_policy(on_status=on_status(Rule("on_status_codes[0]"), 404))
        session, _ = opened(an_exchange(policy))

        assert isinstance(session.receive(from_provider(404), now=NOW), Redispatch)

    def test_a_slow_end_of_a_delivered_response_is_remembered(self) -> None:
        """Total latency is known when the stream ends."""
        blocks = Blocks()
        policy = a_policy(high_latency=a_high_latency(measure=Measure.TOTAL))
        session, _ = opened(an_exchange(policy, blocks=blocks))
        session.receive(from_provider(200), now=Instant(NOW + 10))

        session.finish(now=Instant(NOW + 1001))

        assert blocks.latency.until(P, Instant(NOW + 1001)) is not None


QUOTA = b'{"error": {"code": "insufficient_quota"}}'


class TestReadingAResponse:
    """A 429 may say in its body that waiting does not help."""

    READABLE = from_provider(429, content_type="application/json", content_length=str(len(QUOTA)))

    def test_a_used_up_quota_blocks_its_target(self) -> None:
        blocks = Blocks()
        session, _ = opened(an_exchange(a_policy(retry_after=RetryAfterHandling(cap=4 * SECOND)), blocks=blocks))

        asked = session.receive(self.READABLE, now=Instant(NOW + 20))
        directive = session.receive(ResponseBody(QUOTA), now=Instant(NOW + 30))

        assert isinstance(asked, ReadResponseBody)
        assert (asked.in_flight.outcome, asked.in_flight.duration) == (Outcome(Kind.HTTP, 429), 20)
        assert isinstance(directive, Redispatch)
        assert blocks.retry_after.until(P, NOW) == NOW + 4 * SECOND + 30
        record = session.finish(now=Instant(NOW + 30))
        assert record is not None
        assert (record.result, record.ttfb) == (Result.REDISPATCHED, 20)

    def test_a_wait_that_is_asked_for_holds_at_once(self) -> None:
        """Whatever becomes of the body, and of this stream: the next attempt may be another worker's."""
        blocks = Blocks()
        session, _ = opened(an_exchange(a_policy(), blocks=blocks))

        session.receive(replace(self.READABLE, headers={**self.READABLE.headers, "retry-after": "3"}), now=NOW)

        assert blocks.retry_after.until(P, NOW) == NOW + 3 * SECOND

    def test_a_body_that_does_not_come_changes_nothing(self) -> None:
        session, _ = opened(an_exchange(a_policy()))
        session.receive(self.READABLE, now=NOW)

        assert isinstance(session.receive(BodyOverdue(), now=NOW), Redispatch)
        assert session.receive(ResponseBody(QUOTA), now=NOW) == ContinueProcessing()

    def test_a_response_without_its_body_is_not_delivered(self) -> None:
        """It would break off in the client's hands."""
        session, _ = opened(an_exchange(a_policy(default=Rule("default", max_attempts=0))))
        session.receive(self.READABLE, now=NOW)

        directive = session.receive(BodyOverdue(), now=NOW)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 502

    def test_an_error_that_goes_to_the_client_in_any_case_is_waited_for(self) -> None:
        """As it would be without us; once read, it is passed on, or another target is called."""
        mistake = replace(self.READABLE, status=404)
        session, _ = opened(an_exchange(a_policy()))
        other, _ = opened(an_exchange(a_policy()))
        for one in (session, other):
            assert isinstance(one.receive(mistake, now=NOW), ReadResponseBody)
            assert one.receive(BodyOverdue(), now=NOW) == ContinueProcessing()

        assert isinstance(session.receive(ResponseBody(b"{}"), now=NOW), Deliver)
        directive = other.receive(ResponseBody(b'{"error": {"code": "model_not_found"}}'), now=NOW)
        assert isinstance(directive, Redispatch)
        assert directive.state.next.target == S

    def test_an_error_of_which_the_rest_is_lost_is_reported_by_its_status(self) -> None:
        """The next attempt's session gets it: the client learns what the provider has returned."""
        session, _ = opened(an_exchange(a_policy()))
        asked = session.receive(replace(self.READABLE, status=400), now=NOW)
        assert isinstance(asked, ReadResponseBody)

        next_session = Session(an_exchange(a_policy()), always(0.0))
        headers = request_headers(**{names.UNPROCESSED: names.BROKEN})
        directive = next_session.receive(RequestHeaders(headers, end_of_stream=False, carried=asked.in_flight), now=NOW)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 400
        assert "HTTP status 400" in str(error_of(directive)["message"])

    def test_a_response_that_allows_no_retry_is_delivered_once_read(self) -> None:
        session, _ = opened(an_exchange(a_policy(default=Rule("default", max_attempts=0))))
        session.receive(self.READABLE, now=NOW)

        assert session.receive(ResponseBody(b"{}"), now=NOW) == Deliver(((names.MODEL, P), (names.ATTEMPTS, "1")))

    def test_a_response_that_has_ended_is_not_waited_for(self) -> None:
        """As every response to HEAD, whatever its content-length."""
        session, _ = opened(an_exchange(a_policy()))

        assert isinstance(session.receive(replace(self.READABLE, end_of_stream=True), now=NOW), Redispatch)

    def test_a_body_that_breaks_off_is_recorded(self) -> None:
        """The stream ends without a word; the status was in the headers."""
        session, _ = opened(an_exchange(a_policy()))
        session.receive(self.READABLE, now=Instant(NOW + 20))

        record = session.finish(now=Instant(NOW + 25))

        assert record is not None
        assert (record.result, record.outcome, record.status) == (Result.UNDECIDED, "http_429", 429)
        assert (record.ttfb, record.total) == (20, 25)


class TestAnUnprocessedAttempt:
    """The next one gets its state and what became of it, and charges it to its policy."""

    def test_envoy_keeps_what_is_sent(self) -> None:
        exchange = an_exchange(a_policy(attempt_timeout=7 * SECOND))

        _, sent = opened(exchange)

        assert isinstance(sent, Send)
        assert sent.in_flight is not None
        assert sent.in_flight.state.next.target == P
        assert (sent.in_flight.sent, sent.in_flight.limit, sent.in_flight.outcome) == (NOW, 7 * SECOND, None)

    def test_without_a_policy_nothing_can_follow(self) -> None:
        _, sent = opened(an_exchange())

        assert isinstance(sent, Send)
        assert sent.in_flight is None

    @pytest.mark.parametrize(
        ("response", "outcome"),
        [
            ("429", Outcome(Kind.HTTP, 429)),
            ("503", Outcome(Kind.HTTP, 503)),
            ("timeout", Outcome(Kind.TIMEOUT, 504, limit=30_000)),
            ("connection_error", Outcome(Kind.CONNECTION_ERROR, 502)),
            ("", Outcome(Kind.CONNECTION_ERROR, 502)),
            ("200", Outcome(Kind.CONNECTION_ERROR, 502)),
            ("4294967295", Outcome(Kind.CONNECTION_ERROR, 502)),
        ],
    )
    def test_it_is_a_failure_like_any_other(self, response: str, outcome: Outcome) -> None:
        exchange = an_exchange(a_policy())

        session, sent = following(exchange, in_flight(exchange), response, now=Instant(NOW + 40))

        assert isinstance(sent, Send)
        assert sent.in_flight is not None
        state = sent.in_flight.state
        assert [(failure.target, failure.outcome, failure.duration) for failure in state.failures] == [(P, outcome, 40)]
        assert (state.next.target, set_by(sent)[names.CLUSTER]) == (S, "anthropic")
        session.receive(from_provider(200), now=Instant(NOW + 50))
        record = session.finish(now=Instant(NOW + 50))
        assert record is not None
        assert (record.attempt, record.previous_outcome) == (2, outcome.label)

    def test_envoys_details_are_recorded(self) -> None:
        """In Envoy's words, for the log."""
        exchange = an_exchange(a_policy())

        session, _ = following(exchange, in_flight(exchange), "503 upstream_reset_after_response_started{…}")

        record = session.finish(now=NOW)
        assert record is not None
        assert record.previous_outcome == "http_503 (upstream_reset_after_response_started{…})"

    def test_what_its_headers_have_said_counts(self) -> None:
        """Retry-After above all: the body that broke off has nothing to do with it."""
        blocks = Blocks()
        exchange = an_exchange(a_policy(), blocks=blocks)
        known = replace(in_flight(exchange), outcome=Outcome(Kind.HTTP, 429, retry_after=3 * SECOND), duration=7)

        _, sent = following(exchange, known, "429", now=Instant(NOW + 40))

        assert isinstance(sent, Send)
        assert sent.in_flight is not None
        assert [(one.outcome.retry_after, one.duration) for one in sent.in_flight.state.failures] == [(3 * SECOND, 7)]
        assert blocks.retry_after.until(P, NOW) == NOW + 40 + 3 * SECOND

    def test_the_policy_may_want_to_wait_then(self) -> None:
        backoff = Backoff(Reach.GLOBAL, base=500, ceiling=5000, jitter=Jitter.NONE)
        exchange = an_exchange(a_policy(default=Rule("default", backoff=backoff)))

        session = Session(exchange, always(0.0))
        headers = {**request_headers(), names.UNPROCESSED: "503"}
        directive = session.receive(RequestHeaders(headers, end_of_stream=False, carried=in_flight(exchange)), now=NOW)

        assert directive == ContinueProcessing(Instant(NOW + 500))

    def test_the_last_one_ends_the_request(self) -> None:
        """And no provider is called."""
        exchange = an_exchange(a_policy(max_total_attempts=1, default=Rule("default", max_attempts=5)))

        session, response = following(exchange, replace(in_flight(exchange)), "503", now=Instant(NOW + 40))

        assert isinstance(response, ImmediateResponse)
        assert response.status == 503
        assert dict(response.headers)[names.ATTEMPTS] == "1"
        record = session.finish(now=Instant(NOW + 41))
        assert record is not None
        assert (record.result, record.attempt, record.outcome) == (Result.DELIVERED, 1, "http_503")

    def test_one_of_several_ends_in_what_was_tried(self) -> None:
        exchange = an_exchange(a_policy(default=Rule("default", max_attempts=1)))
        _, second = following(exchange, in_flight(exchange), "429")
        assert isinstance(second, Send)
        assert second.in_flight is not None

        session, response = following(exchange, second.in_flight, "connection_error")

        assert [(one["model"], one["error_type"]) for one in error_of(response)["attempts"]] == [  # type: ignore[attr-defined]
            (P, "http_429"),
            (S, "connection_error"),
        ]
        record = session.finish(now=NOW)
        assert record is not None
        assert (record.result, record.stop_reason, record.attempt) == (Result.EXHAUSTED, StopReason.RULE_SPENT, 2)

    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_a_primarys_refusal_stays_that_though_it_has_broken_off(self, status: int) -> None:
        """No other target is called, and the client is not shown a connection error: it would ask again."""
        exchange = an_exchange(a_policy())

        session, response = following(exchange, in_flight(exchange), str(status))

        assert isinstance(response, ImmediateResponse)
        assert (response.status, error_of(response)["code"]) == (status, "response_lost")
        record = session.finish(now=NOW)
        assert record is not None
        assert (record.result, record.outcome) == (Result.DELIVERED, f"http_{status}")

    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_a_fallbacks_refusal_leads_to_the_next_though_it_has_broken_off(self, status: int) -> None:
        exchange = an_exchange(a_policy())
        _, second = following(exchange, in_flight(exchange), "503")
        assert isinstance(second, Send)
        assert second.in_flight is not None

        _, third = following(exchange, second.in_flight, str(status))

        assert isinstance(third, Send)
        assert third.in_flight is not None
        assert third.in_flight.state.next.target == T

    def test_a_policy_that_has_gone_meanwhile_allows_no_other(self) -> None:
        _, response = following(an_exchange(), in_flight(an_exchange(a_policy())), "503")

        assert isinstance(response, ImmediateResponse)
        assert (response.status, error_of(response)["code"]) == (503, "response_lost")

    def test_one_at_a_target_that_has_gone_meanwhile_is_not_forgotten(self) -> None:
        exchange = an_exchange(a_policy())
        state = in_flight(exchange).state
        gone = replace(state, next=replace(state.next, target=TargetId("cohere/command")))

        _, sent = following(exchange, InFlight(gone, NOW), "503")

        assert isinstance(sent, Send)
        assert sent.in_flight is not None
        assert sent.in_flight.state.next.target == P
        assert [failure.target for failure in sent.in_flight.state.failures] == ["cohere/command"]


def in_flight(exchange: Exchange) -> InFlight:
    """Return the first attempt of a request, as Envoy keeps it."""
    _, sent = opened(exchange)
    assert isinstance(sent, Send)
    assert sent.in_flight is not None
    return sent.in_flight


def following(exchange: Exchange, attempt: InFlight, response: str, *, now: Instant = NOW) -> tuple[Session, Directive]:
    """Return the session after *attempt*, of which Envoy says *response*, and its directive."""
    return opened(exchange, carried=attempt, headers={**request_headers(), names.UNPROCESSED: response}, now=now)


class TestTheAttemptState:
    """What comes back from the attempt before."""

    def test_a_replayed_body_that_differs_is_not_sent(self) -> None:
        exchange = an_exchange(a_policy())
        state = failing(exchange, from_provider(429))

        session, directive = opened(exchange, BODY.replace(b"hi", b"ho"), carried=state)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 500
        record = session.finish(now=NOW)
        assert record is not None
        assert (record.result, record.attempt) == (Result.REFUSED, 2)

    def test_a_state_that_cannot_be_read_stops_the_request(self) -> None:
        """Who was called already is not known any more, so no target may be called now."""
        session = Session(an_exchange(a_policy()), always(0.0))

        reported = RequestHeaders(request_headers(), end_of_stream=False, state_unreadable=True)
        directive = session.receive(reported, now=NOW)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 500

    def test_a_target_that_is_no_longer_configured_is_chosen_anew(self) -> None:
        """A restart with another configuration loses no request and forgets no failure."""
        exchange = an_exchange(a_policy())
        gone = TargetId("cohere/command")
        state = failing(exchange, from_provider(429))
        state = replace(state, next=replace(state.next, target=gone))

        session, directive = opened(exchange, carried=state, now=Instant(NOW + 10))

        assert set_by(directive)[names.CLUSTER] == "openai"
        response = session.receive(from_provider(200), now=Instant(NOW + 20))
        assert set_by(response)[names.ATTEMPTS] == "2"

    def test_when_no_target_fits_any_more_the_request_is_refused(self) -> None:
        before = an_exchange(a_policy())
        state = failing(before, from_provider(429))
        after = an_exchange(catalog=a_catalog(T, names={"mistral-large": T}))

        _, directive = opened(after, carried=state)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 400


class TestTheRecord:
    """The record when the stream has ended."""

    def test_a_delivered_attempt(self) -> None:
        session, _ = opened(an_exchange())
        session.receive(from_provider(200), now=Instant(NOW + 30))

        assert session.finish(now=Instant(NOW + 50)) == AttemptRecord(
            "r-1",
            Api.CHAT,
            attempt=1,
            result=Result.DELIVERED,
            target=P,
            target_reason=Reason.PRIMARY,
            outcome="success",
            status=200,
            ttfb=30,
            total=50,
        )

    def test_an_attempt_that_is_followed_by_another(self) -> None:
        session, _ = opened(an_exchange(a_policy()))
        session.receive(from_provider(429), now=Instant(NOW + 30))

        assert session.finish(now=Instant(NOW + 30)) == AttemptRecord(
            "r-1",
            Api.CHAT,
            attempt=1,
            result=Result.REDISPATCHED,
            target=P,
            target_reason=Reason.PRIMARY,
            outcome="http_429",
            status=429,
            ttfb=30,
            total=30,
            next_target=S,
        )

    def test_an_exhausted_request(self) -> None:
        exchange = an_exchange(a_policy(default=Rule("default", max_attempts=1)))
        session, _ = opened(exchange, carried=failing(exchange, REFUSED))
        session.receive(REFUSED, now=Instant(NOW + 30))

        assert session.finish(now=Instant(NOW + 30)) == AttemptRecord(
            "r-1",
            Api.CHAT,
            attempt=2,
            result=Result.EXHAUSTED,
            target=S,
            target_reason=Reason.DIFFERENT_PROVIDER,
            outcome="connection_error",
            status=502,
            ttfb=30,
            total=30,
            envoy_details=REFUSED.details,
            stop_reason=StopReason.RULE_SPENT,
        )

    def test_a_client_that_hangs_up_is_no_failure_of_the_provider(self) -> None:
        session, _ = opened(an_exchange(a_policy()))

        assert session.finish(now=Instant(NOW + 30)) == AttemptRecord(
            "r-1", Api.CHAT, attempt=1, result=Result.ABANDONED, target=P, target_reason=Reason.PRIMARY, total=30
        )

    def test_a_client_that_hangs_up_while_it_sends_its_body(self) -> None:
        """Nothing was sent, so nothing took any time."""
        session = Session(an_exchange(a_policy()), always(0.0))
        session.receive(RequestHeaders(request_headers(), end_of_stream=False), now=NOW)

        assert session.finish(now=Instant(NOW + 30)) == AttemptRecord(
            "r-1", Api.CHAT, attempt=1, result=Result.ABANDONED
        )

    def test_a_stream_that_never_said_anything_is_nothing(self) -> None:
        assert Session(an_exchange(), always(0.0)).finish(now=NOW) is None

    def test_nothing_secret_is_in_a_record_or_a_directives_attempt_state(self) -> None:
        exchange = an_exchange(a_policy())
        state = failing(exchange, from_provider(429))
        session, _ = opened(exchange, carried=state)
        session.receive(from_provider(200), now=NOW)

        assert KEY not in repr(session.finish(now=NOW))
        assert KEY not in repr(state)
        assert KEY not in repr(UPSTREAMS)


class TestTurns:
    """Envoy speaks in an order; what comes out of it is an error, and the session stays as it was."""

    def test_a_body_before_its_headers(self) -> None:
        session = Session(an_exchange(), always(0.0))

        with pytest.raises(UnexpectedEventError, match="expected request headers, got RequestBody"):
            session.receive(RequestBody(b""), now=NOW)

    def test_headers_in_place_of_the_body(self) -> None:
        session = Session(an_exchange(), always(0.0))
        headers = RequestHeaders(request_headers(), end_of_stream=False)
        session.receive(headers, now=NOW)

        with pytest.raises(UnexpectedEventError, match="expected request body, got RequestHeaders"):
            session.receive(headers, now=NOW)

    def test_a_body_before_the_response(self) -> None:
        session, _ = opened(an_exchange())

        with pytest.raises(UnexpectedEventError, match="expected response headers, got ResponseBody"):
            session.receive(ResponseBody(b""), now=NOW)

    def test_headers_in_place_of_the_responses_body(self) -> None:
        session, _ = opened(an_exchange(a_policy()))
        response = from_provider(429, content_type="application/json", content_length="2")
        assert isinstance(session.receive(response, now=NOW), ReadResponseBody)

        with pytest.raises(UnexpectedEventError, match="expected response body, got ResponseHeaders"):
            session.receive(response, now=NOW)

    def test_a_second_response(self) -> None:
        session, _ = opened(an_exchange())
        session.receive(from_provider(200), now=NOW)

        with pytest.raises(UnexpectedEventError, match="expected end of stream, got ResponseHeaders"):
            session.receive(from_provider(200), now=NOW)


def test_a_client_credential_is_passed_on_where_the_target_asks_for_it() -> None:
    """passthrough_auth: the client's own key, and no other client's."""
    catalog = a_catalog(a_target(credential=Credential.CLIENT, keys=0), names=NAMES)
    upstreams = Upstreams({P: Upstream("openai", "api.openai.com", "gpt-4o", passthrough=True)})

    _, directive = opened(an_exchange(catalog=catalog, upstreams=upstreams))

    assert isinstance(directive, Send)
    assert "authorization" not in set_by(directive)
    assert "authorization" not in directive.remove_headers


def test_outcomes_of_an_attempt_state_are_values() -> None:
    state = failing(an_exchange(a_policy()), from_provider(429, retry_after="2"))

    assert state.failures[0].outcome == Outcome(Kind.HTTP, 429, retry_after=2000)


class TestFreedom:
    """Where a request may not go."""

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    def test_what_asks_for_no_generation_has_no_policy(self, method: str) -> None:
        exchange = an_exchange(a_policy())
        headers = {**request_headers(), ":method": method}

        session, sent = opened(exchange, None, headers={**headers, "x-arch-llm-provider-hint": P})

        assert set_by(sent)[names.TRY_TIMEOUT] == LISTENERS
        assert isinstance(session.receive(from_provider(429, retry_after="9"), now=NOW), Deliver)

    @pytest.mark.parametrize(
        ("body", "stays"),
        [
            (b'{"model": "gpt-4o", "previous_response_id": "resp_1"}', True),
            (b'{"model": "gpt-4o", "previous_response_id": null}', False),
        ],
    )
    def test_what_needs_a_providers_state_stays_there(self, body: bytes, *, stays: bool) -> None:
        """On every path: the state that goes on says so."""
        exchange = an_exchange(a_policy())
        session, sent = opened(exchange, body)

        directive = session.receive(from_provider(503), now=NOW)

        assert (set_by(sent)[names.TRY_TIMEOUT] == LISTENERS) is stays
        assert isinstance(directive, Redispatch)
        assert directive.state.next.target == (P if stays else S)
        assert directive.state.freedom is (Freedom.THERE if stays else Freedom.ANYWHERE)

    @pytest.mark.parametrize("field", ["prompt", "container", "file_id"])
    def test_a_form_brings_along_what_it_needs(self, field: str) -> None:
        """Its fields may have any name: transcriptions and images have a prompt."""
        parts = (("model", "gpt-4o"), (field, "a cat"))
        text = "".join(
            f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{said}\r\n' for name, said in parts
        )
        headers = request_headers("/v1/chat/completions", content_type="multipart/form-data; boundary=x")
        session, _ = opened(an_exchange(a_policy()), f"{text}--x--\r\n".encode(), headers=headers)

        directive = session.receive(from_provider(503), now=NOW)

        assert isinstance(directive, Redispatch)
        assert directive.state.next.target == S

    def test_so_does_what_a_provider_keeps(self) -> None:
        keeping = [a_target(target, apis=[Api.OTHER]) for target in (P, S)]
        exchange = an_exchange(catalog=a_catalog(*keeping, policy=a_policy()))
        headers = request_headers("/v1/batches", x_arch_llm_provider_hint=P)

        session, _ = opened(exchange, b"{}", headers=headers)
        directive = session.receive(from_provider(503), now=NOW)

        assert isinstance(directive, Redispatch)
        assert directive.state.next.target == P


class TestPaths:
    """The operation of a path, before any provider is called."""

    @pytest.mark.parametrize("path", ["/v2/chat", "/v1beta/models/x:generateContent?key=sk-secret", "/v1/files/../x"])
    def test_a_path_that_is_not_supported_is_refused_at_once(self, path: str) -> None:
        """With the paths that are, in the shape of the API that the client seems to speak."""
        exchange = an_exchange(catalog=a_catalog(names=NAMES, default=S))
        session, directive = opened(exchange, headers=request_headers(path))

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 404
        assert error_of(directive)["code"] == "unknown_path"
        assert "/v1/chat/completions" in str(error_of(directive)["message"])
        assert "/v1/messages" in str(error_of(directive)["message"])
        assert b"secret" not in directive.body
        record = session.finish(now=NOW)
        assert record is not None
        assert (record.result, record.status, record.target) == (Result.REFUSED, 404, None)

    @pytest.mark.parametrize("more", [{"anthropic_version": "2023-06-01"}, {}])
    def test_anthropics_clients_get_anthropics_error(self, more: dict[str, str]) -> None:
        path = "/v2/x" if more else "/anthropic/v2/messages"

        _, directive = opened(an_exchange(), headers=request_headers(path, **more))

        assert isinstance(directive, ImmediateResponse)
        assert json.loads(directive.body)["type"] == "error"
        assert error_of(directive)["type"] == "not_found_error"

    def test_the_gateway_knows_its_models_itself(self) -> None:
        exchange = an_exchange(catalog=a_catalog(*(a_target(target, apis=[Api.OTHER]) for target in (P, S, T))))
        headers = {**request_headers("/v1/models"), ":method": "GET"}

        session, directive = opened(exchange, None, headers=headers)

        assert isinstance(directive, ImmediateResponse)
        assert directive.status == 200
        assert [model["id"] for model in json.loads(directive.body)["data"]] == [P, S, T]
        record = session.finish(now=NOW)
        assert record is not None
        assert (record.result, record.status, record.target) == (Result.LOCAL, 200, None)

    @pytest.mark.parametrize("named", ["gpt-4o", "openai%2Fgpt-4o", "openai/gpt-4o"])
    @pytest.mark.parametrize("body", [b'{"a": 1}', b'{"model": "mistral-large"}', b"{}"])
    def test_a_model_in_the_path_is_the_model(self, named: str, body: bytes) -> None:
        """As at Azure, which ignores the body's; other providers find it there."""
        path = f"/openai/deployments/{named}/chat/completions?api-version=2024-10-21"

        _, directive = opened(an_exchange(), body, headers=request_headers(path))

        assert isinstance(directive, Send)
        assert set_by(directive)[names.CLUSTER] == "openai"
        assert set_by(directive)[":path"] == "/v1/chat/completions"
        assert directive.body is not None
        assert json.loads(directive.body) == {**json.loads(body), "model": "gpt-4o"}

    def test_it_is_another_one_for_a_fallback(self) -> None:
        exchange = an_exchange(a_policy())
        headers = request_headers("/openai/deployments/gpt-4o/chat/completions?api-version=1")
        session, _ = opened(exchange, b'{"a": 1}', headers=headers)
        failed = session.receive(from_provider(429), now=NOW)
        assert isinstance(failed, Redispatch)

        _, directive = opened(exchange, b'{"a": 1}', headers=headers, carried=failed.state)

        assert isinstance(directive, Send)
        assert directive.body == b'{"model": "claude-3-5-sonnet", "a": 1}'
        assert set_by(directive)[":path"] == "/v1/chat/completions"

    def test_what_anthropic_keeps_is_asked_for_with_its_credential(self) -> None:
        headers = request_headers("/v1/messages/batches", x_arch_llm_provider_hint=S)
        catalog = a_catalog(a_target(S, apis=[Api.ANTHROPIC]))

        _, directive = opened(an_exchange(catalog=catalog), None, headers=headers)

        assert set_by(directive)["x-api-key"] == f"{KEY}-s"
        assert set_by(directive)["anthropic-version"] == "2023-06-01"
        assert "authorization" not in set_by(directive)

    def test_a_clients_credential_in_the_query_stays_here(self) -> None:
        _, directive = opened(an_exchange(), headers=request_headers("/v1/chat/completions?key=sk-c&a=1&api_key=sk-d"))

        assert set_by(directive)[":path"] == "/v1/chat/completions?a=1"
