"""Whether the edge accepts what clients send, and answers by itself what is nothing to a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.bootstrap.browsers import METHODS
from extproc.doctor.finding import error, warning
from extproc.doctor.model.filters import Cors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.listeners import Manager
    from extproc.doctor.model.routes import Route

ASKED_BY_BROWSERS = "OPTIONS"
SENDS_BACK = "TRACE"


def paths(case: Case) -> Iterator[Flaw]:
    """Find an edge that passes paths on as they are written."""
    for edge in case.roles.edges:
        settings = {"normalize_path": edge.normalizes_path, "merge_slashes": edge.merges_slashes}
        missing = [name for name, there in settings.items() if not there]
        if missing:
            yield warning(
                f"{edge.place}.{missing[0]}",
                "a path that is written in another way, such as /v1/../v1/x or //v1/x, is refused by the sidecar: it "
                "is none that it knows",
                f"Set {' and '.join(missing)} to true.",
            )


def http_10(case: Case) -> Iterator[Flaw]:
    """Find an edge that refuses HTTP/1.0."""
    for edge in case.roles.edges:
        if not edge.accepts_http_10:
            yield warning(
                f"{edge.place}.http_protocol_options.accept_http_10",
                "HTTP/1.0 is answered with 426, which is what nginx speaks unless it is told otherwise",
                "Set accept_http_10 to true, and default_host_for_http_10 to any name.",
            )


def methods(case: Case) -> Iterator[Flaw]:
    """Find an edge that sends requests inside which are no provider's to answer."""
    inward = tuple(case.roles.inward())
    for edge in case.roles.edges:
        found = {method: _let_in(edge, inward, method) for method in (ASKED_BY_BROWSERS, SENDS_BACK)}
        let_in = [method for method, route in found.items() if route is not None]
        route = next((route for route in found.values() if route is not None), None)
        if route is not None:
            yield error(
                route.place,
                f"{' and '.join(let_in)} requests are sent to providers, with your key: a browser asks so whether a "
                "page may call, and that is not theirs to say",
                f"Answer all methods but {', '.join(METHODS)} by a route before, as in `extproc render`.",
            )


def cors(case: Case) -> Iterator[Flaw]:
    """Find an edge that lets no page in, though some are named."""
    if not case.gateway.listener.origins:
        return
    for edge in case.roles.edges:
        if next(edge.each(Cors), None) is None:
            yield warning(
                f"{edge.place}.http_filters",
                "no page is let in, though listeners[0].cors names some: there is no cors filter",
                "Put it first, with the policy and the route for preflights that `extproc render` shows.",
            )


def _let_in(edge: Manager, inward: Collection[Route], method: str) -> Route | None:
    """Return the route of *edge* that sends a request of *method* inside, None when one before keeps it."""
    for route in edge.routes:
        conditions = [match for match in route.headers if match.name == ":method"]
        if not all(match.fits(method) for match in conditions):
            continue
        if route in inward:
            return route
        if conditions and len(conditions) == len(route.headers):
            return None
    return None
