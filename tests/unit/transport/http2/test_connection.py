"""One connection, frame by frame (RFC 9113)."""

from __future__ import annotations

import hpack
import pytest
from support.sidecar.http2 import (
    GREETING,
    SETTINGS_ACK,
    Server,
    data,
    kinds,
    read_frames,
    request,
    request_block,
    setting,
    uint32,
)

from extproc.transport.http2 import connection, flood, frame_reader, frames, receiving
from extproc.transport.http2.connection import Connection
from extproc.transport.http2.frames import frame
from extproc.transport.http2.headers import LONGEST_BLOCK, LONGEST_LIST

LARGEST = frame_reader.MAX_FRAME


def test_we_greet_before_we_hear_anything() -> None:
    """No dynamic table, many streams, large windows."""
    found = read_frames(b"".join(Connection(lambda *_: pytest.fail("there was no call"), lambda: 0.0).sender.output))

    (_, _, _, settings), (_, _, on, increment) = found
    assert kinds(found) == [frames.SETTINGS, frames.WINDOW_UPDATE]
    assert dict(frames.read_settings(settings)) == {
        frames.HEADER_TABLE_SIZE: 0,
        frames.MAX_CONCURRENT_STREAMS: connection.MAX_STREAMS,
        frames.INITIAL_WINDOW_SIZE: receiving.STREAM_WINDOW,
        frames.MAX_HEADER_LIST_SIZE: LONGEST_LIST,
    }
    assert (on, int.from_bytes(increment, "big")) == (0, receiving.CONNECTION_WINDOW - 65_535)


def test_a_request_with_a_body_and_its_end() -> None:
    server = Server(request(1, "/a"), data(1, b"one"), data(1, b"two", end=True))

    [stream] = server.opened
    assert (stream.path, stream.said) == ("/a", ["opened", b"one", b"two", "end"])


def test_a_request_without_a_body() -> None:
    server = Server(request(1, end=True))

    assert server.opened[0].said == ["opened", "end"]


def test_trailers_are_an_end() -> None:
    server = Server(request(1), request(1, end=True))

    assert server.opened[0].said == ["opened", "end"]


@pytest.mark.parametrize("size", [1, 5, 24, 100])
def test_pieces_of_any_size(size: int) -> None:
    """TCP knows no frames."""
    server = Server()
    whole = request(1) + data(1, b"body" * 100) + request(3, "/b", end=True)

    for start in range(0, len(whole), size):
        server.connection.receive(whole[start : start + size])

    assert [stream.said for stream in server.opened] == [["opened", b"body" * 100], ["opened", "end"]]


def test_padding_and_priority_are_taken_off() -> None:
    """Padding counts towards the window all the same."""
    block = request_block("/padded")
    flags = frames.END_HEADERS | frames.PADDED | frames.WITH_PRIORITY
    server = Server(
        frame(frames.HEADERS, flags, 1, b"\x03" + bytes(5) + block + bytes(3)),
        frame(frames.DATA, frames.PADDED, 1, b"\x02body" + bytes(2)),
    )

    assert (server.opened[0].path, server.opened[0].said) == ("/padded", ["opened", b"body"])


def test_headers_in_several_frames() -> None:
    block = request_block("/long")
    server = Server(
        frame(frames.HEADERS, frames.END_STREAM, 1, block[:3]),
        frame(frames.CONTINUATION, 0, 1, block[3:7]),
        frame(frames.CONTINUATION, frames.END_HEADERS, 1, block[7:]),
    )

    assert (server.opened[0].path, server.opened[0].said) == ("/long", ["opened", "end"])


def test_the_default_table_may_be_used_until_settings_are_acknowledged() -> None:
    """A client that has not read our settings yet adds to a table and refers to it (RFC 7541 section 4.2)."""
    encoder = hpack.Encoder()
    fields = [(":method", "POST"), (":scheme", "http"), (":path", "/remembered"), (":authority", "x")]
    flags = frames.END_HEADERS
    server = Server(
        frame(frames.HEADERS, flags, 1, encoder.encode(fields)), frame(frames.HEADERS, flags, 3, encoder.encode(fields))
    )
    encoder.header_table_size = 0
    server.hear(SETTINGS_ACK, frame(frames.HEADERS, flags, 5, encoder.encode(fields)), request(7, "/alone"))

    assert [stream.path for stream in server.opened] == ["/remembered"] * 3 + ["/alone"]


