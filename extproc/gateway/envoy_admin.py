"""Envoy's admin endpoint: the edge's health, the requests in flight, draining."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from extproc.json_values import members
from extproc.system.http_endpoint import Endpoint, request_on

if TYPE_CHECKING:
    import http.client

_ACTIVE = "http.edge.downstream_rq_active"

_CONNECTIONS = 64


class PinnedConnections:
    """Connections to an Envoy's admin endpoint that stay with this process when its child takes over the address.

    Mutable: each is used until Envoy closes it. Up to 1.39, a draining Envoy closes it after every response: so there
    are many.
    """

    def __init__(self, admin: Endpoint) -> None:
        self._open: list[http.client.HTTPConnection] = []
        for _ in range(_CONNECTIONS):
            connection = admin.connection()
            # Only a connection with a response is known to be accepted by the process that serves now.
            if request_on(connection, "GET", "/ready") is None:
                break
            connection.auto_open = 0  # a new connection would reach the child
            self._open.append(connection)

    def request(self, method: str, path: str) -> tuple[int, str] | None:
        """Return status and body of the response to *method* *path*, or None if no connection is left."""
        while self._open:
            connection = self._open[-1]
            response = request_on(connection, method, path)
            if response is None or connection.sock is None:
                self._open.pop().close()
            if response is not None:
                return response
        return None

    def close(self) -> None:
        """Close all connections."""
        while self._open:
            self._open.pop().close()


Admin: TypeAlias = Endpoint | PinnedConnections
"""How requests reach an Envoy's admin endpoint."""


def health_of(edge: Endpoint) -> int | None:
    """Return the status of the edge's `/healthz`: 200 if a worker can serve; None if there is no response."""
    response = edge.request("GET", "/healthz")
    return None if response is None else response[0]


def stop_accepting(admin: Admin) -> None:
    """Drain the edge: Envoy refuses new connections and closes each existing one after its next response.

    Only inbound listeners stop: requests in flight need the attempt listener for their next attempt.
    """
    admin.request("POST", "/healthcheck/fail")
    admin.request("POST", "/drain_listeners?inboundonly")


def requests_in_flight(admin: Admin) -> int | None:
    """Return the number of client requests in flight; None if Envoy does not report it."""
    response = admin.request("GET", f"/stats?filter=^{_ACTIVE.replace('.', '%5C.')}$")
    if response is None:
        return None
    value = response[1].strip().rpartition(": ")[2]
    return int(value) if value.isdecimal() else None


def hot_restart_version(admin: Admin) -> str | None:
    """Return the hot restart version, which parent and child must have in common."""
    response = admin.request("GET", "/hot_restart_version")
    return None if response is None else response[1].strip()


def serving_epoch(admin: Admin) -> int | None:
    """Return the restart epoch of the Envoy that responds; None if none does, or it is not live yet."""
    response = admin.request("GET", "/server_info")
    if response is None:
        return None
    try:
        info: object = json.loads(response[1])
    except ValueError:
        return None
    server = members(info)
    if server.get("state") != "LIVE":
        return None
    return int(str(members(server.get("command_line_options")).get("restart_epoch", 0)))
