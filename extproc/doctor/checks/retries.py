"""Whether the edge tries again when it is asked to, and only then; and nothing else does."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from extproc import names
from extproc.bootstrap.render import most_attempts
from extproc.bootstrap.timeouts import NO_WORKER_RETRY_WINDOW
from extproc.doctor.finding import Severity, error, warning
from extproc.doctor.model.matching import header_match
from extproc.doctor.settings import Setting, advice, drift

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.node import Node

BY_RESPONSE = frozenset(
    {"5xx", "gateway-error", "retriable-4xx", "retriable-status-codes", "envoy-ratelimited", "reset"}
)
"""What makes Envoy repeat a request whose response the sidecar meant to be delivered."""

BY_HEADER = "retriable-headers"

VALUES = {
    names.REDISPATCH: ("1", names.SPENT),
    names.UNPROCESSED: (
        "0",
        *(str(status.value) for status in HTTPStatus if status >= 200),
        "529",
        names.TIMED_OUT,
        names.BROKEN,
        names.PROCESSED,
    ),
}
"""Values that the marks may have: which of them ask for another attempt is what `render` says."""

NOTICEABLE = 10
"""Milliseconds by which a failover may be late without a client that would notice."""

_BASE_INTERVAL = 25
_SHOWN = 6

_INTERFERING = (
    Setting(
        "rate_limited_retry_back_off",
        "the edge waits by a response's headers, on top of the wait that the sidecar keeps",
        Severity.WARNING,
        read=lambda node: node.present,
    ),
    Setting(
        "refresh_cluster_on_retry",
        "the edge chooses a cluster for each attempt again; choosing is the attempt listener's part",
        Severity.WARNING,
    ),
)
_CUTTING = tuple(
    Setting(
        key,
        "the edge cuts every attempt off after {value} ms, waits included",
        read=lambda node: node.millis(0),
    )
    for key in ("per_try_timeout", "per_try_idle_timeout")
)
_HEDGING = (Setting("hedge_on_per_try_timeout", "the edge makes attempts side by side, uncounted"),)


def _pairs(context: CheckContext) -> Iterator[tuple[Node, Node]]:
    """Yield the retry policies of the edge, and the one that `render` writes."""
    wanted = _rendered(context)
    return ((route.retry, wanted) for route in context.found.to_attempts() if route.retry.present)


def _rendered(context: CheckContext) -> Node:
    (route,) = context.rendered.to_attempts()
    return route.retry


def missing(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that never tries again."""
    for route in context.found.to_attempts():
        if not route.retry.present:
            yield error(
                f"{route.place}.route.retry_policy",
                "no retry policy: every failed attempt's response goes to the client, and there is no failover",
                "Add the retry_policy that `extproc render` writes.",
            )


