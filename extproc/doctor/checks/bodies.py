"""Whether a body that CONFIG allows is kept until its last attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.finding import error, warning
from extproc.doctor.model.filters import WholeBody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.listeners import Manager
    from extproc.doctor.model.routes import Route

COUNTS_ONCE = (1, 40, 0)
"""The first Envoy whose router does not count again what the buffer filter has kept."""


def too_small(case: Case) -> Iterator[Flaw]:
    """Find a limit that is smaller than `sidecar.max_body_bytes`."""
    needed = case.gateway.sidecar.max_body_bytes
    for edge in case.roles.edges:
        for _, body in edge.each(WholeBody):
            if body.max_bytes < needed:
                yield error(
                    body.place,
                    f"{body.max_bytes} bytes: larger bodies are refused, though sidecar.max_body_bytes allows {needed}",
                    f"Set max_request_bytes to {needed}.",
                )
    for limit in dict.fromkeys(route.body_limit for route in case.roles.inward()):
        if limit.value < needed:
            yield error(
                limit.place,
                f"the edge keeps {limit.value} bytes: a larger body is sent once and never again, though "
                f"sidecar.max_body_bytes allows {needed}",
                f"Set request_body_buffer_limit to {2 * needed}.",
            )
    for limit in dict.fromkeys(route.body_limit for route in case.roles.outward()):
        if limit.value < needed:
            yield error(
                limit.place,
                f"attempts take {limit.value} bytes: larger bodies end in 413, though sidecar.max_body_bytes allows "
                f"{needed}",
                f"Set request_body_buffer_limit to {needed}.",
            )


def counted_twice(case: Case) -> Iterator[Flaw]:
    """Find a limit at the edge that older Envoys reach at half of its value."""
    needed, version = case.gateway.sidecar.max_body_bytes, case.envoy.version
    if version is not None and version >= COUNTS_ONCE:
        return
    for limit in dict.fromkeys(route.body_limit for route in case.roles.inward()):
        if needed <= limit.value < 2 * needed and any(_waits(edge) for edge in case.roles.edges):
            place = limit.place
            problem = f"an Envoy before 1.40 counts each body twice here: bodies over {limit.value // 2} bytes are lost"
            told = warning if version is None else error
            yield told(place, problem, f"Set request_body_buffer_limit to {2 * needed}.")


def apart(case: Case) -> Iterator[Flaw]:
    """Find an edge that takes larger bodies than attempts do."""
    needed = case.gateway.sidecar.max_body_bytes
    inner = [route.body_limit for route in case.roles.outward()]
    for edge in case.roles.edges:
        for route in (route for route in case.roles.inward() if route in edge.routes):
            taken = _taken(edge, route)
            for limit in dict.fromkeys(inner):
                if needed <= limit.value < taken:
                    yield warning(
                        limit.place,
                        f"attempts take {limit.value} bytes, the edge takes {taken}: bodies in between are "
                        "kept, sent on and then refused",
                        f"Let both take {needed} bytes, as sidecar.max_body_bytes says.",
                    )


def whole(case: Case) -> Iterator[Flaw]:
    """Find an edge that sends a request on before it has all of it."""
    for edge in case.roles.edges:
        if not _waits(edge):
            yield error(
                f"{edge.place}.http_filters",
                "nothing waits for the whole request: an answer that comes before its end, as without any worker, is "
                "never tried again",
                "Add the buffer filter that `extproc render` writes, before the router.",
            )


def _waits(edge: Manager) -> bool:
    return any(edge.each(WholeBody))


def _taken(edge: Manager, route: Route) -> int:
    return min((body.max_bytes for _, body in edge.each(WholeBody)), default=route.body_limit.value)
