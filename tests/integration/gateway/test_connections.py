"""What can be seen of another process: its connections, and its answers on lines that are kept."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from extproc.gateway.envoy_admin import PinnedConnections, requests_in_flight, serving_epoch
from extproc.system.http_endpoint import Port
from extproc.system.tcp_sockets import connections_to, listens

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"


class Answers(BaseHTTPRequestHandler):
    """An Envoy's admin endpoint that says who it is, and closes connections while it drains."""

    protocol_version = "HTTP/1.1"
    draining = False

    def do_GET(self) -> None:
        body = b"http.edge.downstream_rq_active: 3\n"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        if self.draining:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Say nothing."""


class Admin(ThreadingHTTPServer):
    """A server of these answers."""

    daemon_threads = True

    class Handler(Answers):
        """Of this server alone."""

    def __init__(self) -> None:
        super().__init__((HOST, 0), self.Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def admin() -> Iterator[Admin]:
    """Run an admin endpoint."""
    server = Admin()
    yield server
    server.Handler.draining = False
    server.shutdown()
    server.server_close()


def test_connections_to_a_port_are_counted() -> None:
    """Those of that process, and not the socket that listens."""
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert connections_to(os.getpid(), port) == 0
        with socket.create_connection((HOST, port)):
            accepted, _ = server.accept()
            assert connections_to(os.getpid(), port) == 1
            with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as another:
                assert connections_to(another.pid, port) == 0
                another.communicate(b"\n")
            accepted.close()


def test_who_listens_is_seen() -> None:
    """Until the socket is closed."""
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        assert listens(os.getpid(), port)
    assert not listens(os.getpid(), port)


def test_a_process_that_has_gone_reports_nothing() -> None:
    """Zero would mean that it is done."""
    assert connections_to(2**22 + 1, 80) is None
    assert not listens(2**22 + 1, 80)


def test_lines_stay_with_who_has_taken_them(admin: Admin) -> None:
    """Though nobody listens there any more."""
    lines = PinnedConnections(Port(HOST, admin.server_port))
    admin.shutdown()
    admin.socket.close()

    assert [requests_in_flight(lines) for _ in range(100)] == [3] * 100
    lines.close()
    assert requests_in_flight(lines) is None


def test_each_line_is_good_for_one_more_response_at_least(admin: Admin) -> None:
    """Up to 1.39, an Envoy that drains closes each with its next response."""
    lines = PinnedConnections(Port(HOST, admin.server_port))
    admin.Handler.draining = True

    answers = [requests_in_flight(lines) for _ in range(65)]

    assert answers == [3] * 64 + [None]


def test_without_a_server_there_are_no_connections() -> None:
    """What is asked then is not known."""
    with socket.create_server((HOST, 0)) as server:
        nobody = Port(HOST, server.getsockname()[1])

    assert PinnedConnections(nobody).request("GET", "/ready") is None


def test_what_is_no_envoy_has_no_epoch(admin: Admin) -> None:
    """Whatever it answers."""
    assert serving_epoch(Port(HOST, admin.server_port)) is None
