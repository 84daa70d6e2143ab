"""The table of checks as a whole: each finds its fault, no other one does, and once that is fixed nothing is found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from support.doctor.patients import (
    ATTEMPT_HOST,
    ATTEMPT_LISTENER,
    ATTEMPT_ROUTE,
    EDGE,
    EDGE_HOST,
    EDGE_LISTENER,
    EDGE_ROUTE,
    EXT_PROC,
    EXT_PROC_FILTER,
    GATEWAY,
    HTTP,
    INSIDE,
    PROVIDER,
    RETRY,
    ROUTER,
    WORKERS,
    Operator,
    an_operator,
    reported,
)
from unit.doctor import test_degraded, test_edge, test_internal_hop, test_workers

from extproc import names
from extproc.bootstrap.lua_filters import state_script
from extproc.doctor.checks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extproc.config.gateway import Gateway
    from extproc.doctor.model.envoy import Version

BUFFER = f"{EDGE}.http_filters[2]"
LIMIT = "request_body_buffer_limit"
ALLOWED = 64 * 1024 * 1024
BY_REQUEST = f"{PROVIDER}.{HTTP}.upstream_http_protocol_options"
TRUST = f"{PROVIDER}.transport_socket.typed_config.common_tls_context"
CARRIER = f"{INSIDE}.{HTTP}.http_filters"
SOURCE = f"{CARRIER}[0].typed_config.default_source_code.inline_string"
ENDPOINT = "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address"
TCP = {"socket_address": {"address": "10.0.0.1", "port_value": 50051}}
OVERRIDES = {
    "envoy.filters.http.ext_proc": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
        "disabled": True,
    }
}


def _moved_to_the_edge(operator: Operator) -> Operator:
    moved = operator.at(EXT_PROC_FILTER)
    return operator.drop(EXT_PROC_FILTER).insert(f"{EDGE}.http_filters[0]", moved)


def _exposed(operator: Operator) -> Operator:
    return (
        operator.drop(f"{ATTEMPT_LISTENER}.internal_listener")
        .put(f"{ATTEMPT_LISTENER}.address", TCP)
        .put(f"{INSIDE}.{ENDPOINT}", TCP)
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """One change to what `render` writes for *gateway*, or what only a running Envoy can have: *stats*, *version*."""

    plant: Callable[[Operator], Operator] = lambda operator: operator
    gateway: Gateway = GATEWAY
    stats: Mapping[str, int] = field(default_factory=dict)
    version: Version | None = None

    def found_in(self, operator: Operator) -> list[tuple[str, str]]:
        """Return the checks that find something in *operator*'s Envoy, which runs with this fault, and the places."""
        running = replace(operator.envoy_config(), stats=self.stats, version=self.version)
        return [(check, place) for _, check, place in reported(running, self.gateway)]


