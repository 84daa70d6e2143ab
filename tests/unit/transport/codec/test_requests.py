from __future__ import annotations

import pytest
from support.policy.attempt_states import a_state
from support.sidecar.ext_proc import FILTER, request_body, request_headers, response_body, response_headers

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.exchange.events import RequestBody, RequestHeaders, ResponseBody, ResponseHeaders
from extproc.transport.codec.large_bodies import LARGE
from extproc.transport.codec.requests import UnhandledMessage, decode, event_of, read
from extproc.transport.codec.responses import continue_after
from extproc.transport.codec.state import encode_state
from extproc.transport.errors import MessageError

NO_STATUS = "^response headers: expected a number of three digits as :status, got something else$"


def test_request_headers_without_state_open_the_first_attempt() -> None:
    """Headers as they are, pseudo headers included, and whether a body follows."""
    event = decode(request_headers((":path", "/v1/chat/completions"), ("accept", "*/*"), end_of_stream=True))

    assert event == RequestHeaders({":path": "/v1/chat/completions", "accept": "*/*"}, end_of_stream=True)


def test_a_carried_state_is_read() -> None:
    """The header stays among the others: the directive that sends the request has to remove it."""
    state = encode_state(a_state())

    event = decode(request_headers((names.STATE, state)))

    assert event == RequestHeaders({names.STATE: state}, end_of_stream=False, carried=a_state())


@pytest.mark.parametrize("state", ["", "nonsense", f"{encode_state(a_state())}, {encode_state(a_state())}"])
def test_a_state_that_cannot_be_read_is_not_no_state(state: str) -> None:
    """An attempt that has lost its attempt state must not pass for a first one."""
    event = decode(request_headers((names.STATE, state)))

    assert event == RequestHeaders({names.STATE: state}, end_of_stream=False, carried=None, state_unreadable=True)


@pytest.mark.parametrize("body", [b"", b'{"model": "gpt-4o"}', bytes(range(256))])
def test_a_body_is_its_bytes(body: bytes) -> None:
    """Whatever they are: they are not read."""
    assert decode(request_body(body)) == RequestBody(body)


def test_the_body_of_a_response_is_its_bytes() -> None:
    """It comes when it was asked for."""
    message = pb.ProcessingRequest()
    message.response_body.body = b"{}"

    assert decode(message) == ResponseBody(b"{}")


def test_response_headers_with_attributes() -> None:
    """Numbers come as doubles, and mean integers."""
    message = response_headers(
        503, ("server", "envoy"), attributes={"response.flags": 33.0, "response.code_details": "response_timeout"}
    )

    event = decode(message)

    assert event == ResponseHeaders(503, {":status": "503", "server": "envoy"}, flags=33, details="response_timeout")


def test_the_highest_flag_survives_the_double() -> None:
    """Envoy has more than 30 flags; a double counts exactly to 53 bits."""
    message = response_headers(502, attributes={"response.flags": float(1 << 40)})

    assert decode(message) == ResponseHeaders(502, {":status": "502"}, flags=1 << 40)


@pytest.mark.parametrize("attributes", [None, {}, {"xds.cluster_name": "openai"}])
def test_attributes_that_are_not_sent_are_no_news(attributes: dict[str, float | str] | None) -> None:
    """An Envoy that was not asked for them sends none, or others."""
    assert decode(response_headers(200, attributes=attributes)) == ResponseHeaders(200, {":status": "200"})


def test_attributes_of_another_filter_are_not_ours() -> None:
    """They come under the name of the filter that they are about."""
    message = response_headers(200)
    message.attributes["another"].update({"response.flags": 1.0})

    assert decode(message) == ResponseHeaders(200, {":status": "200"})
    assert FILTER not in message.attributes


@pytest.mark.parametrize("status", ["", "abc", "-1", "20\u00b2", "200, 200", "1000", "0200", str(2**31), "2" * 5_000])
def test_a_response_without_a_status_is_no_response(status: str) -> None:
    """Nothing can be decided about it."""
    with pytest.raises(MessageError, match=NO_STATUS):
        decode(response_headers(status))


@pytest.mark.parametrize("flags", [float("nan"), float("inf"), float("-inf")])
def test_flags_that_are_no_number_are_refused(flags: float) -> None:
    """A double can be what has no bits; why there is no response is not guessed."""
    problem = r"^response headers: expected a number as response\.flags, got none that is finite$"
    with pytest.raises(MessageError, match=problem):
        decode(response_headers(503, attributes={"response.flags": flags}))


@pytest.mark.parametrize("flags", [-1.0, 0.5, 1e308])
def test_flags_that_no_envoy_has_are_some_number(flags: float) -> None:
    """Unknown bits say nothing."""
    event = decode(response_headers(503, attributes={"response.flags": flags}))

    assert event == ResponseHeaders(503, {":status": "503"}, flags=int(flags))


def test_headers_without_status_are_no_response() -> None:
    """The same without the field."""
    with pytest.raises(MessageError, match=NO_STATUS):
        decode(pb.ProcessingRequest(response_headers=pb.HttpHeaders()))


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", request_body(b"{}").SerializeToString()[:-1], b"\x12\x02\x0a\x09"])
def test_bytes_that_are_no_message_are_refused(raw: bytes) -> None:
    """By the error that a message without a meaning is refused by; it quotes nothing."""
    with pytest.raises(MessageError, match=r"^ProcessingRequest: expected a message of ext_proc v3, got other bytes$"):
        read(raw)


def test_a_message_of_no_kind_is_refused() -> None:
    """Envoy waits for a response of a kind that we cannot know."""
    with pytest.raises(MessageError, match=r"^ProcessingRequest: expected one of the kinds of ext_proc v3,"):
        decode(pb.ProcessingRequest())


@pytest.mark.parametrize("kind", ["request_trailers", "response_trailers"])
def test_what_the_rules_have_no_word_for_is_let_through(kind: str) -> None:
    """Envoy waits for a response of the same kind, and goes on when there is nothing in it."""
    message = pb.ProcessingRequest()
    getattr(message, kind).SetInParent()

    event = decode(message)

    assert event == UnhandledMessage(kind)
    response = continue_after(UnhandledMessage(kind))
    assert response.WhichOneof("response") == kind
    assert response.ByteSize() == 2  # the kind, and a length of 0


@pytest.mark.parametrize("attributes", [None, {"response.flags": 1.0, "response.code_details": "x"}])
def test_a_response_that_ends_with_its_headers_is_known_to_have_no_body(
    attributes: dict[str, float | str] | None,
) -> None:
    """It may not be waited for."""
    message = response_headers(429, attributes=attributes)
    message.response_headers.end_of_stream = True

    event = decode(message)

    assert isinstance(event, ResponseHeaders)
    assert event.end_of_stream


@pytest.mark.parametrize("size", [LARGE - 100, LARGE, LARGE + 1])
def test_a_body_is_the_same_however_large(size: int) -> None:
    """A large one is taken out of the message without protobuf."""
    body = bytes(size)

    assert event_of(request_body(body).SerializeToString()) == RequestBody(body)


def test_a_large_message_of_another_kind_is_read_by_protobuf() -> None:
    message = response_body(bytes(LARGE))

    assert event_of(message.SerializeToString()) == ResponseBody(bytes(LARGE))


def test_a_large_body_that_something_else_follows_is_what_comes_last() -> None:
    """As protobuf has it: of several kinds in one message, the last one counts."""
    message = request_body(bytes(LARGE)).SerializeToString() + response_body(b"{}").SerializeToString()

    assert event_of(message) == ResponseBody(b"{}")
