from __future__ import annotations

import re

import pytest
import yaml
from support.config.compiled import a_cluster, a_gateway

from extproc.addresses import TcpAddress
from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.bootstrap.timeouts import NO_WORKER_RETRIES
from extproc.policy.catalog import Catalog
from extproc.policy.rules import Policy, Rule
from extproc.policy.target import TargetId

SIDECAR = [TcpAddress("127.0.0.1", 50051)]


def _retries(*allowed: int) -> str:
    """Return what the edge is told when policies allow so many attempts."""
    policies = {
        TargetId(f"openai/{number}"): Policy(Rule("default"), max_total_attempts=most)
        for number, most in enumerate(allowed)
    }
    gateway = a_gateway(catalog=Catalog(targets={}, names={}, policies=policies))
    found = re.search("num_retries: ([0-9]+)", to_yaml(bootstrap(gateway, sidecar_addresses=SIDECAR)))
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("allowed", "needed"), [((), 1), ((10,), 10), ((3, 50, 10), 50)])
def test_the_edge_never_ends_what_a_policy_would_go_on_with(allowed: tuple[int, ...], needed: int) -> None:
    """It may re-dispatch as often as the most patient policy may ask for, and more while no worker is there."""
    assert _retries(*allowed) == str(needed + NO_WORKER_RETRIES)


def test_clusters_come_in_the_order_of_the_configuration() -> None:
    """Whoever compares two files wants to see what has changed, and nothing else."""
    gateway = a_gateway(clusters=[a_cluster("b"), a_cluster("a"), a_cluster("c")])

    message = bootstrap(gateway, sidecar_addresses=SIDECAR)

    assert message.static_resources is not None
    assert [cluster.name for cluster in message.static_resources.clusters] == ["attempt", "extproc", "b", "a", "c"]


@pytest.mark.parametrize("name", ["y", "N", "on", "null", "~", "1", "1.0", "a: b", "#", "a\nb"])
def test_no_name_is_taken_for_something_else(name: str) -> None:
    """YAML has many ways to write true and 1; Envoy's parser knows more of them than ours."""
    text = to_yaml(bootstrap(a_gateway(clusters=[a_cluster(name)]), sidecar_addresses=SIDECAR))

    assert yaml.safe_load(text)["static_resources"]["clusters"][2]["name"] == name
    assert not re.search("name: (?i:y|n|yes|no|on|off|true|false)$", text, re.MULTILINE)


def test_scripts_are_written_as_they_are_read() -> None:
    """A script in one line of escapes could be neither read nor checked."""
    text = to_yaml(bootstrap(a_gateway(), sidecar_addresses=SIDECAR))

    assert text.count("inline_string: |\n") == text.count("inline_string:") > 0
