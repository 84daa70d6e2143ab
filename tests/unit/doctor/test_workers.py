"""The cluster of the sidecar's workers."""

from __future__ import annotations

from support.config import files
from support.doctor.patients import (
    CLUSTERS,
    ERROR,
    EXT_PROC,
    HTTP,
    WARNING,
    WORKERS,
    an_operator,
    reported,
    words,
)

THRESHOLD = f"{WORKERS}.circuit_breakers.thresholds[0]"
THREE = files.gateway(files.a_file(sidecar={"listen": "unix:/run/x.sock", "workers": 3}))


def test_the_cluster_that_is_asked_must_exist() -> None:
    assert reported(an_operator().drop(WORKERS)) == [(ERROR, "workers-cluster", CLUSTERS)]


def test_it_may_have_another_name() -> None:
    name = f"{EXT_PROC}.grpc_service.envoy_grpc.cluster_name"
    operator = an_operator().put(name, "brain").put(f"{WORKERS}.name", "brain")

    assert reported(operator) == []


def test_grpc_needs_http2() -> None:
    operator = an_operator().put(f"{WORKERS}.{HTTP}.explicit_http_config", {"http_protocol_options": {}})

    assert reported(operator) == [(ERROR, "workers-http2", f"{WORKERS}.{HTTP}")]


def test_dead_workers_must_be_noticed() -> None:
    assert reported(an_operator().drop(f"{WORKERS}.health_checks")) == [
        (WARNING, "workers-health-checks", f"{WORKERS}.health_checks")
    ]


def test_as_many_attempts_are_checked_as_may_be_made() -> None:
    """By default a cluster takes 1024 requests at a time."""
    assert reported(an_operator().drop(f"{THRESHOLD}.max_requests")) == [
        (WARNING, "workers-max-requests", f"{THRESHOLD}.max_requests")
    ]


def test_every_worker_has_its_endpoint() -> None:
    """Each listens by itself."""
    operator = an_operator(THREE)
    assert reported(operator, THREE) == []

    operator.drop(f"{WORKERS}.load_assignment.endpoints[0].lb_endpoints[1]")
    assert reported(operator, THREE) == [(WARNING, "workers-endpoints", f"{WORKERS}.load_assignment")]
    assert "has 2 of the 3 workers" in words(operator, THREE)


def test_one_of_several_is_not_enough() -> None:
    operator = an_operator(THREE)
    assignment = f"{WORKERS}.load_assignment.endpoints[0].lb_endpoints"
    operator.drop(f"{assignment}[2]").drop(f"{assignment}[1]")

    assert reported(operator, THREE) == [(WARNING, "workers-endpoints", f"{WORKERS}.load_assignment")]
