"""A provider behind TLS that speaks HTTP/2 or HTTP/1.1 and records how it was called."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived, StreamEnded

if TYPE_CHECKING:
    from collections.abc import Sequence

TLS = Path(__file__).parent / "tls"
CA_FILE = str(TLS / "ca.pem")
OTHER_CA_FILE = str(TLS / "other-ca.pem")
HOST = "provider.example"
"""The name on the provider's certificate, beside 127.0.0.1."""


_CUT = b'{"error": {"code": "rate_limit_exceeded", "message": "slow down"}'


class TlsProvider:
    """Answers every request with 200 and the name of the protocol; listens while its context lasts.

    Over HTTP/2, with *cut*, its answers are 429 and one byte shorter than they say; it refuses the first *refused*
    requests, with *going* by closing the connection in the way of HTTP/2.

    Mutable: owns the record of the names it was asked for (SNI) and of the requests that reached it.
    """

    def __init__(self, *protocols: str, cut: bool = False, refused: int = 0, going: bool = False) -> None:
        self._cut = cut
        self._refused = refused
        self._going = going
        self.asked_for: list[str | None] = []
        self.requests: list[Sequence[tuple[str, str]]] = []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(TLS / "provider.pem")
        self._tls.set_alpn_protocols(protocols)
        self._tls.sni_callback = lambda _socket, name, _context: self.asked_for.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:  # closed: the test is over
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with plain:
            try:
                with self._tls.wrap_socket(plain, server_side=True) as connection:
                    if connection.selected_alpn_protocol() == "h2":
                        self._serve_http2(connection)
                    else:
                        self._serve_http1(connection)
            except OSError:  # refused, or gone: that is what tests look at
                return

    def _serve_http1(self, connection: ssl.SSLSocket) -> None:
        while head := connection.recv(65_536):
            self.requests.append([("head", head.decode())])
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhttp/1.1")

    def _serve_http2(self, connection: ssl.SSLSocket) -> None:
        http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        connection.sendall(http.data_to_send())
        while received := connection.recv(65_536):
            for event in http.receive_data(received):
                if isinstance(event, RequestReceived):
                    self.requests.append([(str(name), str(value)) for name, value in event.headers])
                elif isinstance(event, StreamEnded):
                    if len(self.requests) > self._refused:
                        self._answer_http2(http, event.stream_id)
                    elif not self._going:
                        http.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
                    else:
                        http.close_connection(last_stream_id=event.stream_id - 1)
                        connection.sendall(http.data_to_send())
                        return
            connection.sendall(http.data_to_send())

    def _answer_http2(self, http: H2Connection, stream: int) -> None:
        if self._cut:
            length = ("content-length", str(len(_CUT) + 1))
            http.send_headers(stream, [(":status", "429"), ("content-type", "application/json"), length])
            http.send_data(stream, _CUT, end_stream=True)
        else:
            http.send_headers(stream, [(":status", "200")])
            http.send_data(stream, b"h2", end_stream=True)
