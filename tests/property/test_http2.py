"""The server's side of HTTP/2 against another implementation of the client's, and against no implementation at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
from hypothesis import given
from hypothesis import strategies as st
from support.sidecar.http2 import GREETING, Remembering, Server, request

from extproc.transport.http2 import frames
from extproc.transport.http2.connection import Connection
from extproc.transport.http2.frames import frame

if TYPE_CHECKING:
    from collections.abc import Iterator

BODIES = st.lists(st.binary(max_size=200_000), min_size=1, max_size=4)


class Echo(Remembering):
    """A stream that sends back all that it was sent, once it has all of it."""

    __slots__ = ("connection",)

    def __init__(self, stream_id: int, window: int, path: str | None, server: Peers) -> None:
        super().__init__(stream_id, window, path)
        self.connection = server

    def end_received(self) -> None:
        """Echo."""
        sender = self.connection.server.sender
        sender.headers(self, b"\x88")
        sender.data(self, b"".join(piece for piece in self.said if isinstance(piece, bytes)))
        sender.trailers(self, b"\x00\x04done\x031 s")


class Peers:
    """Both sides, joined in memory; what one writes reaches the other in the pieces that *cuts* says."""

    def __init__(self, cuts: Iterator[int]) -> None:
        self.server = Connection(self._echo, lambda: 0.0)
        self.client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.client.initiate_connection()
        self.echoed: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self._cuts = cuts

    def _echo(self, stream_id: int, window: int, path: str | None) -> Echo:
        return Echo(stream_id, window, path, self)

    def exchange(self) -> None:
        """Let both write until neither has anything to say."""
        while True:
            to_server = self.client.data_to_send()
            for piece in self._pieces(to_server):
                self.server.receive(piece)
            output, self.server.sender.output = self.server.sender.output, []
            to_client = b"".join(output)
            for piece in self._pieces(to_client):
                self._hear(self.client.receive_data(piece))
            if not to_server and not to_client:
                return

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            size = next(self._cuts)
            yield data[:size]
            data = data[size:]

    def _hear(self, events: list[h2.events.Event]) -> None:
        for event in events:
            if isinstance(event, h2.events.DataReceived):
                assert event.stream_id is not None
                self.echoed[event.stream_id] = self.echoed.get(event.stream_id, b"") + (event.data or b"")
                self.client.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                assert event.stream_id is not None
                self.ended.add(event.stream_id)


def _send(client: h2.connection.H2Connection, stream: int, rest: bytes) -> bytes:
    """Send as much of *rest* as may be sent now; return what is left. Its end ends the stream."""
    while rest and (room := min(client.local_flow_control_window(stream), client.max_outbound_frame_size)) > 0:
        client.send_data(stream, rest[:room])
        rest = rest[room:]
    if not rest:
        client.end_stream(stream)
    return rest


@given(BODIES, st.lists(st.integers(1, 70_000), min_size=1, max_size=20))
def test_every_body_comes_back_whatever_the_pieces(bodies: list[bytes], sizes: list[int]) -> None:
    """Any number of streams at once, beyond every window, in pieces of any size."""

    def cuts() -> Iterator[int]:
        while True:
            yield from sizes

    peers = Peers(cuts())
    client = peers.client
    waiting: dict[int, bytes] = {}
    for body in bodies:
        stream = client.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "x")]
        client.send_headers(stream, headers)
        waiting[stream] = body
    sent = dict(waiting)
    while waiting:
        waiting = {stream: rest for stream, body in waiting.items() if (rest := _send(client, stream, body))}
        peers.exchange()
    peers.exchange()

    assert {stream: peers.echoed.get(stream, b"") for stream in sent} == sent
    assert peers.ended == set(sent)
    assert peers.server.streams == {}
    assert not peers.server.closing


FRAMES = st.builds(
    frame,
    st.integers(0, 11),
    st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x25, 0xFF]),
    st.sampled_from([0, 1, 2, 3, 5, 2**31 - 1]),
    st.one_of(st.binary(max_size=40), st.sampled_from([bytes(4), bytes(6), bytes(8), b"\x7f\xff\xff\xff"])),
)
VALID = st.sampled_from(
    [request(1), request(3, end=True), request(5), frame(frames.DATA, 0, 1, b"x"), frame(frames.DATA, 1, 5, b"y")]
)


@given(st.lists(FRAMES | VALID, max_size=30), st.integers(1, 64))
def test_whatever_comes_nothing_is_raised_and_every_stream_ends_once(sequence: list[bytes], size: int) -> None:
    """A connection goes on or is closed with a code; a stream of a closed one knows it, and only once."""
    server = Server()
    whole = b"".join(sequence)
    for start in range(0, len(whole), size):
        server.connection.receive(whole[start : start + size])
    server.connection.close()

    for stream in server.opened:
        assert stream.said[0] == "opened"
        assert stream.said.count("aborted") <= 1
        assert stream.said.count("end") <= 1
        assert "aborted" not in stream.said[:-1]
    assert server.connection.streams == {}
    assert server.connection.sender.waiting == 0


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_connection_that_is_closed_or_waits(noise: bytes, greeted: bool) -> None:  # noqa: FBT001
    """What is no HTTP/2 has opened nothing."""
    connection = Connection(Remembering, lambda: 0.0)
    connection.receive((GREETING if greeted else b"") + noise)

    assert connection.closing or all(isinstance(stream, Remembering) for stream in connection.streams.values())
