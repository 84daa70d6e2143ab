from __future__ import annotations

import pytest
from envoy_data_plane.envoy.config.core.v3 import Address, Pipe, SocketAddress

from extproc.addresses import TcpAddress, parse_address
from extproc.bootstrap.clusters import attempt_cluster, extproc_cluster
from extproc.bootstrap.lua_filters import carry_state
from extproc.config.gateway import RetryBudget


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/extproc.sock", Address(pipe=Pipe(path="/run/extproc.sock"))),
        ("127.0.0.1:50051", Address(socket_address=SocketAddress(address="127.0.0.1", port_value=50_051))),
        ("[::1]:50051", Address(socket_address=SocketAddress(address="::1", port_value=50_051))),
        ("extproc:50051", Address(socket_address=SocketAddress(address="extproc", port_value=50_051))),
    ],
)
def test_a_worker_is_reached_where_it_listens(text: str, address: Address) -> None:
    """Written as `sidecar.listen` writes it."""
    cluster = extproc_cluster([parse_address(text)])

    assert cluster.load_assignment is not None
    (host,) = cluster.load_assignment.endpoints[0].lb_endpoints
    assert host.endpoint is not None
    assert host.endpoint.address == address


def test_every_worker_is_an_endpoint() -> None:
    """Envoy spreads streams over them and leaves out those that are not healthy."""
    cluster = extproc_cluster([parse_address("unix:/run/0.sock"), parse_address("unix:/run/1.sock")])

    assert cluster.load_assignment is not None
    assert len(cluster.load_assignment.endpoints[0].lb_endpoints) == 2


def test_every_address_of_a_workers_name_is_a_worker() -> None:
    """A name may stand for many replicas; each is checked on its own."""
    assert "'allAddressesInSingleEndpoint'" not in str(extproc_cluster([TcpAddress("extproc", 50051)]).to_dict())


def test_re_dispatches_are_not_limited() -> None:
    """Envoy would make three at a time."""
    breakers = attempt_cluster(None, carry_state(most_calls=9, fail_open=False)).circuit_breakers

    assert breakers is not None
    assert breakers.thresholds[0].max_retries == 1_000_000
    assert breakers.thresholds[0].retry_budget is None


def test_re_dispatches_are_limited_on_request() -> None:
    """Envoy takes the budget instead of the number."""
    breakers = attempt_cluster(RetryBudget(20.0, 10), carry_state(most_calls=9, fail_open=False)).circuit_breakers

    assert breakers is not None
    budget = breakers.thresholds[0].retry_budget
    assert budget is not None
    assert budget.to_dict() == {"budgetPercent": {"value": 20.0}, "minRetryConcurrency": 10}
