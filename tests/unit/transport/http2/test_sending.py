"""Flow control of what we send (RFC 9113 section 5.2)."""

from __future__ import annotations

from support.sidecar.http2 import Server, request, setting, uint32

from extproc.transport.http2 import frames
from extproc.transport.http2.frames import frame

INITIAL = 65_535


def sent(found: list[tuple[int, int, int, bytes]], stream: int) -> bytes:
    """Return the data of *stream* in these frames."""
    return b"".join(payload for kind, _, on, payload in found if kind == frames.DATA and on == stream)


def widened(stream: int, by: int) -> bytes:
    return frame(frames.WINDOW_UPDATE, 0, stream, uint32(by))


def test_no_frame_is_longer_than_the_peer_takes() -> None:
    server = Server(request(1))
    server.connection.sender.data(server.opened[0], bytes(40_000))

    assert [len(payload) for _, _, _, payload in server.output()] == [16_384, 16_384, 7_232]


def test_a_peer_may_take_longer_frames() -> None:
    server = Server(request(1), frame(frames.SETTINGS, 0, 0, setting(frames.MAX_FRAME_SIZE, 20_000)))
    server.connection.sender.data(server.opened[0], bytes(40_000))

    assert [len(payload) for _, _, _, payload in server.output()] == [20_000, 20_000]


def test_a_window_stops_its_stream_only() -> None:
    """And what waits goes on when there is room, trailers last; no byte is lost or changed."""
    server = Server(request(1, end=True), request(3), widened(0, 10**9))
    first, second = server.opened
    body = bytes(range(256)) * 512
    sender = server.connection.sender
    sender.data(first, body[:100_000])
    sender.data(first, body[100_000:])
    sender.trailers(first, b"\x89")
    sender.data(second, b"small")

    before = server.output()
    assert sent(before, 1) == body[:INITIAL]
    assert sent(before, 3) == b"small"
    assert sender.waiting == len(body) - INITIAL
    assert not first.local_closed

    some = server.hear(widened(1, 10))
    rest = server.hear(widened(1, 10**6))

    assert sent(before, 1) + sent(some, 1) + sent(rest, 1) == body
    assert len(sent(some, 1)) == 10
    assert rest[-1] == (frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, b"\x89")
    assert sender.waiting == 0
    assert list(server.connection.streams) == [3]


def test_the_window_of_the_connection_is_for_all() -> None:
    """Who comes later gets what is left, and the rest when there is room again."""
    server = Server(request(1), request(3))
    for stream in server.opened:
        server.connection.sender.data(stream, bytes(50_000))

    found = server.output()
    assert (len(sent(found, 1)), len(sent(found, 3))) == (50_000, INITIAL - 50_000)
    assert len(sent(server.hear(widened(0, 20_000)), 3)) == 20_000
    assert len(sent(server.hear(widened(0, 10**6)), 3)) == 50_000 - (INITIAL - 50_000) - 20_000


def test_a_smaller_initial_window_holds_what_is_open_back() -> None:
    """A window may even become negative (section 6.9.2)."""
    server = Server(request(1), widened(0, 10**9))
    [stream] = server.opened
    server.connection.sender.data(stream, bytes(60_000))
    server.hear(frame(frames.SETTINGS, 0, 0, setting(frames.INITIAL_WINDOW_SIZE, 1_000)))
    server.connection.sender.data(stream, bytes(100))

    assert stream.window == 1_000 - 60_000
    assert sent(server.output(), 1) == b""
    assert sent(server.hear(widened(1, 59_050)), 1) == bytes(50)


def test_a_larger_initial_window_lets_what_waits_go() -> None:
    server = Server(request(1), widened(0, 10**9))
    server.connection.sender.data(server.opened[0], bytes(100_000))
    server.output()

    found = server.hear(frame(frames.SETTINGS, 0, 0, setting(frames.INITIAL_WINDOW_SIZE, 100_000)))

    assert len(sent(found, 1)) == 100_000 - INITIAL


def test_nothing_more_is_sent_of_a_stream_that_was_reset() -> None:
    server = Server(request(1), widened(0, 10**9))
    server.connection.sender.data(server.opened[0], bytes(100_000))

    server.hear(frame(frames.RST_STREAM, 0, 1, uint32(frames.CANCEL)))

    assert server.connection.sender.waiting == 0
    assert server.hear(widened(1, 10**6)) == []
