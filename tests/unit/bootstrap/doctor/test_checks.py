"""The table of checks as a whole: each finds its fault, and no other check mistakes it for its own."""

from __future__ import annotations

from dataclasses import replace
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
    told,
)
from unit.bootstrap.doctor import test_degraded, test_edge, test_inside, test_workers

from extproc import names
from extproc.bootstrap.lua_filters import state_script
from extproc.doctor.checks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from extproc.config.gateway import Gateway
    from extproc.doctor.model.envoy import Installation

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


def _telling(stats: dict[str, int], version: tuple[int, int, int] | None = None) -> Installation:
    return replace(an_operator().installation(), stats=stats, version=version)


FAULTS: dict[str, Callable[[Operator], Operator]] = {
    "unseen": lambda op: op.drop(f"{EDGE}.route_config").put(f"{EDGE}.rds", {"route_config_name": "edge"}),
    "edge-listener": lambda op: op.drop(EDGE_LISTENER),
    "attempt-listener": lambda op: op.drop(ATTEMPT_LISTENER),
    "attempt-exposed": _exposed,
    "attempt-route": lambda op: op.put(f"{ATTEMPT_ROUTE}.route.cluster_header", "x-provider"),
    "attempt-cluster": lambda op: op.drop(INSIDE),
    "cut-unlogged": lambda op: op.drop(f"{EDGE}.access_log"),
    "ext-proc-missing": lambda op: op.drop(EXT_PROC_FILTER),
    "ext-proc-misplaced": _moved_to_the_edge,
    "ext-proc-overridden": lambda op: op.put(f"{ATTEMPT_ROUTE}.typed_per_filter_config", OVERRIDES),
    "ext-proc-phases": lambda op: op.drop(f"{EXT_PROC}.processing_mode.request_body_mode"),
    "ext-proc-obeyed": lambda op: op.put(f"{EXT_PROC}.observability_mode", value=True),
    "mutation-rules": lambda op: op.drop(f"{EXT_PROC}.mutation_rules"),
    "response-attributes": lambda op: op.drop(f"{EXT_PROC}.response_attributes[0]"),
    "message-timeout": lambda op: op.drop(f"{EXT_PROC}.message_timeout"),
    "failure-mode": lambda op: op.drop(f"{EXT_PROC}.failure_mode_allow"),
    "workers-cluster": lambda op: op.drop(WORKERS),
    "workers-http2": lambda op: op.put(f"{WORKERS}.{HTTP}.explicit_http_config", {"http_protocol_options": {}}),
    "workers-health-checks": lambda op: op.drop(f"{WORKERS}.health_checks"),
    "workers-max-requests": lambda op: op.drop(f"{WORKERS}.circuit_breakers.thresholds[0].max_requests"),
    "workers-tls": lambda op: op.put(f"{WORKERS}.{ENDPOINT}", TCP),
    "admin-exposed": lambda op: op.put("admin.address", TCP),
    "max-retries": lambda op: op.drop(f"{INSIDE}.circuit_breakers"),
    "state-carrier": lambda op: op.drop(f"{CARRIER}[0]"),
    "unprocessed-mark": lambda op: op.drop(f"{ATTEMPT_HOST}.response_headers_to_add[0]"),
    "in-flight-kept": lambda op: op.drop(f"{EXT_PROC}.metadata_options"),
    "in-flight-told": lambda op: op.drop(f"{ATTEMPT_HOST}.response_headers_to_add[1]"),
    "in-flight-carried": lambda op: op.put(SOURCE, str(op.at(SOURCE)).replace(names.IN_FLIGHT, "x-another")),
    "retry-missing": lambda op: op.drop(RETRY),
    "retry-mark": lambda op: op.drop(f"{RETRY}.retriable_headers[0]"),
    "retry-unprocessed": lambda op: op.drop(f"{RETRY}.retriable_headers[1]"),
    "retry-multiplied": lambda op: op.put(f"{RETRY}.retry_on", "5xx, retriable-headers"),
    "retry-inside": lambda op: op.put(f"{ATTEMPT_ROUTE}.route.retry_policy.retry_on", "5xx"),
    "retry-cut": lambda op: op.put(f"{RETRY}.per_try_timeout", "30s"),
    "retry-count": lambda op: op.drop(f"{RETRY}.num_retries"),
    "retry-back-off": lambda op: op.drop(f"{RETRY}.retry_back_off"),
    "body-limit": lambda op: op.drop(f"{ATTEMPT_HOST}.{LIMIT}"),
    "body-counted-twice": lambda op: op.put(f"{EDGE_HOST}.{LIMIT}", ALLOWED),
    "body-limits-apart": lambda op: op.put(f"{BUFFER}.typed_config.max_request_bytes", ALLOWED + 1),
    "body-whole": lambda op: op.drop(BUFFER).put(f"{EDGE_HOST}.{LIMIT}", ALLOWED),
    "edge-paths": lambda op: op.drop(f"{EDGE}.normalize_path"),
    "edge-http-1.0": lambda op: op.drop(f"{EDGE}.http_protocol_options"),
    "edge-methods": lambda op: op.drop(f"{EDGE_HOST}.routes[1]"),
    "edge-timeout": lambda op: op.drop(f"{EDGE_ROUTE}.route.timeout"),
    "attempt-timeout": lambda op: op.drop(f"{ATTEMPT_ROUTE}.route.timeout"),
    "idle-timeout": lambda op: op.put(f"{EDGE}.stream_idle_timeout", "60s"),
    "headers-from-clients": lambda op: op.drop(f"{EDGE}.early_header_mutation_extensions"),
    "headers-to-clients": lambda op: op.drop(f"{EDGE_HOST}.response_headers_to_remove"),
    "headers-at-providers": lambda op: op.drop(
        f"{ROUTER}.upstream_http_filters[0].typed_config.mutations.request_mutations"
    ),
    "provider-cluster": lambda op: op.drop(PROVIDER),
    "provider-endpoint": lambda op: op.put(f"{PROVIDER}.{ENDPOINT}.socket_address.address", "api.anthropic.com"),
    "provider-http2": lambda op: op.drop(f"{PROVIDER}.{HTTP}.auto_config").put(
        f"{PROVIDER}.{HTTP}.explicit_http_config", {"http_protocol_options": {}}
    ),
    "provider-tls": lambda op: op.drop(f"{PROVIDER}.transport_socket"),
    "provider-authority": lambda op: op.put(TRUST, {}),
    "provider-name": lambda op: op.drop(f"{BY_REQUEST}.auto_san_validation"),
    "provider-sni": lambda op: op.drop(f"{BY_REQUEST}.auto_sni"),
}
"""One change to what `render` writes for the gateway of all these tests."""

