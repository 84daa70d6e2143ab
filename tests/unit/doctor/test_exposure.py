"""Who else can come in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.config import files
from support.config.files import TLS
from support.doctor.patients import ERROR, GATEWAY, WARNING, WORKERS, an_operator, reported

from extproc.addresses import TcpAddress

ENDPOINT = f"{WORKERS}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address"
CONTEXT = f"{WORKERS}.transport_socket.typed_config.common_tls_context"
BY_TLS = files.gateway(
    files.with_policy({}) | {"sidecar": {"listen": "sidecar.test:50051", "tls": TLS}, "envoy": {"admin": "unix:/a"}}
)


def a_port(address: str) -> object:
    """Return what Envoy calls port 50051 of *address*."""
    return {"socket_address": {"address": address, "port_value": 50051}}


@pytest.mark.parametrize(
    ("address", "severity"),
    [("127.0.0.1", WARNING), ("::1", WARNING), ("localhost", WARNING), ("10.0.0.1", ERROR), ("extproc", ERROR)],
)
def test_a_sidecar_that_is_reached_by_tcp_in_the_clear(address: str, severity: object) -> None:
    """On this host any process could ask as Envoy does; beyond it, anyone in between."""
    operator = an_operator().put(ENDPOINT, a_port(address))

    assert reported(operator) == [(severity, "workers-tls", f"{WORKERS}.transport_socket")]


def test_by_mutual_tls_it_may_be_anywhere() -> None:
    assert reported(an_operator(BY_TLS), BY_TLS) == []


def test_a_sidecar_that_speaks_tls_is_not_reached_without() -> None:
    """Wherever it is."""
    operator = an_operator(BY_TLS).drop(f"{WORKERS}.transport_socket").put(ENDPOINT, a_port("127.0.0.1"))

    assert reported(operator, BY_TLS) == [(ERROR, "workers-tls", f"{WORKERS}.transport_socket")]


def test_envoy_must_show_its_certificate() -> None:
    operator = an_operator(BY_TLS).drop(f"{CONTEXT}.tls_certificates")

    assert reported(operator, BY_TLS) == [(ERROR, "workers-tls", CONTEXT)]


@pytest.mark.parametrize("unchecked", ["trusted_ca", "match_typed_subject_alt_names"])
def test_envoy_must_look_whose_certificate_it_is_shown(unchecked: str) -> None:
    operator = an_operator(BY_TLS).drop(f"{CONTEXT}.validation_context.{unchecked}")

    assert reported(operator, BY_TLS) == [(ERROR, "workers-tls", CONTEXT)]


@pytest.mark.parametrize(
    ("address", "severity"), [("127.0.0.1", WARNING), ("::1", WARNING), ("0.0.0.0", ERROR), ("10.0.0.1", ERROR)]
)
def test_an_admin_endpoint_with_a_port(address: str, severity: object) -> None:
    """`/quitquitquit` is for everything that can reach it."""
    operator = an_operator().put("admin.address", a_port(address))

    assert reported(operator) == [(severity, "admin-exposed", "admin.address")]


def test_an_admin_endpoint_that_is_everybodys() -> None:
    operator = an_operator().put("admin.address.pipe.mode", 0o666)

    assert reported(operator) == [(ERROR, "admin-exposed", "admin.address.pipe.mode")]


def test_an_envoy_may_have_no_admin_endpoint() -> None:
    assert reported(an_operator().drop("admin")) == []


def test_nothing_is_found_where_the_configuration_asks_for_a_port() -> None:
    """But what that means: the doctor and `validate` say the same."""
    insecure = replace(GATEWAY.sidecar, listen=TcpAddress("127.0.0.1", 1), insecure=True)
    gateway = replace(GATEWAY, sidecar=insecure)

    assert reported(an_operator(gateway), gateway) == [(WARNING, "workers-tls", f"{WORKERS}.transport_socket")]
