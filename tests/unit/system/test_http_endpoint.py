"""Where an Envoy is asked."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from extproc.addresses import UnixAddress, parse_address
from extproc.system.http_endpoint import Port, SocketFile, endpoint_at


@pytest.mark.parametrize(
    ("address", "endpoint", "shown"),
    [
        ("unix:/run/admin.sock", SocketFile("/run/admin.sock"), "unix:/run/admin.sock"),
        ("127.0.0.1:9901", Port("127.0.0.1", 9901), "http://127.0.0.1:9901"),
        ("0.0.0.0:9901", Port("127.0.0.1", 9901), "http://127.0.0.1:9901"),
        ("[::]:9901", Port("[::1]", 9901), "http://[::1]:9901"),
    ],
)
def test_an_endpoint_is_reached_from_this_host(address: str, endpoint: Port | SocketFile, shown: str) -> None:
    assert endpoint_at(parse_address(address)) == endpoint
    assert str(endpoint_at(parse_address(address))) == shown


def test_without_a_server_there_is_no_response(tmp_path: Path) -> None:
    assert endpoint_at(UnixAddress(tmp_path / "missing")).request("GET", "/ready") is None
    assert endpoint_at(UnixAddress(tmp_path / "missing")).is_accessible()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize(("mode", "directory", "may"), [(0o600, 0o755, False), (0o666, 0o755, True), (0o666, 0, False)])
def test_a_socket_of_others_is_not_ones_own_to_ask(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, mode: int, directory: int, may: bool
) -> None:
    """Whoever asks is told that, and not that nobody is there."""
    (tmp_path / "d").mkdir()
    monkeypatch.chdir(tmp_path / "d")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("x.sock")
        Path("x.sock").chmod(mode)
        Path().chmod(directory)
        pid = os.fork()
        if pid == 0:
            code = 2
            try:
                os.setresuid(65534, 65534, 65534)
                code = int(SocketFile("x.sock").is_accessible())
            finally:
                os._exit(code)

        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == int(may)