def test_a_table_that_is_kept_although_there_is_none_is_a_fault() -> None:
    """From the acknowledgement on, a block stands for itself: that is what makes remembering it right."""
    encoder = hpack.Encoder()
    block = encoder.encode([(":method", "POST"), (":path", "/table"), (":authority", "x")])
    server = Server(SETTINGS_ACK)

    assert server.fault(frame(frames.HEADERS, frames.END_HEADERS, 1, block)) == frames.COMPRESSION_ERROR


def test_a_ping_is_acknowledged_and_an_acknowledgement_is_not() -> None:
    server = Server()

    assert server.hear(frame(frames.PING, 0, 0, b"12345678")) == [(frames.PING, frames.ACK, 0, b"12345678")]
    assert server.hear(frame(frames.PING, frames.ACK, 0, b"12345678")) == []


def test_settings_are_acknowledged() -> None:
    server = Server()

    assert server.hear(frame(frames.SETTINGS, 0, 0, setting(0x99, 1))) == [(frames.SETTINGS, frames.ACK, 0, b"")]
    assert server.hear(SETTINGS_ACK) == []


def test_a_reset_ends_its_stream_only() -> None:
    server = Server(request(1), request(3))
    found = server.hear(frame(frames.RST_STREAM, 0, 1, uint32(frames.CANCEL)), data(3, b"x"))

    assert [stream.said for stream in server.opened] == [["opened", "aborted"], ["opened", b"x"]]
    assert found == []


def test_what_comes_after_the_end_of_a_stream_is_passed_over() -> None:
    """Frames that were on their way when we ended it."""
    server = Server(request(1))
    server.connection.sender.trailers(server.opened[0], b"\x89")

    late = (data(1, b"late"), frame(frames.WINDOW_UPDATE, 0, 1, uint32(5)), frame(frames.RST_STREAM, 0, 1, uint32(8)))
    assert server.fault(*late, request(1, end=True)) is None
    assert server.opened[0].said == ["opened"]


def test_frames_that_mean_nothing_are_ignored() -> None:
    assert Server().fault(frame(frames.PRIORITY, 0, 1, bytes(5)), frame(0xBB, 0, 0, b"?")) is None


def test_a_peer_that_goes_may_end_what_it_has_begun() -> None:
    server = Server(request(1))

    assert server.fault(frames.goaway(0, 0), data(1, b"x")) is None
    assert server.opened[0].said == ["opened", b"x"]


