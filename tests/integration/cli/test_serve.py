"""The sidecar alone, and the demo, each as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
from typing import TYPE_CHECKING

import grpc
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    from support.gateway.commands import Home
    from support.gateway.small import SmallGateway

JSON = {"log_format": "json"}

SETTINGS, PING, GOAWAY = 4, 6, 7
PONG = b"\x00\x00\x08\x06\x01"
"""How the answer to a ping begins: its length, its type, and that it is a response."""

GOODBYE = (0).to_bytes(4, "big") + (7).to_bytes(4, "big") + b"\nINFO forged\n"
"""The last stream, a reason, and some text."""


def frame(type_: int, content: bytes = b"") -> bytes:
    """Return a frame of HTTP/2 that is about the connection."""
    return len(content).to_bytes(3, "big") + bytes((type_, 0)) + bytes(4) + content


def test_the_sidecar_alone_serves_until_a_stop_request(home: Home, gateway: SmallGateway) -> None:
    """One line says where it listens; Envoy's health checks are answered."""
    address = f"unix:{home.directory}/sidecar.sock"
    with home.running("serve", gateway.config, "--listen", address, until="ready") as sidecar:
        assert f"INFO ready listen={address} targets=1" in sidecar.output
        with grpc.insecure_channel(address) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING

        assert sidecar.stop(signal.SIGTERM) == 0


def test_the_log_holds_nothing_that_a_peer_has_written(home: Home, gateway: SmallGateway) -> None:
    """Not even what it says at its good-bye, which gRPC would write there as it is: a line that passes for ours."""
    path = f"{home.directory}/sidecar.sock"
    with home.running("serve", gateway.config, "--listen", f"unix:{path}", until="ready") as sidecar:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            peer.connect(path)
            peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS) + frame(GOAWAY, GOODBYE))
            peer.sendall(frame(PING, bytes(8)))
            while PONG not in peer.recv(4096):  # what came before is read by then
                pass

        assert sidecar.stop(signal.SIGTERM) == 0
        assert "forged" not in sidecar.output


def test_warnings_about_the_file_are_logged(home: Home, gateway: SmallGateway) -> None:
    """In the format of all other lines: they may be read by a machine."""
    table = yaml.safe_load(gateway.config.read_text())
    table["model_providers"][0]["retry_policy"] = {"fallback_models": ["openai/nobody"]}
    table["sidecar"] = {"log_format": "json"}
    gateway.config.write_text(yaml.safe_dump(table))

    address = f"unix:{home.directory}/sidecar.sock"
    with home.running("serve", gateway.config, "--listen", address, until='"ready"') as sidecar:
        told = [json.loads(line) for line in sidecar.output.splitlines()]

    warnings = [line for line in told if line["level"] == "warning"]
    assert warnings[0]["event"] == "configuration"
    assert warnings[0]["place"].startswith("model_providers[0].retry_policy")


def test_a_sidecar_that_cannot_listen_says_why(home: Home, gateway: SmallGateway) -> None:
    """Before it says that it is ready."""
    table = yaml.safe_load(gateway.config.read_text())
    table["sidecar"] = {"insecure": True}
    gateway.config.write_text(yaml.safe_dump(table))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        done = home.run("serve", gateway.config, "--listen", address)

    assert (done.code, done.err) == (1, f"Error: {address}: Address already in use\n")


def test_the_demo_shows_a_failover(home: Home) -> None:
    """A rate-limited provider, and who answered instead; afterwards nothing is left."""
    done = home.run("demo", "--once")

    assert done.code == 0
    rows = [line.split() for line in done.out.splitlines()]
    assert [(row[-5], row[-4], row[-3]) for row in rows if row and row[-1] == "ms"] == [
        ("200", "2", "anthropic/claude-3-5-sonnet"),
        ("200", "1", "anthropic/claude-3-5-sonnet"),
        ("200", "1", "openai/gpt-4o"),
    ]


def test_with_a_json_log_a_failure_is_a_line_of_it(home: Home, gateway: SmallGateway) -> None:
    gateway.config.write_text(yaml.safe_dump(yaml.safe_load(gateway.config.read_text()) | {"sidecar": JSON}))

    done = home.run("serve", gateway.config, "--listen", "unix:/nonexistent/directory/x.sock")

    assert done.code == 1
    failed = json.loads(done.err)
    assert failed["event"] == "failed"
    assert failed["problem"].startswith("/nonexistent/directory: there is no such directory")
