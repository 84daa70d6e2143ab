"""Whether the listener's timeout and the policy's limits speak before any of Envoy's own does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.finding import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.listeners import Manager
    from extproc.doctor.model.routes import Limit, Route

SLACK = 30
"""Seconds by which Envoy's idle limits are to exceed the listener's timeout."""


def at_edge(case: Case) -> Iterator[Flaw]:
    """Find an edge that ends requests by the clock."""
    for limit in _limits(case, case.roles.edges):
        if limit.value > 0:
            yield error(
                limit.place,
                f"the edge ends requests after {limit.value} ms, streams that have begun included",
                "Set it to 0s: the sidecar limits each attempt by what is left of the listener's timeout.",
            )


def in_attempts(case: Case) -> Iterator[Flaw]:
    """Find an attempt listener with a time limit of its own."""
    patience = case.gateway.listener.timeout
    for limit in _limits(case, case.roles.attempts):
        if 0 < limit.value < patience:
            yield error(
                limit.place,
                f"every attempt is cut off after {limit.value} ms, streams that have begun included",
                "Set it to 0s: the sidecar limits each attempt as its policy says.",
            )


def idle(case: Case) -> Iterator[Flaw]:
    """Find a listener that takes a wait for the end."""
    patience = case.gateway.listener.timeout
    for managers, mend in (
        (case.roles.edges, f"Set it to {_seconds(patience) + SLACK}s, more than the timeout."),
        (case.roles.attempts, "Set it to 0s: the edge has the limit."),
    ):
        for limit in dict.fromkeys(_idle(manager, route) for manager, route in _routes(case, managers)):
            if 0 < limit.value < patience:
                yield error(
                    limit.place,
                    f"a request that is silent for {limit.value} ms is ended: a provider that thinks, or a wait, may "
                    f"take up to {patience} ms",
                    mend,
                )


def _limits(case: Case, managers: tuple[Manager, ...]) -> dict[Limit, None]:
    pairs = _routes(case, managers)
    found = [limit for manager, route in pairs for limit in (route.timeout, _duration(manager, route))]
    return dict.fromkeys(limit for limit in found if limit is not None)


def _routes(case: Case, managers: tuple[Manager, ...]) -> list[tuple[Manager, Route]]:
    concerned = [*case.roles.inward(), *case.roles.outward()]
    return [(manager, route) for manager in managers for route in manager.routes if route in concerned]


def _duration(manager: Manager, route: Route) -> Limit | None:
    return manager.max_duration if route.max_duration is None else route.max_duration


def _idle(manager: Manager, route: Route) -> Limit:
    return manager.idle_timeout if route.idle_timeout is None else route.idle_timeout


def _seconds(millis: int) -> int:
    return -(-millis // 1000)
