"""What only a running Envoy tells: its version, and what it has counted since it started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.doctor.checks.ext_proc import ours
from extproc.doctor.finding import Flaw, Severity, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case

OLDEST = (1, 37, 0)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a counter means when it is not zero."""

    counter: str
    severity: Severity
    problem: str
    mend: str


ERROR, WARNING = Severity.ERROR, Severity.WARNING

INSIDE = (
    Loss(
        "retry_or_shadow_abandoned",
        ERROR,
        "requests were too large to be kept, and got no further attempt",
        "Raise request_body_buffer_limit of the edge's virtual host.",
    ),
    Loss(
        "upstream_rq_retry_overflow",
        ERROR,
        "re-dispatches were refused by the circuit breaker or the retry budget",
        "Raise max_retries of the cluster's circuit breaker, or its retry_budget.",
    ),
    Loss(
        "upstream_rq_retry_limit_exceeded",
        ERROR,
        "requests were due another attempt when num_retries was used up: it is too small, or no worker was there",
        "See whether workers were away at that time, else raise num_retries of the edge.",
    ),
    Loss(
        "upstream_rq_pending_overflow",
        ERROR,
        "requests were refused before their first attempt, by the circuit breaker",
        "Raise max_pending_requests and max_requests of the cluster's circuit breaker.",
    ),
    Loss(
        "lua.errors",
        ERROR,
        "the script that carries the attempt state has failed",
        "Look for `script log` in Envoy's log.",
    ),
)
"""Counters of the cluster between edge and attempt."""

ATTEMPTS = (
    Loss(
        "downstream_rq_too_many_premature_resets",
        ERROR,
        "connections between edge and attempt were closed with everything on them, after too many resets",
        "Let nothing on the attempt listener break answers off, and set ext_proc's response_body_mode to NONE.",
    ),
    Loss(
        "downstream_rq_too_large",
        ERROR,
        "bodies that the edge had taken were refused by the attempt listener",
        "Raise request_body_buffer_limit of the attempt listener's virtual host.",
    ),
    Loss(
        "no_cluster",
        WARNING,
        "attempts found no cluster: no worker was there to name one, or it named one that Envoy does not have",
        "See whether workers were away at that time, and whether every provider has its cluster.",
    ),
)
"""Counters of the attempt listener."""

EXT_PROC = (
    Loss(
        "failure_mode_allowed",
        WARNING,
        "attempts went on without the sidecar, which was away or failed",
        "Look into the sidecar's log for that time.",
    ),
    Loss(
        "message_timeouts",
        WARNING,
        "the sidecar was too slow to answer",
        "Raise message_timeout, or give the sidecar more workers.",
    ),
    Loss(
        "rejected_header_mutations",
        ERROR,
        "headers that the sidecar sets were dropped",
        "Set mutation_rules of the ext_proc filter to {allow_all_routing: true, allow_envoy: true}.",
    ),
    Loss(
        "clear_route_cache_ignored",
        ERROR,
        "the route was kept as it was before the sidecar named a cluster",
        "Remove route_cache_action and disable_clear_route_cache from the ext_proc filter.",
    ),
    Loss(
        "clear_route_cache_disabled",
        ERROR,
        "the route was kept as it was before the sidecar named a cluster",
        "Remove route_cache_action and disable_clear_route_cache from the ext_proc filter.",
    ),
)
"""Counters of the ext_proc filter."""

WORKERS = (
    Loss(
        "upstream_rq_pending_overflow",
        WARNING,
        "attempts went unprocessed, because the circuit breaker let no more through to the sidecar",
        "Raise max_pending_requests and max_requests of the cluster's circuit breaker.",
    ),
)
"""Counters of the workers' cluster."""


def version(case: Case) -> Iterator[Flaw]:
    """Find an Envoy on which the two listeners do not work together."""
    found = case.envoy.version
    if found is not None and found < OLDEST:
        told = ".".join(map(str, found))
        yield error("server_info.version", f"this is Envoy {told}", "Use Envoy 1.37 or newer.")


def counters(case: Case) -> Iterator[Flaw]:
    """Find what has been lost since Envoy started, without anyone having been told."""
    for prefix, losses in _groups(case):
        for loss in losses:
            for name in names_of(loss, prefix):
                count = case.envoy.stats.get(name, 0)
                if count:
                    yield Flaw(loss.severity, name, f"{count}: {loss.problem}", loss.mend)


def names_of(loss: Loss, prefix: str) -> tuple[str, str]:
    """Return what Envoys call the counter of *loss*: before 1.40 they write the prefix twice for upstream filters."""
    return f"{prefix}.{loss.counter}", f"{prefix}.{prefix}{loss.counter}"


def workers(case: Case) -> Iterator[Flaw]:
    """Find workers that are away at this moment."""
    cluster = case.envoy.cluster(case.roles.sidecar)
    if cluster is None:
        return
    place = f"cluster.{cluster.stat_name}.membership_healthy"
    healthy, total = case.envoy.stats.get(place), case.envoy.stats.get(f"cluster.{cluster.stat_name}.membership_total")
    if healthy is None or total is None:
        return
    if not healthy:
        yield error(place, "no worker of the sidecar is healthy", "Start `extproc serve CONFIG` beside this Envoy.")
    elif healthy < total:
        yield warning(place, f"{healthy} of {total} workers are healthy", "Look into the sidecar's log.")


def _groups(case: Case) -> Iterator[tuple[str, tuple[Loss, ...]]]:
    for cluster in case.roles.inside:
        yield f"cluster.{cluster.stat_name}", INSIDE
    for prefix in dict.fromkeys(manager.stat_prefix for manager in case.roles.attempts):
        yield f"http.{prefix}", ATTEMPTS
        for own in dict.fromkeys(one.stat_prefix for one in ours(case)):
            yield ".".join(part for part in ("http", prefix, "ext_proc", own) if part), EXT_PROC
    sidecar = case.envoy.cluster(case.roles.sidecar)
    if sidecar is not None:
        yield f"cluster.{sidecar.stat_name}", WORKERS
