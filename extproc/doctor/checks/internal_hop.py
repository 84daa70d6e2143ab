"""The cluster between edge and attempt: what lets re-dispatches through, and what carries their state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import error, warning
from extproc.doctor.model.filters import Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.clusters import Cluster

_HALVES = ("envoy_on_request", "envoy_on_response")


def max_retries(case: Case) -> Iterator[Flaw]:
    """Find a circuit breaker that lets fewer re-dispatches through than there may be requests."""
    for cluster, breaker in case.roles.breakers():
        if breaker.budget is None and breaker.max_retries < breaker.max_requests:
            yield error(
                f"{breaker.place}.max_retries",
                f"cluster {cluster.name} lets {breaker.max_retries} re-dispatches through at a time, for "
                f"{breaker.max_requests} requests: the others get their failed attempt's answer",
                "Set max_retries to 1000000.",
            )


def retry_budget(case: Case) -> Iterator[Flaw]:
    """Find a retry budget that CONFIG does not ask for, or one that is tighter."""
    wanted = case.gateway.envoy.retry_budget
    for cluster, breaker in case.roles.breakers():
        budget = breaker.budget
        if budget is None:
            continue
        limits = (
            f"cluster {cluster.name} lets {budget.percent:g} % of requests be re-dispatched at a time, at least "
            f"{budget.min_concurrency}"
        )
        if wanted is None:
            yield error(
                budget.place,
                f"{limits}: in a provider's outage every request is re-dispatched, and most of them fail",
                "Remove retry_budget and set max_retries to 1000000, or say envoy.retry_budget in CONFIG.",
            )
        elif budget.percent < wanted.percent or budget.min_concurrency < wanted.min_concurrency:
            yield error(
                budget.place,
                f"{limits}: less than envoy.retry_budget says",
                f"Set budget_percent to {wanted.percent:g} and min_retry_concurrency to {wanted.min_concurrency}.",
            )


def state_carrier(case: Case) -> Iterator[Flaw]:
    """Find that no attempt learns what happened in those before it."""
    for cluster in case.roles.inside:
        place, scripts = scripts_of(case, cluster)
        if any(carries(script.text) for script in scripts if script.text is not None):
            continue
        hidden = next((script for script in scripts if script.text is None), None)
        if hidden is not None:
            yield warning(
                hidden.place,
                "this script is not in the configuration: whether it carries the attempt state cannot be judged",
                "Write it as inline_string, as `extproc render` does.",
            )
        else:
            yield error(
                place,
                "nothing carries the attempt state: each attempt begins anew, at the target that has just failed",
                f"Add the Lua filter that `extproc render` writes to cluster {cluster.name}, before upstream_codec.",
            )


def scripts_of(case: Case, cluster: Cluster) -> tuple[str, list[Script]]:
    """Return the Lua filters before *cluster*, and the place of its chain; without one it has the edge's router's."""
    if cluster.filters:
        place, chain = f"{cluster.options}.http_filters", cluster.filters
    else:
        routers = [edge.upstream for edge in case.roles.edges if edge.upstream is not None]
        place, chain = f"{cluster.options}.http_filters", tuple(one for router in routers for one in router.upstream)
    return place, [one.what for one in chain if isinstance(one.what, Script) and not one.disabled]


def carries(script: str) -> bool:
    """Tell whether *script* carries the attempt state both ways."""
    return names.STATE in script and all(half in script for half in _HALVES)


def unprocessed_mark(case: Case) -> Iterator[Flaw]:
    """Find that a response does not say that the sidecar has not processed it."""
    for manager in case.roles.attempts:
        for route in (route for route in case.roles.outward() if route in manager.routes):
            marks = [header for header in route.added if header.name == names.UNPROCESSED]
            if not marks:
                yield error(
                    f"{route.place}.response_headers_to_add",
                    "no response is marked as unprocessed: when a worker dies, its provider's error is delivered",
                    f"Add {names.UNPROCESSED}: %RESPONSE_CODE%, with append_action ADD_IF_ABSENT.",
                )
            for header in marks:
                if header.value != "%RESPONSE_CODE%" or not header.if_absent:
                    yield error(
                        header.place,
                        f"{names.UNPROCESSED} must be the status of unprocessed responses, and of no others",
                        "Set its value to %RESPONSE_CODE% and append_action to ADD_IF_ABSENT.",
                    )