FAULTS: dict[str, Fault] = {
    "dynamic-config": Fault(
        lambda op: op.drop(f"{EDGE}.route_config").put(f"{EDGE}.rds", {"route_config_name": "edge"})
    ),
    "edge-listener": Fault(lambda op: op.drop(EDGE_LISTENER)),
    "attempt-listener": Fault(lambda op: op.drop(ATTEMPT_LISTENER)),
    "attempt-exposed": Fault(_exposed),
    "attempt-route": Fault(lambda op: op.put(f"{ATTEMPT_ROUTE}.route.cluster_header", "x-provider")),
    "attempt-cluster": Fault(lambda op: op.drop(INSIDE)),
    "cut-unlogged": Fault(lambda op: op.drop(f"{EDGE}.access_log")),
    "ext-proc-missing": Fault(lambda op: op.drop(EXT_PROC_FILTER)),
    "ext-proc-misplaced": Fault(_moved_to_the_edge),
    "ext-proc-overridden": Fault(lambda op: op.put(f"{ATTEMPT_ROUTE}.typed_per_filter_config", OVERRIDES)),
    "ext-proc-phases": Fault(lambda op: op.drop(f"{EXT_PROC}.processing_mode.request_body_mode")),
    "ext-proc-obeyed": Fault(lambda op: op.put(f"{EXT_PROC}.observability_mode", value=True)),
    "mutation-rules": Fault(lambda op: op.drop(f"{EXT_PROC}.mutation_rules")),
    "response-attributes": Fault(lambda op: op.drop(f"{EXT_PROC}.response_attributes[0]")),
    "message-timeout": Fault(lambda op: op.drop(f"{EXT_PROC}.message_timeout")),
    "failure-mode": Fault(lambda op: op.drop(f"{EXT_PROC}.failure_mode_allow")),
    "workers-cluster": Fault(lambda op: op.drop(WORKERS)),
    "workers-http2": Fault(lambda op: op.put(f"{WORKERS}.{HTTP}.explicit_http_config", {"http_protocol_options": {}})),
    "workers-health-checks": Fault(lambda op: op.drop(f"{WORKERS}.health_checks")),
    "workers-max-requests": Fault(lambda op: op.drop(f"{WORKERS}.circuit_breakers.thresholds[0].max_requests")),
    "workers-tls": Fault(lambda op: op.put(f"{WORKERS}.{ENDPOINT}", TCP)),
    "admin-exposed": Fault(lambda op: op.put("admin.address", TCP)),
    "max-retries": Fault(lambda op: op.drop(f"{INSIDE}.circuit_breakers")),
    "state-carrier": Fault(lambda op: op.drop(f"{CARRIER}[0]")),
    "unprocessed-mark": Fault(lambda op: op.drop(f"{ATTEMPT_HOST}.response_headers_to_add[0]")),
    "in-flight-kept": Fault(lambda op: op.drop(f"{EXT_PROC}.metadata_options")),
    "in-flight-mark": Fault(lambda op: op.drop(f"{ATTEMPT_HOST}.response_headers_to_add[1]")),
    "state-carrier-outdated": Fault(
        lambda op: op.put(SOURCE, str(op.at(SOURCE)).replace(names.IN_FLIGHT, "x-another"))
    ),
    "retry-missing": Fault(lambda op: op.drop(RETRY)),
    "retry-mark": Fault(lambda op: op.drop(f"{RETRY}.retriable_headers[0]")),
    "retry-unprocessed": Fault(lambda op: op.drop(f"{RETRY}.retriable_headers[1]")),
    "retry-multiplied": Fault(lambda op: op.put(f"{RETRY}.retry_on", "5xx, retriable-headers")),
    "retry-in-attempt": Fault(lambda op: op.put(f"{ATTEMPT_ROUTE}.route.retry_policy.retry_on", "5xx")),
    "retry-cut": Fault(lambda op: op.put(f"{RETRY}.per_try_timeout", "30s")),
    "retry-count": Fault(lambda op: op.drop(f"{RETRY}.num_retries")),
    "retry-back-off": Fault(lambda op: op.drop(f"{RETRY}.retry_back_off")),
    "body-limit": Fault(lambda op: op.drop(f"{ATTEMPT_HOST}.{LIMIT}")),
    "body-counted-twice": Fault(lambda op: op.put(f"{EDGE_HOST}.{LIMIT}", ALLOWED)),
    "body-limits-apart": Fault(lambda op: op.put(f"{BUFFER}.typed_config.max_request_bytes", ALLOWED + 1)),
    "body-whole": Fault(lambda op: op.drop(BUFFER).put(f"{EDGE_HOST}.{LIMIT}", ALLOWED)),
    "edge-paths": Fault(lambda op: op.drop(f"{EDGE}.normalize_path")),
    "edge-http-1.0": Fault(lambda op: op.drop(f"{EDGE}.http_protocol_options")),
    "edge-methods": Fault(lambda op: op.drop(f"{EDGE_HOST}.routes[1]")),
    "edge-timeout": Fault(lambda op: op.drop(f"{EDGE_ROUTE}.route.timeout")),
    "attempt-timeout": Fault(lambda op: op.drop(f"{ATTEMPT_ROUTE}.route.timeout")),
    "idle-timeout": Fault(lambda op: op.put(f"{EDGE}.stream_idle_timeout", "60s")),
    "headers-from-clients": Fault(lambda op: op.drop(f"{EDGE}.early_header_mutation_extensions")),
    "headers-to-clients": Fault(lambda op: op.drop(f"{EDGE_HOST}.response_headers_to_remove")),
    "headers-at-providers": Fault(
        lambda op: op.drop(f"{ROUTER}.upstream_http_filters[0].typed_config.mutations.request_mutations")
    ),
    "provider-cluster": Fault(lambda op: op.drop(PROVIDER)),
    "provider-endpoint": Fault(lambda op: op.put(f"{PROVIDER}.{ENDPOINT}.socket_address.address", "api.anthropic.com")),
    "provider-http2": Fault(
        lambda op: op.drop(f"{PROVIDER}.{HTTP}.auto_config").put(
            f"{PROVIDER}.{HTTP}.explicit_http_config", {"http_protocol_options": {}}
        )
    ),
    "provider-tls": Fault(lambda op: op.drop(f"{PROVIDER}.transport_socket")),
    "provider-authority": Fault(lambda op: op.put(TRUST, {})),
    "provider-name": Fault(lambda op: op.drop(f"{BY_REQUEST}.auto_san_validation")),
    "provider-sni": Fault(lambda op: op.drop(f"{BY_REQUEST}.auto_sni")),
    "forward-rules": Fault(lambda op: op.put(f"{EXT_PROC}.forward_rules", {"allowed_headers": {}})),
    "state-carrier-calls": Fault(
        lambda op: op.put(SOURCE, str(op.at(SOURCE)).replace("MOST_CALLS = 10\n", "MOST_CALLS = 9\n"))
    ),
    "workers-endpoints": Fault(
        lambda op: op.drop(f"{WORKERS}.load_assignment.endpoints[0].lb_endpoints[1]"), test_workers.THREE
    ),
    "retry-budget": Fault(
        lambda op: op.put(f"{INSIDE}.circuit_breakers.thresholds[0].retry_budget", {}), test_internal_hop.BUDGETED
    ),
    "edge-cors": Fault(lambda op: op.drop(f"{EDGE}.http_filters[0]"), test_edge.NAMED),
    "degraded-route": Fault(lambda op: op.put(f"{ATTEMPT_HOST}.routes", [test_degraded.NAMED]), test_degraded.GATEWAY),
    "degraded-decided": Fault(
        lambda op: op.put(f"{ATTEMPT_ROUTE}.match.headers", [test_degraded.FAIL_OPEN, test_degraded.PLAIN]),
        test_degraded.GATEWAY,
    ),
    "degraded-encoded": Fault(
        lambda op: op.put(f"{ATTEMPT_ROUTE}.match.headers", [test_degraded.FAIL_OPEN, test_degraded.UNDECIDED]),
        test_degraded.GATEWAY,
    ),
    "degraded-fail-open": Fault(
        lambda op: op.put(SOURCE, state_script(most_calls=99, fail_open=False)), test_degraded.GATEWAY
    ),
    "envoy-version": Fault(version=(1, 36, 4)),
    "counters": Fault(stats={"cluster.attempt.retry_or_shadow_abandoned": 1}),
    "workers-healthy": Fault(
        stats={"cluster.extproc.membership_healthy": 0, "cluster.extproc.membership_total": 2},
    ),
}


def test_every_check_has_its_fault() -> None:
    """A rule without a test is a guess: who adds a check plants its fault here."""
    assert {*FAULTS} == {*CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_its_fault_is_found_by_the_check_and_by_no_other_and_then_fixed(check: str) -> None:
    """Writing at the place of the finding what `render` writes there is a fix: one that is found by nothing any more.

    Where a fault is in two places, the second finding comes when the first is gone.
    """
    fault = FAULTS[check]
    healthy, broken = an_operator(fault.gateway), fault.plant(an_operator(fault.gateway))
    assert replace(fault, stats={}, version=None).found_in(healthy) == []

    found = fault.found_in(broken)

    assert {name for name, _ in found} == {check}
    fixed = replace(fault, stats={}, version=None)
    for _ in range(3):
        for _, place in fixed.found_in(broken):
            broken.repair(place, healthy)
    assert fixed.found_in(broken) == []
