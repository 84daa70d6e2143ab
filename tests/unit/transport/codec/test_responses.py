from __future__ import annotations

import pytest
from support.policy.attempt_states import a_state, an_in_flight
from support.sidecar.ext_proc import mutations

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.exchange.events import (
    BodyOverdue,
    ContinueProcessing,
    Deliver,
    Directive,
    Event,
    ImmediateResponse,
    ReadResponseBody,
    Redispatch,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    Send,
)
from extproc.exchange.response_phases import BODY_TIMEOUT
from extproc.policy.outcome import Kind, Outcome
from extproc.policy.units import Instant
from extproc.transport.codec.large_bodies import LARGE
from extproc.transport.codec.responses import encode, response_to
from extproc.transport.codec.state import decode_state
from extproc.transport.errors import DirectiveError

HEADERS = RequestHeaders({":path": "/"}, end_of_stream=False)
BODY = RequestBody(b"{}")
RESPONSE = ResponseHeaders(200, {":status": "200"})
PROCESSED = {"x-extproc-unprocessed": b"processed"}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (HEADERS, "request_headers"),
        (BODY, "request_body"),
        (RESPONSE, "response_headers"),
        (ResponseBody(b"{}"), "response_body"),
    ],
)
def test_proceed_changes_nothing(event: Event, kind: str) -> None:
    """An empty response of the kind of the message is CONTINUE; when to give it is not a matter of encoding."""
    response = encode(ContinueProcessing(not_before=Instant(5)), event)

    assert response.WhichOneof("response") == kind
    assert response.ByteSize() == 2


def test_send_in_response_to_the_body() -> None:
    """All changes go out together, and the route is looked for again: the cluster was named only now."""
    directive = Send(
        set_headers=((names.CLUSTER, "openai"), (":path", "/v1/x")), remove_headers=("x-api-key",), body=b"new"
    )

    response = encode(directive, BODY)

    common = response.request_body.response
    assert response.WhichOneof("response") == "request_body"
    assert common.status == pb.CommonResponse.CONTINUE
    assert common.clear_route_cache
    assert mutations(common.header_mutation) == {names.CLUSTER: b"openai", ":path": b"/v1/x"}
    assert list(common.header_mutation.remove_headers) == ["x-api-key"]
    assert common.body_mutation.body == b"new"


def test_send_without_a_body_leaves_the_body_alone() -> None:
    """None is not an empty body."""
    response = encode(Send(set_headers=(), remove_headers=()), BODY)

    assert not response.request_body.response.HasField("body_mutation")


def test_send_with_an_empty_body_empties_it() -> None:
    """An empty body is not None."""
    response = encode(Send(set_headers=(), remove_headers=(), body=b""), BODY)

    assert response.request_body.response.body_mutation.WhichOneof("mutation") == "body"


def test_send_in_response_to_headers() -> None:
    """A request without a body is sent when its headers have come."""
    response = encode(Send(set_headers=((names.CLUSTER, "openai"),), remove_headers=()), HEADERS)

    assert response.WhichOneof("response") == "request_headers"
    assert response.request_headers.response.clear_route_cache
    assert mutations(response.request_headers.response.header_mutation) == {names.CLUSTER: b"openai"}


def test_deliver_marks_the_response_as_processed() -> None:
    """Its headers change as directed, and it is marked as processed."""
    response = encode(Deliver(set_headers=((names.MODEL, "openai/gpt-4o"),), remove_headers=("x-arch-a",)), RESPONSE)

    mutation = response.response_headers.response.header_mutation
    assert response.WhichOneof("response") == "response_headers"
    assert mutations(mutation) == {names.MODEL: b"openai/gpt-4o"} | PROCESSED
    assert list(mutation.remove_headers) == ["x-arch-a"]


def test_a_response_that_was_read_is_delivered_with_its_body() -> None:
    """Envoy has held the headers back until now."""
    response = encode(Deliver(((names.MODEL, "openai/gpt-4o"),)), ResponseBody(b"{}"))

    assert mutations(response.response_body.response.header_mutation) == {names.MODEL: b"openai/gpt-4o"} | PROCESSED


def test_reading_the_response_asks_for_its_whole_body() -> None:
    """Whole, so that the headers wait: both can still be replaced."""
    response = encode(ReadResponseBody(an_in_flight(), BODY_TIMEOUT), RESPONSE)

    assert response.HasField("mode_override")
    assert response.WhichOneof("response") == "response_headers"
    assert response.mode_override.response_body_mode == pb.ProcessingMode.BUFFERED


@pytest.mark.parametrize("event", [HEADERS, BODY])
def test_envoy_keeps_the_attempt(event: Event) -> None:
    """In the same message that makes it: the next one begins there if this one's response stays unprocessed."""
    response = encode(Send((), (), in_flight=an_in_flight()), event)

    assert decode_state(kept(response)) == an_in_flight()


