"""Whether the edge tries again when it is told to, and only then; and nobody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.bootstrap.timeouts import BRIDGING_TRIES
from extproc.doctor.finding import error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.routes import Retry

BY_MARK = "retriable-headers"

BY_ANSWER = frozenset({"5xx", "gateway-error", "retriable-4xx", "retriable-status-codes", "envoy-ratelimited", "reset"})
"""What makes Envoy repeat a request whose answer the sidecar meant to be delivered."""

UNSEEN_BY_PROVIDER = frozenset({"refused-stream"})
"""What may be sent again within an attempt: HTTP/2 says that nobody has looked at it."""

RETRIED = ("0", "408", "425", "429", "500", "503", "529", names.TIMED_OUT, names.BROKEN)
DELIVERED = ("200", "400", "404", names.PROCESSED)

LONGEST_FIRST_BACK_OFF = 10
SHORTEST_LAST_BACK_OFF = 100


def _policies(case: Case) -> Iterator[Retry]:
    return (route.retry for route in case.roles.inward() if route.retry is not None)


def missing(case: Case) -> Iterator[Flaw]:
    """Find an edge that never tries again."""
    for route in case.roles.inward():
        if route.retry is None:
            yield error(
                f"{route.place}.route.retry_policy",
                "no retry policy: every failed attempt's answer goes to the client, and there is no failover",
                "Add the retry_policy that `extproc render` writes.",
            )


def by_mark(case: Case) -> Iterator[Flaw]:
    """Find an edge that does not see when the sidecar asks for another attempt."""
    for retry in _policies(case):
        marked = any(match.name == names.REDISPATCH and match.fits("1") for match in retry.headers)
        if BY_MARK not in retry.on:
            yield error(
                f"{retry.place}.retry_on",
                f"without {BY_MARK} the edge does not look at the mark by which the sidecar asks for another attempt",
                f"Set retry_on to {BY_MARK}.",
            )
        elif not marked:
            yield error(
                f"{retry.place}.retriable_headers",
                f"{names.REDISPATCH} is not among them: the edge makes no attempt that the sidecar asks for",
                f"Add {{name: {names.REDISPATCH}, present_match: true}} to retriable_headers.",
            )
        if retry.conditional:
            yield error(
                f"{retry.place}.retriable_request_headers",
                "only requests with certain headers are ever tried again",
                "Remove retriable_request_headers.",
            )


def unprocessed(case: Case) -> Iterator[Flaw]:
    """Find an edge that delivers an unprocessed error, or retries what was processed."""
    for retry in _policies(case):
        if BY_MARK not in retry.on:
            continue
        matches = [match for match in retry.headers if match.name == names.UNPROCESSED]
        lost = [status for status in RETRIED if not any(match.fits(status) for match in matches)]
        repeated = [status for status in DELIVERED if any(match.fits(status) for match in matches)]
        place, mend = (
            f"{retry.place}.retriable_headers",
            f"Match {names.UNPROCESSED} by the regex {names.RETRIED_UNPROCESSED}",
        )
        if lost:
            yield error(
                place,
                f"answers with {names.UNPROCESSED}: {', '.join(lost)} are lost when a worker has died",
                f"{mend}.",
            )
        if repeated:
            yield error(
                place, f"answers with {names.UNPROCESSED}: {', '.join(repeated)} are good, and made again", f"{mend}."
            )


def multiplied(case: Case) -> Iterator[Flaw]:
    """Find retries of Envoy's own on top of those that the policy allows."""
    for retry in _policies(case):
        by_answer, others = sorted(retry.on & BY_ANSWER), sorted(retry.on - BY_ANSWER - {BY_MARK})
        mend = f"Set retry_on to {BY_MARK} alone."
        if by_answer:
            yield error(
                f"{retry.place}.retry_on",
                f"{', '.join(by_answer)}: Envoy repeats what the policy has ended, and multiplies calls to providers",
                mend,
            )
        if others:
            yield warning(
                f"{retry.place}.retry_on", f"{', '.join(others)}: Envoy tries again beside the policy, uncounted", mend
            )
        if retry.rate_limited:
            yield warning(
                f"{retry.place}.rate_limited_retry_back_off",
                "the edge waits by an answer's headers, on top of the wait that the sidecar keeps",
                "Remove rate_limited_retry_back_off.",
            )
        if retry.refreshes_cluster:
            yield warning(
                f"{retry.place}.refresh_cluster_on_retry",
                "the edge chooses a cluster anew for each attempt; choosing is the attempt listener's part",
                "Remove refresh_cluster_on_retry.",
            )


def inside_attempts(case: Case) -> Iterator[Flaw]:
    """Find retries within one attempt, but for what a provider says it has not looked at."""
    for retry in dict.fromkeys(route.retry for route in case.roles.outward()):
        if retry is not None and not retry.on <= UNSEEN_BY_PROVIDER:
            yield error(
                retry.place,
                "attempts are repeated within the attempt listener: calls that no policy counts and no record shows",
                f"Set retry_on to {', '.join(UNSEEN_BY_PROVIDER)} alone; all else is the edge's.",
            )


def cut_tries(case: Case) -> Iterator[Flaw]:
    """Find an edge with a time limit of its own for each attempt."""
    mend = "Remove it; the sidecar limits each attempt as its policy says."
    for retry in _policies(case):
        for limit in retry.try_timeouts:
            yield error(limit.place, f"the edge cuts every attempt off after {limit.value} ms, waits included", mend)
    for route in case.roles.inward():
        if route.hedged:
            yield error(f"{route.place}.route.hedge_policy", "the edge makes attempts side by side, uncounted", mend)


def count(case: Case) -> Iterator[Flaw]:
    """Find an edge that gives up before the policy does."""
    needed = max((policy.max_total_attempts for policy in case.gateway.catalog.policies.values()), default=1)
    for retry in _policies(case):
        place, mend = f"{retry.place}.num_retries", f"Set num_retries to {needed + BRIDGING_TRIES}."
        if retry.retries < needed:
            yield error(place, f"{retry.retries}, but a policy allows {needed} attempts: the last are never made", mend)
        elif retry.retries < needed + BRIDGING_TRIES:
            yield warning(place, f"{retry.retries}: too few to bridge the restart of the last worker as well", mend)


def back_off(case: Case) -> Iterator[Flaw]:
    """Find an edge that waits before a failover, or does not wait for a worker that is starting."""
    mend = "Set retry_back_off to {base_interval: 0.001s, max_interval: 0.25s}."
    for retry in _policies(case):
        place = f"{retry.place}.retry_back_off"
        if retry.base_interval > LONGEST_FIRST_BACK_OFF:
            yield warning(place, f"every failover may wait {retry.base_interval} ms first, for nothing", mend)
        elif retry.max_interval < SHORTEST_LAST_BACK_OFF:
            yield warning(
                place, f"never more than {retry.max_interval} ms: all tries are gone before a worker restarts", mend
            )