@pytest.mark.parametrize(
    ("code", "faulty"),
    [
        (frames.FRAME_SIZE_ERROR, frame(frames.DATA, 0, 1, bytes(LARGEST + 1))),
        (frames.PROTOCOL_ERROR, data(1, b"x")),
        (frames.PROTOCOL_ERROR, request(2)),
        (frames.PROTOCOL_ERROR, request(0)),
        (frames.PROTOCOL_ERROR, frame(frames.PUSH_PROMISE, frames.END_HEADERS, 1, bytes(4))),
        (frames.PROTOCOL_ERROR, frame(frames.CONTINUATION, frames.END_HEADERS, 1, b"")),
        (frames.PROTOCOL_ERROR, frame(frames.HEADERS, 0, 1, request_block()) + frame(frames.PING, 0, 0, bytes(8))),
        (frames.PROTOCOL_ERROR, frame(frames.HEADERS, 0, 1, b"") + frame(frames.CONTINUATION, 4, 3, request_block())),
        (frames.PROTOCOL_ERROR, frame(frames.RST_STREAM, 0, 1, uint32(8))),
        (frames.FRAME_SIZE_ERROR, request(1) + frame(frames.RST_STREAM, 0, 1, b"")),
        (frames.PROTOCOL_ERROR, frame(frames.WINDOW_UPDATE, 0, 0, uint32(0))),
        (frames.PROTOCOL_ERROR, frame(frames.WINDOW_UPDATE, 0, 1, uint32(1))),
        (frames.FRAME_SIZE_ERROR, frame(frames.WINDOW_UPDATE, 0, 0, b"123")),
        (frames.FLOW_CONTROL_ERROR, frame(frames.WINDOW_UPDATE, 0, 0, uint32(2**31 - 1))),
        (frames.FLOW_CONTROL_ERROR, request(1) + frame(frames.WINDOW_UPDATE, 0, 1, uint32(2**31 - 1))),
        (frames.PROTOCOL_ERROR, frame(frames.SETTINGS, 0, 1, b"")),
        (frames.FRAME_SIZE_ERROR, frame(frames.SETTINGS, 0, 0, b"12345")),
        (frames.FRAME_SIZE_ERROR, frame(frames.SETTINGS, frames.ACK, 0, setting(4, 1))),
        (frames.FLOW_CONTROL_ERROR, frame(frames.SETTINGS, 0, 0, setting(frames.INITIAL_WINDOW_SIZE, 2**31))),
        (frames.PROTOCOL_ERROR, frame(frames.SETTINGS, 0, 0, setting(frames.MAX_FRAME_SIZE, 16_383))),
        (frames.PROTOCOL_ERROR, frame(frames.SETTINGS, 0, 0, setting(frames.MAX_FRAME_SIZE, 2**24))),
        (frames.PROTOCOL_ERROR, frame(frames.PING, 0, 1, bytes(8))),
        (frames.FRAME_SIZE_ERROR, frame(frames.PING, 0, 0, bytes(7))),
        (frames.PROTOCOL_ERROR, frame(frames.GOAWAY, 0, 1, bytes(8))),
        (frames.STREAM_CLOSED, request(1, end=True) + data(1, b"x")),
        (frames.STREAM_CLOSED, request(1, end=True) + request(1, end=True)),
        (frames.PROTOCOL_ERROR, request(1) + request(1)),
        (frames.FRAME_SIZE_ERROR, request(1) + frame(frames.DATA, frames.PADDED, 1, b"")),
        (frames.PROTOCOL_ERROR, request(1) + frame(frames.DATA, frames.PADDED, 1, b"\x04123")),
        (frames.FRAME_SIZE_ERROR, frame(frames.HEADERS, 4 | frames.WITH_PRIORITY, 1, bytes(4))),
        (frames.COMPRESSION_ERROR, frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff")),
        (frames.COMPRESSION_ERROR, request(1) + frame(frames.HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff")),
        (frames.PROTOCOL_ERROR, frame(frames.HEADERS, frames.END_HEADERS, 1, b"")),
    ],
)
def test_breaches_of_the_rules(code: int, faulty: bytes) -> None:
    """Each ends the connection, with its code, and every stream on it."""
    server = Server()

    assert server.fault(faulty) == code
    assert all(stream.said[-1:] == ["aborted"] for stream in server.opened)
    assert server.hear(request(101)) == []


def test_a_breach_ends_every_stream_of_its_connection() -> None:
    server = Server(request(1), request(3))

    assert server.fault(frame(frames.PING, 0, 0, b"short")) == frames.FRAME_SIZE_ERROR
    assert [stream.said for stream in server.opened] == [["opened", "aborted"]] * 2


@pytest.mark.parametrize("opening", [b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", b"\x16\x03\x01"])
def test_a_peer_of_another_protocol_is_disconnected(opening: bytes) -> None:
    connection_ = Connection(lambda *_: pytest.fail("that is no request"), lambda: 0.0)

    connection_.receive(opening)

    assert connection_.closing


def test_settings_come_first() -> None:
    connection_ = Connection(lambda *_: pytest.fail("that is no request"), lambda: 0.0)

    connection_.receive(frames.PREFACE + request(1))

    assert connection_.closing


def test_headers_are_limited_in_size_and_number_of_frames() -> None:
    part = frame(frames.CONTINUATION, 0, 1, bytes(LARGEST))
    tiny = frame(frames.CONTINUATION, 0, 1, b"\x00")

    assert Server().fault(frame(frames.HEADERS, 0, 1, b""), *[part] * (LONGEST_BLOCK // LARGEST)) is None
    assert Server().fault(frame(frames.HEADERS, 0, 1, b"\x00"), *[part] * 64) == frames.ENHANCE_YOUR_CALM
    assert Server().fault(frame(frames.HEADERS, 0, 1, b""), *[tiny] * 128) == frames.ENHANCE_YOUR_CALM


def test_a_call_with_too_many_headers_is_known_as_one() -> None:
    """Its neighbours are not concerned."""
    block = request_block("/a", ("x-large", "~" * 2 * LONGEST_LIST))
    server = Server(request(1), SETTINGS_ACK)
    parts = [block[at : at + LARGEST] for at in range(0, len(block), LARGEST)]
    first, *rest, last = parts
    found = [frame(frames.HEADERS, 0, 3, first)]
    found += [frame(frames.CONTINUATION, 0, 3, part) for part in rest]
    found.append(frame(frames.CONTINUATION, frames.END_HEADERS, 3, last))

    assert server.fault(*found, data(1, b"x")) is None
    assert [(stream.path, stream.said) for stream in server.opened] == [("/", ["opened", b"x"]), (None, ["opened"])]


def test_streams_are_limited_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused, and may be tried elsewhere (RFC 9113 section 8.7)."""
    monkeypatch.setattr(connection, "MAX_STREAMS", 2)
    server = Server(request(1), request(3))

    assert server.hear(request(5)) == [(frames.RST_STREAM, 0, 5, uint32(frames.REFUSED_STREAM))]
    assert len(server.opened) == 2


@pytest.mark.parametrize(
    "cheap",
    [
        frame(frames.PING, 0, 0, bytes(8)),
        frame(frames.PING, frames.ACK, 0, bytes(8)),
        frame(frames.SETTINGS, 0, 0),
        frame(frames.PRIORITY, 0, 1, bytes(5)),
        frame(0xBB, 0, 0),
        frame(frames.WINDOW_UPDATE, 0, 1, uint32(1)),
        data(1, b""),
        frame(frames.DATA, frames.PADDED, 1, b"\x00"),
        frames.goaway(0, 0),
    ],
)
def test_floods_end_the_connection(cheap: bytes) -> None:
    server = Server(request(1))

    assert server.fault(cheap * (flood.BURST - 1)) is None
    assert server.fault(cheap * 2) == frames.ENHANCE_YOUR_CALM


def test_streams_that_are_opened_only_to_be_reset_are_a_flood() -> None:
    """CVE-2023-44487."""
    server = Server()
    pairs = b"".join(
        request(stream) + frame(frames.RST_STREAM, 0, stream, uint32(frames.CANCEL))
        for stream in range(1, 2 * flood.BURST + 3, 2)
    )

    assert server.fault(pairs) == frames.ENHANCE_YOUR_CALM
    assert len(server.opened) <= flood.BURST + 1


def test_what_is_spread_over_time_is_no_flood() -> None:
    """An Envoy that pings twice a second may do so for ever."""
    server = Server()
    ping = frame(frames.PING, 0, 0, bytes(8))

    for _ in range(10):
        assert server.fault(ping * (flood.BURST // 2)) is None
        server.seconds += flood.BURST / 2 / flood.PER_SECOND


def test_the_peer_may_go_on_when_it_has_sent_half_a_window() -> None:
    server = Server(request(1))
    half = receiving.STREAM_WINDOW >> 1
    found = server.hear(*[data(1, bytes(LARGEST))] * (half // LARGEST + 1))

    assert [(kind, stream, int.from_bytes(payload, "big")) for kind, _, stream, payload in found] == [
        (frames.WINDOW_UPDATE, 1, half + LARGEST)
    ]


@pytest.mark.parametrize(("name", "size"), [("STREAM_WINDOW", 65_535), ("CONNECTION_WINDOW", 65_535)])
def test_a_peer_that_ignores_a_window_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, name: str, size: int) -> None:
    """A window that is never widened is found out by a frame that is larger than all of it."""
    monkeypatch.setattr("extproc.transport.http2.stream.STREAM_WINDOW", 10 if name == "STREAM_WINDOW" else size)
    monkeypatch.setattr(connection, "CONNECTION_WINDOW", 10 if name == "CONNECTION_WINDOW" else size)

    assert Server(request(1)).fault(data(1, bytes(11))) == frames.FLOW_CONTROL_ERROR


def test_all_that_is_sent_ends_the_stream_and_spares_the_peer_the_rest() -> None:
    """A peer that has not ended its side gets a reset: no more of it is needed (RFC 9113 section 8.1)."""
    server = Server(request(1), request(3, end=True))
    first, second = server.opened
    sender = server.connection.sender
    for stream in (first, second):
        sender.headers(stream, b"\x88")
        sender.data(stream, b"message")
        sender.trailers(stream, b"\x89")

    found = server.output()
    end = frames.END_HEADERS | frames.END_STREAM
    assert found == [
        (frames.HEADERS, frames.END_HEADERS, 1, b"\x88"),
        (frames.DATA, 0, 1, b"message"),
        (frames.HEADERS, end, 1, b"\x89"),
        (frames.RST_STREAM, 0, 1, uint32(frames.NO_ERROR)),
        (frames.HEADERS, frames.END_HEADERS, 3, b"\x88"),
        (frames.DATA, 0, 3, b"message"),
        (frames.HEADERS, end, 3, b"\x89"),
    ]
    assert server.connection.streams == {}


def test_a_close_says_what_was_looked_at() -> None:
    server = Server(request(1), request(3))

    server.connection.close()

    assert server.output() == [(frames.GOAWAY, 0, 0, uint32(3) + uint32(frames.NO_ERROR))]
    assert [stream.said for stream in server.opened] == [["opened", "aborted"]] * 2
    server.connection.close()
    assert server.output() == []


def test_a_greeting_may_come_in_pieces_too() -> None:
    server = Connection(lambda *_: pytest.fail("there was no call"), lambda: 0.0)

    for position in range(len(GREETING)):
        server.receive(GREETING[position : position + 1])

    assert not server.closing
