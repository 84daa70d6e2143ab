"""The cluster between edge and attempt, and what responses carry on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import error
from extproc.doctor.settings import one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.node import Node

_APPEND_ACTION = one_of("APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS")


def max_retries(context: CheckContext) -> Iterator[Finding]:
    """Find a circuit breaker that lets fewer re-dispatches through than there may be requests."""
    ((_, wanted),) = context.rendered.breakers()
    for cluster, breaker in context.found.breakers():
        if breaker.budget is None and breaker.max_retries < breaker.max_requests:
            yield error(
                f"{breaker.place}.max_retries",
                f"cluster {cluster.name} lets {breaker.max_retries} re-dispatches through at a time, for "
                f"{breaker.max_requests} requests: the others get their failed attempt's response",
                f"Set max_retries to {wanted.max_retries}.",
            )


def retry_budget(context: CheckContext) -> Iterator[Finding]:
    """Find a retry budget that CONFIG does not ask for, or one that is tighter."""
    ((_, rendered),) = context.rendered.breakers()
    wanted = rendered.budget
    for cluster, breaker in context.found.breakers():
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
                f"Remove retry_budget and set max_retries to {rendered.max_retries}, or say envoy.retry_budget in "
                "CONFIG.",
            )
        elif budget.percent < wanted.percent or budget.min_concurrency < wanted.min_concurrency:
            yield error(
                budget.place,
                f"{limits}: less than envoy.retry_budget says",
                f"Set budget_percent to {wanted.percent:g} and min_retry_concurrency to {wanted.min_concurrency}.",
            )


def unprocessed_mark(context: CheckContext) -> Iterator[Finding]:
    """Find that a response does not say that nothing has classified it."""
    return _added(
        context,
        names.UNPROCESSED,
        "no response says that it was not classified: when a worker dies, its error is delivered",
    )


def in_flight(context: CheckContext) -> Iterator[Finding]:
    """Find responses that do not say which attempt they are of."""
    return _added(
        context,
        names.IN_FLIGHT,
        "no response says which attempt it is of: one that breaks off, or whose worker dies, is asked for again at the "
        "same provider, policy or not",
    )


def _added(context: CheckContext, name: str, absent: str) -> Iterator[Finding]:
    """Find that responses of attempts are not given the header *name* as `render` has it; *absent*: what that does."""
    (wanted, *_) = (header for route in context.rendered.to_providers() for header in route.added(name))
    value, action = _value(wanted), _APPEND_ACTION(wanted.at("append_action"))
    for route in context.found.to_providers():
        headers = route.added(name)
        if not headers:
            place = f"{route.place}.response_headers_to_add"
            yield error(place, absent, f"Add {name}: {value}, with append_action {action}.")
        for header in headers:
            if _value(header) != value or _APPEND_ACTION(header.at("append_action")) != action:
                yield error(
                    header.place,
                    f"{name} is given to responses with another value, or to others: each must have its own",
                    f"Set its value to {value} and append_action to {action}.",
                )


def _value(header: Node) -> str:
    return header.at("header", "value").text()