OTHER_FAULTS: dict[str, Callable[[], tuple[Operator | Installation, Gateway]]] = {
    "workers-endpoints": lambda: (
        an_operator(test_workers.THREE).drop(f"{WORKERS}.load_assignment.endpoints[0].lb_endpoints[1]"),
        test_workers.THREE,
    ),
    "retry-budget": lambda: (
        an_operator().put(f"{INSIDE}.circuit_breakers.thresholds[0].retry_budget", {}),
        test_inside.BUDGETED,
    ),
    "edge-cors": lambda: (an_operator(test_edge.NAMED).drop(f"{EDGE}.http_filters[0]"), test_edge.NAMED),
    "degraded-route": lambda: (
        an_operator(test_degraded.GATEWAY).put(f"{ATTEMPT_HOST}.routes", [test_degraded.NAMED]),
        test_degraded.GATEWAY,
    ),
    "degraded-decided": lambda: (
        an_operator(test_degraded.GATEWAY).put(
            f"{ATTEMPT_ROUTE}.match.headers", [test_degraded.LET_THROUGH, test_degraded.PLAIN]
        ),
        test_degraded.GATEWAY,
    ),
    "degraded-encoded": lambda: (
        an_operator(test_degraded.GATEWAY).put(
            f"{ATTEMPT_ROUTE}.match.headers", [test_degraded.LET_THROUGH, test_degraded.UNDECIDED]
        ),
        test_degraded.GATEWAY,
    ),
    "degraded-let-through": lambda: (
        an_operator(test_degraded.GATEWAY).put(
            f"{CARRIER}[0].typed_config.default_source_code",
            {"inline_string": state_script(most_calls=9, let_through=False)},
        ),
        test_degraded.GATEWAY,
    ),
    "envoy-version": lambda: (_telling({}, (1, 36, 4)), GATEWAY),
    "counters": lambda: (_telling({"cluster.attempt.retry_or_shadow_abandoned": 1}), GATEWAY),
    "workers-healthy": lambda: (
        _telling({"cluster.extproc.membership_healthy": 0, "cluster.extproc.membership_total": 2}),
        GATEWAY,
    ),
}
"""Those that need another gateway, or an Envoy that runs."""


def test_every_check_has_its_fault() -> None:
    """A rule without a test is a guess: who adds a check plants its fault here."""
    assert {*FAULTS, *OTHER_FAULTS} == {*CHECKS}
    assert {*FAULTS}.isdisjoint(OTHER_FAULTS)


@pytest.mark.parametrize("check", CHECKS)
def test_its_fault_is_found_by_the_check_and_by_no_other(check: str) -> None:
    """With none planted nothing is found (see test_structure), so it is the fault that is found."""
    patient, gateway = OTHER_FAULTS[check]() if check in OTHER_FAULTS else (FAULTS[check](an_operator()), GATEWAY)

    assert {name for _, name, _ in told(patient, gateway)} == {check}
