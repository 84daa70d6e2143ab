from __future__ import annotations

from datetime import timedelta

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import ClusterDiscoveryType
from support.config.compiled import a_cluster

from extproc.bootstrap.providers import provider_cluster

CA_FILE = "/etc/ca.pem"


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_an_address_is_not_looked_up(host: str) -> None:
    """It would delay the start, and a name server may well respond something."""
    cluster = provider_cluster(a_cluster(host=host), ca_file=CA_FILE)

    assert cluster.type == ClusterDiscoveryType.STATIC
    assert cluster.cluster_type is None


@pytest.mark.parametrize("host", ["api.openai.com", "localhost", "1.2.3"])
def test_a_name_is_looked_up(host: str) -> None:
    """Envoy refuses a name where it expects an address."""
    cluster = provider_cluster(a_cluster(host=host), ca_file=CA_FILE)

    assert cluster.type is None
    assert cluster.cluster_type is not None
    assert cluster.cluster_type.name == "envoy.clusters.dns"


@pytest.mark.parametrize("tls", [True, False])
def test_tls_is_spoken_where_the_url_says_https_and_only_there(tls: bool) -> None:  # noqa: FBT001 -- a test's parameter
    """With the authorities that were named, and none else."""
    cluster = provider_cluster(a_cluster(tls=tls), ca_file=CA_FILE)

    assert (cluster.transport_socket is not None) is tls
    assert (CA_FILE in str(cluster.to_dict())) is tls


def test_time_limits_are_the_configurations() -> None:
    """`timeouts.connect` and `timeouts.idle`, to the millisecond."""
    cluster = provider_cluster(a_cluster(connect_timeout=1_234, idle_timeout=5_678), ca_file=CA_FILE)

    assert cluster.connect_timeout == timedelta(milliseconds=1_234)
    assert "'idleTimeout': '5.678s'" in str(cluster.to_dict())