def by_mark(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that does not see when the sidecar asks for another attempt, or that none is to follow."""
    for retry, wanted in _pairs(context):
        absent = sorted(_on(wanted) - _on(retry))
        if absent:
            yield error(
                f"{retry.place}.retry_on",
                f"without {', '.join(absent)} the edge does not look at the mark by which the sidecar asks for another "
                "attempt",
                advice("retry_on", wanted.at("retry_on")),
            )
        else:
            yield from _matched(retry, wanted, names.REDISPATCH)
        if any(True for _ in retry.at("retriable_request_headers").items()):
            yield error(
                f"{retry.place}.retriable_request_headers",
                "only requests with certain headers are ever tried again",
                advice("retriable_request_headers", wanted.at("retriable_request_headers")),
            )


def unprocessed(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that delivers an error which was not classified, or repeats what was."""
    for retry, wanted in _pairs(context):
        if BY_HEADER in _on(retry):
            yield from _matched(retry, wanted, names.UNPROCESSED)


def _matched(retry: Node, wanted: Node, mark: str) -> Iterator[Finding]:
    """Find values of *mark* that make the edge try again, or do not, other than in *wanted*."""
    found, expected = _fitting(retry, mark), _fitting(wanted, mark)
    place = f"{retry.place}.retriable_headers"
    (header,) = (one for one in wanted.at("retriable_headers").items() if one.at("name").text() == mark)
    fix = advice(f"the entry of {mark}", header)
    lost = [value for value in VALUES[mark] if value in expected - found]
    repeated = [value for value in VALUES[mark] if value in found - expected]
    if lost:
        yield error(place, f"responses with {mark}: {_some(lost)} are not followed by another attempt", fix)
    if repeated:
        yield error(place, f"responses with {mark}: {_some(repeated)} are final, and made again", fix)


def _fitting(retry: Node, mark: str) -> set[str]:
    """Return the values of *mark* that make the edge try again."""
    matches = [match for match in map(header_match, retry.at("retriable_headers").items()) if match.name == mark]
    return {value for value in VALUES[mark] if any(match.fits(value) for match in matches)}


def _some(values: list[str]) -> str:
    more = len(values) - _SHOWN
    return ", ".join(values[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def multiplied(context: CheckContext) -> Iterator[Finding]:
    """Find retries of Envoy's own on top of those that the policy allows."""
    for retry, wanted in _pairs(context):
        more = _on(retry) - _on(wanted)
        by_response, others = sorted(more & BY_RESPONSE), sorted(more - BY_RESPONSE)
        place, fix = f"{retry.place}.retry_on", advice("retry_on", wanted.at("retry_on"))
        if by_response:
            yield error(
                place,
                f"{', '.join(by_response)}: Envoy repeats what the policy has ended, and multiplies calls to providers",
                fix,
            )
        if others:
            yield warning(place, f"{', '.join(others)}: Envoy tries again beside the policy, uncounted", fix)
        yield from drift(_INTERFERING, retry, wanted)


def within_attempts(context: CheckContext) -> Iterator[Finding]:
    """Find retries within one attempt, but for what a provider says it has not looked at."""
    wanted = context.rendered.to_providers()[-1].retry
    for route in context.found.to_providers():
        if not _on(route.retry) <= _on(wanted):
            yield error(
                route.retry.place,
                "attempts are repeated within the attempt listener: calls that no policy counts and no record shows",
                advice("retry_on", wanted.at("retry_on")),
            )


def cut_tries(context: CheckContext) -> Iterator[Finding]:
    """Find an edge with a time limit of its own for each attempt."""
    for retry, wanted in _pairs(context):
        yield from drift(_CUTTING, retry, wanted)
    (rendered,) = context.rendered.to_attempts()
    for route in context.found.to_attempts():
        yield from drift(_HEDGING, route.hedge, rendered.hedge)


def count(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that gives up before the policy does."""
    needed = most_attempts(context.gateway.catalog)
    for retry, wanted in _pairs(context):
        node, retries = retry.at("num_retries"), _retries(retry)
        fix = advice("num_retries", wanted.at("num_retries"))
        if retries < needed:
            yield error(node.place, f"{retries}, but a policy allows {needed} attempts: the last are never made", fix)
        elif retries < _retries(wanted):
            yield warning(node.place, f"{retries}: too few to bridge the restart of the last worker as well", fix)


def back_off(context: CheckContext) -> Iterator[Finding]:
    """Find an edge that waits before a failover, or does not wait for a worker that is starting."""
    for retry, wanted in _pairs(context):
        base, longest = _back_off(retry)
        expected, _ = _back_off(wanted)
        place, fix = f"{retry.place}.retry_back_off", advice("retry_back_off", wanted.at("retry_back_off"))
        bridging = _retries(wanted) - most_attempts(context.gateway.catalog)
        if base > max(expected, NOTICEABLE):
            yield warning(place, f"every failover may wait {base} ms first, for nothing", fix)
        elif bridging * longest < 2 * NO_WORKER_RETRY_WINDOW:  # a wait is somewhere between nothing and the longest
            yield warning(place, f"never more than {longest} ms: all tries are gone before a worker restarts", fix)


def _on(retry: Node) -> frozenset[str]:
    return _words(retry.at("retry_on").text().split(","))


def _words(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word.strip() for word in texts if word.strip())


def _retries(retry: Node) -> int:
    return retry.at("num_retries").count(1)


def _back_off(retry: Node) -> tuple[int, int]:
    """Return the first and the longest wait, in milliseconds."""
    node = retry.at("retry_back_off")
    base = node.at("base_interval").millis(_BASE_INTERVAL)
    return base, node.at("max_interval").millis(10 * base)