def test_without_a_next_attempt_envoy_keeps_that() -> None:
    """Whatever the response is, it is the client's."""
    assert kept(encode(Send((), ()), BODY)) == "final"


def test_while_a_response_is_read_its_headers_are_known() -> None:
    """Should its body break off, what they say is not lost."""
    in_flight = an_in_flight(Outcome(Kind.HTTP, 429, retry_after=2_000))

    assert decode_state(kept(encode(ReadResponseBody(in_flight, BODY_TIMEOUT), RESPONSE))) == in_flight


def kept(response: pb.ProcessingResponse) -> str:
    return response.dynamic_metadata.fields[names.STATE_METADATA].struct_value.fields["state"].string_value


def test_redispatch_replaces_the_response_by_an_empty_one() -> None:
    """The mark and the state, no body: so Envoy has nothing to reset."""
    response = encode(Redispatch(429, a_state()), RESPONSE)

    fields = mutations(response.immediate_response.headers)
    assert response.immediate_response.status.code == 429
    assert response.immediate_response.body == b""
    assert decode_state(fields.pop(names.STATE).decode()) == a_state()
    assert fields == {names.REDISPATCH: b"1"} | PROCESSED


@pytest.mark.parametrize("event", [HEADERS, BODY, RESPONSE])
def test_a_response_of_our_own_can_be_given_at_any_time(event: Event) -> None:
    """Status, headers and body as directed, marked as processed: the edge must not try again on its own."""
    response = encode(ImmediateResponse(503, (("content-type", "application/json"),), b"{}"), event)

    assert response.immediate_response.status.code == 503
    assert response.immediate_response.body == b"{}"
    assert mutations(response.immediate_response.headers) == {"content-type": b"application/json"} | PROCESSED


@pytest.mark.parametrize(("status", "sent"), [(0, 502), (101, 502), (199, 502), (200, 200), (599, 599), (600, 502)])
def test_a_status_that_envoy_would_turn_into_200_is_a_502(status: int, sent: int) -> None:
    """Envoy replaces every status below 200: a failure would look like an empty success."""
    assert encode(Redispatch(status, a_state()), RESPONSE).immediate_response.status.code == sent
    assert encode(ImmediateResponse(status, (), b""), RESPONSE).immediate_response.status.code == sent


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_that_forbids_a_body_is_a_502_when_there_is_one(status: int) -> None:
    """A policy may list such a code as a failure; Envoy would break the response off."""
    assert encode(ImmediateResponse(status, (), b"{}"), RESPONSE).immediate_response.status.code == 502
    assert encode(Redispatch(status, a_state()), RESPONSE).immediate_response.status.code == status


@pytest.mark.parametrize(
    ("directive", "event", "problem"),
    [
        (Send((), ()), RESPONSE, "Send: expected after the request, got it after ResponseHeaders"),
        (Send((), (), body=b"there was none"), HEADERS, "Send: expected after the request"),
        (Deliver(()), HEADERS, "Deliver: expected after the response, got it after RequestHeaders"),
        (Deliver(()), BODY, "Deliver: expected after the response, got it after RequestBody"),
        (ContinueProcessing(), BodyOverdue(), "ContinueProcessing: expected after a message, got it without one"),
    ],
)
def test_a_response_that_does_not_fit_is_refused(directive: Directive, event: Event, problem: str) -> None:
    """Envoy would take it for a mistake and go on without us."""
    with pytest.raises(DirectiveError, match=f"^{problem}"):
        encode(directive, event)


def test_shared_responses_stay_as_they_are() -> None:
    """ContinueProcessing is always the same message; encoding other responses must not write to it."""
    before = encode(ContinueProcessing(), BODY).SerializeToString()

    encode(Send(((names.CLUSTER, "openai"),), (), b"x"), BODY)

    assert encode(ContinueProcessing(), BODY).SerializeToString() == before


@pytest.mark.parametrize(("size", "pieces"), [(2, 1), (LARGE - 1, 1), (LARGE, 2), (LARGE + 1, 2)])
def test_a_large_body_is_sent_in_a_piece_of_its_own(size: int, pieces: int) -> None:
    """It is not copied; together the pieces say what the message of protobuf says."""
    body = bytes(size)
    directive = Send((("x-a", "b"),), ("x-c",), body=body)

    written = response_to(BODY, directive)

    assert pb.ProcessingResponse.FromString(b"".join(written)) == encode(directive, BODY)
    assert len(written) == pieces
    assert (written[-1] is body) == (pieces == 2)


def test_what_has_no_body_is_one_piece() -> None:
    assert response_to(HEADERS, Send((), ())) == (encode(Send((), ()), HEADERS).SerializeToString(),)
    assert response_to(RESPONSE, Deliver(())) == (encode(Deliver(()), RESPONSE).SerializeToString(),)
