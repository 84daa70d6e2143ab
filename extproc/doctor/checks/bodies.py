"""Whether a body that CONFIG allows is kept until its last attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.finding import error, warning
from extproc.doctor.model.extensions import BUFFER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.filters import Filter
    from extproc.doctor.model.listeners import Manager
    from extproc.doctor.model.routes import Route

COUNTS_ONCE = (1, 40, 0)
"""The first Envoy whose router does not count again what the buffer filter has kept."""


def too_small(context: CheckContext) -> Iterator[Finding]:
    """Find a limit that is smaller than `sidecar.max_body_bytes`."""
    needed, (edge,) = context.gateway.sidecar.max_body_bytes, context.rendered.edges
    for manager in context.found.edges:
        for one in manager.each(BUFFER):
            if _max_bytes(one) < needed:
                yield error(
                    one.config.at("max_request_bytes").place,
                    f"{_max_bytes(one)} bytes: larger bodies are refused, though sidecar.max_body_bytes allows "
                    f"{needed}",
                    f"Set max_request_bytes to {_taken(edge, edge.routes[-1])}.",
                )
    for place, value in _limits(context.found.to_attempts()):
        if value < needed:
            yield error(
                place,
                f"the edge keeps {value} bytes: a larger body is sent once and never again, though "
                f"sidecar.max_body_bytes allows {needed}",
                _fix(context.rendered.to_attempts()),
            )
    for place, value in _limits(context.found.to_providers()):
        if value < needed:
            yield error(
                place,
                f"attempts take {value} bytes: larger bodies end in 413, though sidecar.max_body_bytes allows {needed}",
                _fix(context.rendered.to_providers()),
            )


def counted_twice(context: CheckContext) -> Iterator[Finding]:
    """Find a limit at the edge that older Envoys reach at half of its value."""
    needed, version = context.gateway.sidecar.max_body_bytes, context.found.envoy.version
    if version is not None and version >= COUNTS_ONCE:
        return
    report = warning if version is None else error
    for edge in filter(_waits, context.found.edges):
        for place, value in _limits(context.found.edge_routes(edge)):
            if needed <= value < 2 * needed:
                yield report(
                    place,
                    f"an Envoy before 1.40 counts each body twice here: bodies over {value // 2} bytes are lost",
                    _fix(context.rendered.to_attempts()),
                )


def apart(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that takes larger bodies than attempts do."""
    needed = context.gateway.sidecar.max_body_bytes
    for edge in context.found.edges:
        for taken in {_taken(edge, route) for route in context.found.edge_routes(edge)}:
            for place, value in _limits(context.found.to_providers()):
                if needed <= value < taken:
                    yield warning(
                        place,
                        f"attempts take {value} bytes, the edge takes {taken}: bodies in between are kept, sent on and "
                        "then refused",
                        f"Let both take {needed} bytes, as sidecar.max_body_bytes says.",
                    )


def whole(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that sends a request on before it has all of it."""
    for edge in context.found.edges:
        if not _waits(edge):
            yield error(
                f"{edge.place}.http_filters",
                "nothing waits for the whole request: a response that comes before its end, as without any worker, is "
                "never followed by another attempt",
                "Add the buffer filter that `extproc render` writes, before the router.",
            )


def _waits(edge: Manager) -> bool:
    return any(True for _ in edge.each(BUFFER))


def _max_bytes(one: Filter) -> int:
    return one.config.at("max_request_bytes").count(0)


def _taken(edge: Manager, route: Route) -> int:
    return min(map(_max_bytes, edge.each(BUFFER)), default=route.body_limit.value)


def _limits(routes: list[Route]) -> list[tuple[str, int]]:
    limits = (route.body_limit for route in routes)
    return [(limit.place, limit.value) for limit in limits]


def _fix(rendered: list[Route]) -> str:
    return f"Set request_body_buffer_limit to {rendered[-1].body_limit.value}."
