"""A configuration for tests of the commands, and a client of what they start; both synchronous."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from support.envoy.admin import counter_in, filter_of
from support.http import unix_socket

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-this-must-not-be-seen"


@dataclass(frozen=True, slots=True)
class SmallGateway:
    """A configuration file with one model, and where its gateway listens."""

    config: Path
    port: int
    admin: Path  # the socket of Envoy's admin endpoint

    def chat(self) -> tuple[int, bytes]:
        """Send one request and return status and body of its answer; 0 when it is cut off."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                "POST",
                "/v1/chat/completions",
                json.dumps({"model": "openai/gpt-4o", "messages": []}),
                {"content-type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        except ConnectionError:  # a disconnection before the answer is one, too
            return 0, b""
        finally:
            connection.close()

    def counter(self, name: str) -> int:
        """Return what Envoy counts under *name*; fail when it has nothing of that name."""
        return counter_in(self.ask_admin(filter_of(name)))

    def ask_admin(self, path: str) -> str:
        """Return what Envoy's admin endpoint answers to GET *path*."""
        return unix_socket.get(self.admin, path).text

    def refuses(self) -> bool:
        """Tell whether a new connection is refused."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.connect()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:  # it has closed its socket just now
            return False
        finally:
            connection.close()
        return False


def write_config(directory: Path, name: str, *, port: int, provider: str) -> SmallGateway:
    """Write the configuration *name* of a gateway in front of *provider* to *directory*."""
    config, admin = directory / name, directory / f"{name}.admin"
    config.write_text(
        yaml.safe_dump(
            {
                "version": "v0.4.0",
                "listeners": [{"type": "model", "name": "test", "address": "127.0.0.1", "port": port}],
                "model_providers": [{"model": "openai/gpt-4o", "access_key": KEY, "base_url": provider}],
                "envoy": {"admin": f"unix:{admin}"},
            }
        )
    )
    return SmallGateway(config, port, admin)
