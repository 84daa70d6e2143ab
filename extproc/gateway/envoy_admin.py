"""What Envoy says about itself: the edge's health, the requests in flight, the way to drain it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from extproc.system.http_endpoint import Endpoint, request_on

if TYPE_CHECKING:
    import http.client

_ACTIVE = "http.edge.downstream_rq_active"

_LINES = 64


class Lines:
    """Connections to an Envoy's admin endpoint that stay with it when another Envoy takes over its address.

    Mutable: each is used until Envoy closes it. One that drains does so after every answer, up to 1.39: so there are
    many.
    """

    def __init__(self, admin: Endpoint) -> None:
        self._open: list[http.client.HTTPConnection] = []
        for _ in range(_LINES):
            connection = admin.connection()
            # Only what has been answered has certainly been accepted by the one that serves now.
            if request_on(connection, "GET", "/ready") is None:
                break
            connection.auto_open = 0  # a new one would reach the other Envoy
            self._open.append(connection)

    def request(self, method: str, path: str) -> tuple[int, str] | None:
        """Return status and body of the answer to *method* *path*, or None when no line is left."""
        while self._open:
            connection = self._open[-1]
            answer = request_on(connection, method, path)
            if answer is None or connection.sock is None:
                self._open.pop().close()
            if answer is not None:
                return answer
        return None

    def close(self) -> None:
        """Give all of them up."""
        while self._open:
            self._open.pop().close()


Admin: TypeAlias = Endpoint | Lines
"""Where an Envoy's admin endpoint can be asked."""


def health_of(edge: Endpoint) -> int | None:
    """Return the status of the edge's `/healthz`: 200 when requests can be served; None when nobody answers."""
    answer = edge.request("GET", "/healthz")
    return None if answer is None else answer[0]


def stop_accepting(admin: Admin) -> None:
    """Have Envoy refuse new connections, and end the ones it has after their next answer.

    Only inbound listeners are stopped: requests in flight still need the attempt listener for their next attempt.
    """
    admin.request("POST", "/healthcheck/fail")
    admin.request("POST", "/drain_listeners?inboundonly")


def requests_in_flight(admin: Admin) -> int | None:
    """Return how many requests of clients are not answered yet; None when Envoy does not say."""
    answer = admin.request("GET", f"/stats?filter=^{_ACTIVE.replace('.', '%5C.')}$")
    if answer is None:
        return None
    value = answer[1].strip().rpartition(": ")[2]
    return int(value) if value.isdecimal() else None


def hot_restart_version(admin: Admin) -> str | None:
    """Return the version of what Envoy and its successor must agree on."""
    answer = admin.request("GET", "/hot_restart_version")
    return None if answer is None else answer[1].strip()


def serving_epoch(admin: Admin) -> int | None:
    """Return which one in a row of Envoys answers there; None when none does, or it does not serve yet."""
    answer = admin.request("GET", "/server_info")
    if answer is None:
        return None
    try:
        told: object = json.loads(answer[1])
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("state") != "LIVE":
        return None
    return int(told.get("command_line_options", {}).get("restart_epoch", 0))
