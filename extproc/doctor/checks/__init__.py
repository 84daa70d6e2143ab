"""Every rule, by the name that a finding shows."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.doctor.checks import (
    bodies,
    degraded,
    edge,
    exposure,
    ext_proc,
    headers,
    in_flight,
    internal_hop,
    phases,
    providers,
    retries,
    running,
    structure,
    timeouts,
    workers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.doctor.context import Check

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "unseen": structure.unseen,
        "edge-listener": structure.edge_listener,
        "attempt-listener": structure.attempt_listener,
        "attempt-exposed": structure.attempt_exposed,
        "attempt-route": structure.attempt_route,
        "attempt-cluster": structure.attempt_cluster,
        "ext-proc-missing": ext_proc.missing,
        "ext-proc-misplaced": ext_proc.misplaced,
        "ext-proc-overridden": ext_proc.overridden,
        "ext-proc-phases": phases.phases,
        "ext-proc-obeyed": ext_proc.obeyed,
        "mutation-rules": ext_proc.mutation_rules,
        "response-attributes": ext_proc.attributes,
        "message-timeout": ext_proc.message_timeout,
        "failure-mode": ext_proc.failure_mode,
        "workers-cluster": workers.missing,
        "workers-http2": workers.http2,
        "workers-endpoints": workers.endpoints,
        "workers-health-checks": workers.health_checks,
        "workers-max-requests": workers.max_requests,
        "workers-tls": exposure.workers_tls,
        "admin-exposed": exposure.admin,
        "max-retries": internal_hop.max_retries,
        "retry-budget": internal_hop.retry_budget,
        "state-carrier": internal_hop.state_carrier,
        "unjudged-mark": internal_hop.unjudged_mark,
        "in-flight-kept": in_flight.kept,
        "in-flight-told": in_flight.told,
        "in-flight-carried": in_flight.carried,
        "retry-missing": retries.missing,
        "retry-mark": retries.by_mark,
        "retry-unjudged": retries.unjudged,
        "retry-multiplied": retries.multiplied,
        "retry-inside": retries.inside_attempts,
        "retry-cut": retries.cut_tries,
        "retry-count": retries.count,
        "retry-back-off": retries.back_off,
        "body-limit": bodies.too_small,
        "body-counted-twice": bodies.counted_twice,
        "body-limits-apart": bodies.apart,
        "body-whole": bodies.whole,
        "edge-paths": edge.paths,
        "edge-http-1.0": edge.http_10,
        "edge-methods": edge.methods,
        "edge-cors": edge.cors,
        "edge-timeout": timeouts.at_edge,
        "attempt-timeout": timeouts.in_attempts,
        "idle-timeout": timeouts.idle,
        "degraded-route": degraded.route,
        "degraded-decided": degraded.only_undecided,
        "degraded-encoded": degraded.only_readable,
        "degraded-let-through": degraded.let_through,
        "headers-from-clients": headers.from_clients,
        "headers-to-clients": headers.to_clients,
        "headers-at-providers": headers.at_providers,
        "provider-cluster": providers.missing,
        "provider-endpoint": providers.endpoint,
        "provider-http2": providers.http2,
        "provider-tls": providers.tls_missing,
        "provider-authority": providers.tls_authority,
        "provider-name": providers.tls_name,
        "provider-sni": providers.tls_sni,
        "envoy-version": running.version,
        "counters": running.counters,
        "workers-healthy": running.workers,
    }
)
