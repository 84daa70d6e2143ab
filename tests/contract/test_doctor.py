"""What the doctor relies on: files that are healthy, and the words of a real Envoy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from support.config.compiled import a_cluster, a_gateway
from support.config.files import KEYS_OF_EXAMPLES
from support.doctor.patients import EXT_PROC, Operator
from support.toys.provider import Reply
from support.toys.world import a_world

from extproc import names
from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.config.load import load
from extproc.doctor.checks import running as losses
from extproc.doctor.diagnose import diagnose
from extproc.doctor.reading.file import read_file
from extproc.doctor.reading.live import read_live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.toys.world import World

    from extproc.doctor.model.envoy import EnvoyConfig

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
BODY_LIMIT = 1 << 20
RULES = f"{EXT_PROC}.mutation_rules"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything, running, with an Envoy whose counters no other test has moved."""
    with a_world(tmp_path_factory.mktemp("envoy"), body_limit=BODY_LIMIT) as world:
        yield world


def _asked(world: World) -> EnvoyConfig:
    return read_live(
        config_dump=world.envoy.ask("/config_dump").text,
        server_info=world.envoy.ask("/server_info").text,
        stats=world.envoy.ask("/stats").text,
    )


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_nothing_is_found_in_what_render_writes(config: Path) -> None:
    """For any configuration: else the doctor, or what we write, is wrong."""
    gateway = load(config, KEYS_OF_EXAMPLES).gateway
    text = to_yaml(bootstrap(gateway, sidecar_addresses=gateway.sidecar.addresses))

    assert diagnose(read_file(text), gateway) == ()


def test_nothing_is_found_in_the_file_by_hand() -> None:
    """Operators copy it."""
    gateway = load(ROOT / "configs" / "failover.yaml", KEYS_OF_EXAMPLES).gateway

    assert diagnose(read_file((ROOT / "envoy" / "envoy.yaml").read_text()), gateway) == ()


def test_nothing_is_found_in_a_running_envoy(world: World) -> None:
    """After a failover as after a plain answer; it reads back what it was given, though in its own words.

    But for the two doors that are ports of this host, for the tests.
    """
    world.a.reply = Reply(429)
    assert world.post("a,b").status_code == 200
    gateway = a_gateway(
        clusters=[a_cluster("a", port=world.a.port), a_cluster("b", port=world.b.port)], body_limit=BODY_LIMIT
    )

    envoy = _asked(world)

    assert envoy.version is not None
    assert [finding.check for finding in diagnose(envoy, gateway)] == ["workers-tls", "admin-exposed"]


def test_envoy_counts_under_the_names_that_the_doctor_looks_for(world: World) -> None:
    """A counter that a later Envoy renames would never be looked at again."""
    assert world.post("a").status_code == 200

    stats = _asked(world).stats

    groups = (
        ("cluster.attempt", losses.HOP),
        ("http.attempt", losses.ATTEMPTS),
        ("http.attempt.ext_proc", losses.EXT_PROC),
        ("cluster.extproc", losses.WORKERS),
    )
    counters = [losses.names_of(loss, prefix) for prefix, table in groups for loss in table]
    assert [known for known in counters if stats.keys().isdisjoint(known)] == []
    assert {"cluster.extproc.membership_healthy", "cluster.extproc.membership_total"} <= stats.keys()


@pytest.mark.parametrize("name", [names.REDISPATCH, names.STATE])
def test_the_rules_are_about_responses_that_the_sidecar_makes_as_well(tmp_path: Path, name: str) -> None:
    """Without the one the failure is delivered, without the other the provider that has failed is asked again."""

    def forbidden(config: str) -> str:
        tree = Operator(yaml.safe_load(config)).put(f"{RULES}.disallow_expression", {"regex": name})
        return str(yaml.safe_dump(tree.tree))

    with a_world(tmp_path, body_limit=BODY_LIMIT, changed=forbidden) as world:
        world.a.reply = Reply(429)
        assert world.post("a,b").status_code == 429
        assert world.b.calls == []
        gateway = a_gateway(
            clusters=[a_cluster("a", port=world.a.port), a_cluster("b", port=world.b.port)], body_limit=BODY_LIMIT
        )
        (finding,) = (one for one in diagnose(_asked(world), gateway) if one.check == "mutation-rules")
        assert name in finding.problem
