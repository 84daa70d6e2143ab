"""What Envoy says about itself: the edge's health, the requests in flight, the way to drain it."""

from __future__ import annotations

import http.client
from dataclasses import dataclass

_ACTIVE = "http.edge.downstream_rq_active"
_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP endpoint of an Envoy on this host."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(self, method: str, path: str) -> tuple[int, str] | None:
        """Return status and body of the answer to *method* *path*, or None when there is no answer."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_TIMEOUT)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def health_of(edge: Endpoint) -> int | None:
    """Return the status of the edge's `/healthz`: 200 when requests can be served; None when nobody answers."""
    answer = edge.ask("GET", "/healthz")
    return None if answer is None else answer[0]


def stop_accepting(admin: Endpoint) -> None:
    """Have Envoy refuse new connections, and end the ones it has after their next answer.

    Only inbound listeners are stopped: requests in flight still need the attempt listener for their next attempt.
    """
    admin.ask("POST", "/healthcheck/fail")
    admin.ask("POST", "/drain_listeners?inboundonly")


def requests_in_flight(admin: Endpoint) -> int:
    """Return how many requests of clients are not answered yet; 0 when Envoy does not say."""
    answer = admin.ask("GET", f"/stats?filter=^{_ACTIVE.replace('.', '%5C.')}$")
    if answer is None:
        return 0
    value = answer[1].strip().rpartition(": ")[2]
    return int(value) if value.isdecimal() else 0
