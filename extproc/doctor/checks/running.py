"""What only a running Envoy shows: its version, and what it has counted since it started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.doctor.finding import Finding, Severity, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import CheckContext

OLDEST = (1, 37, 0)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a counter means when it is not zero."""

    counter: str
    severity: Severity
    problem: str
    fix: str


ERROR, WARNING = Severity.ERROR, Severity.WARNING

HOP = (
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
        "Let nothing on the attempt listener break responses off, and write ext_proc's processing_mode as "
        "`extproc render` does.",
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
        "the sidecar was too slow",
        "Raise message_timeout, or give the sidecar more workers.",
    ),
    Loss(
        "rejected_header_mutations",
        ERROR,
        "headers that the sidecar sets were dropped",
        "Write mutation_rules of the ext_proc filter as `extproc render` does.",
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
        "attempts were not decided on, because the circuit breaker let no more through to the sidecar",
        "Raise max_pending_requests and max_requests of the cluster's circuit breaker.",
    ),
)
"""Counters of the workers' cluster."""


def envoy_version(context: CheckContext) -> Iterator[Finding]:
    """Find an Envoy on which the two listeners do not work together."""
    found = context.found.envoy.version
    if found is not None and found < OLDEST:
        version = ".".join(map(str, found))
        yield error("server_info.version", f"this is Envoy {version}", f"Use Envoy {OLDEST[0]}.{OLDEST[1]} or newer.")


def counters(context: CheckContext) -> Iterator[Finding]:
    """Find what has been lost since Envoy started, without any other sign."""
    for prefix, losses in _groups(context):
        for loss in losses:
            for name in names_of(loss, prefix):
                count = context.found.envoy.stats.get(name, 0)
                if count:
                    yield Finding(loss.severity, name, f"{count}: {loss.problem}", loss.fix)


def names_of(loss: Loss, prefix: str) -> tuple[str, str]:
    """Return what Envoys call the counter of *loss*: before 1.40 they write the prefix twice for upstream filters."""
    return f"{prefix}.{loss.counter}", f"{prefix}.{prefix}{loss.counter}"


def workers(context: CheckContext) -> Iterator[Finding]:
    """Find workers that are away at this moment."""
    cluster = context.found.workers
    if cluster is None:
        return
    place = f"cluster.{cluster.stat_name}.membership_healthy"
    healthy, total = (
        context.found.envoy.stats.get(place),
        context.found.envoy.stats.get(f"cluster.{cluster.stat_name}.membership_total"),
    )
    if healthy is None or total is None:
        return
    if not healthy:
        yield error(place, "no worker of the sidecar is healthy", "Start `extproc serve CONFIG` beside this Envoy.")
    elif healthy < total:
        yield warning(place, f"{healthy} of {total} workers are healthy", "Look into the sidecar's log.")


def _groups(context: CheckContext) -> Iterator[tuple[str, tuple[Loss, ...]]]:
    for cluster in context.found.hops:
        yield f"cluster.{cluster.stat_name}", HOP
    for prefix in dict.fromkeys(manager.stat_prefix for manager in context.found.attempts):
        yield f"http.{prefix}", ATTEMPTS
        for own in dict.fromkeys(one.at("stat_prefix").text() for one in context.found.ext_proc()):
            yield ".".join(part for part in ("http", prefix, "ext_proc", own) if part), EXT_PROC
    sidecar = context.found.workers
    if sidecar is not None:
        yield f"cluster.{sidecar.stat_name}", WORKERS
