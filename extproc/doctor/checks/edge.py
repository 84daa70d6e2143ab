"""Whether the edge accepts what clients send, and rejects what is not meant for a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.bootstrap import browsers
from extproc.doctor.finding import Severity, error, warning
from extproc.doctor.model.extensions import CORS
from extproc.doctor.settings import Setting, drift

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Check, CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.listeners import Manager
    from extproc.doctor.model.routes import Route
    from extproc.doctor.roles import Roles

ASKED_BY_BROWSERS = "OPTIONS"
SENDS_BACK = "TRACE"

_REFUSED_PATH = (
    "a path that is written in another way, such as /v1/../v1/x or //v1/x, is refused by the sidecar: it is none that "
    "it knows"
)
_PATHS = (
    Setting("normalize_path", _REFUSED_PATH, Severity.WARNING),
    Setting("merge_slashes", _REFUSED_PATH, Severity.WARNING),
)
_HTTP_10 = (
    Setting(
        "http_protocol_options.accept_http_10",
        "HTTP/1.0 is rejected with 426, which is what nginx speaks unless it is configured otherwise",
        Severity.WARNING,
    ),
)


def _check(settings: tuple[Setting, ...]) -> Check:
    def check(context: CheckContext) -> Iterator[Finding]:
        (wanted,) = context.rendered.edges
        for edge in context.found.edges:
            yield from drift(settings, edge.node, wanted.node)

    return check


paths = _check(_PATHS)
http_10 = _check(_HTTP_10)


def methods(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that sends requests to attempts which are not meant for a provider."""
    (wanted,) = context.rendered.edges
    for edge in context.found.edges:
        routes = {method: _taking(context.found, edge, method) for method in (ASKED_BY_BROWSERS, SENDS_BACK)}
        taken = {
            method: route
            for method, route in routes.items()
            if route is not None and _taking(context.rendered, wanted, method) is None
        }
        if taken:
            yield error(
                next(iter(taken.values())).place,
                f"{' and '.join(taken)} requests are sent to providers, with your key: a browser asks so whether a "
                "page may call, and that is not theirs to decide",
                f"Reject all methods but {', '.join(browsers.METHODS)} by a route before, as in `extproc render`.",
            )


def cors(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that lets no page in, though some are named."""
    (wanted,) = context.rendered.edges
    for edge in context.found.edges:
        if _has_cors(wanted) and not _has_cors(edge):
            yield warning(
                f"{edge.place}.http_filters",
                "no page is let in, though listeners[0].cors names some: there is no cors filter",
                "Put it first, with the policy and the route for preflights that `extproc render` shows.",
            )


def _has_cors(edge: Manager) -> bool:
    return any(True for _ in edge.each(CORS))


def _taking(roles: Roles, edge: Manager, method: str) -> Route | None:
    """Return the route of *edge* that sends a request of *method* to attempts, None when one before keeps it."""
    leading = roles.edge_routes(edge)
    for route in edge.routes:
        conditions = [match for match in route.headers if match.name == ":method"]
        if not all(match.fits(method) for match in conditions):
            continue
        if route in leading:
            return route
        if conditions and len(conditions) == len(route.headers):
            return None
    return None
