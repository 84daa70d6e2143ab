"""The file that `render` writes and the one written by hand: accepted by Envoy, equal, free of secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from envoy_data_plane.envoy.config.bootstrap.v3 import Bootstrap
from support.config.compiled import a_cluster, a_gateway
from support.envoy.process import validate

from extproc.addresses import parse_address
from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.config.load import load

if TYPE_CHECKING:
    from extproc.config.gateway import Gateway

ROOT = Path(__file__).parents[2]
BY_HAND = ROOT / "envoy" / "envoy.yaml"
KEYS = {"OPENAI_API_KEY": "sk-of-openai", "ANTHROPIC_API_KEY": "sk-of-anthropic"}


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    """Return the configuration that the file by hand belongs to."""
    return load(ROOT / "configs" / "failover.yaml", KEYS).gateway


def _rendered(gateway: Gateway) -> str:
    return to_yaml(bootstrap(gateway, sidecar_addresses=[gateway.sidecar.listen]))


def _meaning(text: str) -> Bootstrap:
    """Return what Envoy would read in *text*, with clusters in one order."""
    message = Bootstrap.from_dict(yaml.safe_load(text))
    assert message.static_resources is not None
    message.static_resources.clusters.sort(key=lambda cluster: cluster.name)
    return message


def test_the_file_by_hand_means_what_render_writes(gateway: Gateway) -> None:
    """So its comments explain every setting there is, and an operator who copies it loses none."""
    assert _meaning(BY_HAND.read_text()).to_dict() == _meaning(_rendered(gateway)).to_dict()


def test_reading_what_render_writes_loses_nothing(gateway: Gateway) -> None:
    """Otherwise the test above would compare less than it seems to."""
    message = bootstrap(gateway, sidecar_addresses=[parse_address("unix:/run/extproc.sock")])

    assert Bootstrap.from_dict(yaml.safe_load(to_yaml(message))).to_dict() == message.to_dict()


def test_envoy_accepts_the_file_by_hand() -> None:
    """And it warns of nothing that is deprecated."""
    told = validate(BY_HAND)

    assert told.returncode == 0, told.stderr
    assert "eprecated" not in told.stderr


@pytest.mark.parametrize("sidecar", ["127.0.0.1:50051", "[::1]:50051", "unix:/run/extproc.sock", "extproc:50051"])
def test_envoy_accepts_what_render_writes(tmp_path: Path, sidecar: str) -> None:
    """Whatever the endpoints are: addresses of either family, names, with TLS and without; names YAML might misread."""
    clusters = [
        a_cluster("https", host="api.openai.com", tls=True),
        a_cluster("http", host="localhost", port=11_434),
        a_cluster("address", host="192.0.2.1", port=80),
        a_cluster("address6", host="2001:db8::1", tls=True),
        *(a_cluster(name) for name in ("y", "no", "null", "1", "a: b")),
    ]
    file = tmp_path / "envoy.yaml"
    file.write_text(to_yaml(bootstrap(a_gateway(clusters=clusters), sidecar_addresses=[parse_address(sidecar)] * 2)))

    told = validate(file)

    assert told.returncode == 0, told.stderr
    assert "eprecated" not in told.stderr


def test_no_key_is_written(gateway: Gateway) -> None:
    """Keys are the sidecar's; the file may be shown to anyone."""
    text = _rendered(gateway)

    assert not any(key in text for key in KEYS.values())
    assert "Bearer" not in text


def test_the_same_configuration_gives_the_same_file(gateway: Gateway) -> None:
    """Byte for byte: a difference between two files is a difference between two configurations."""
    assert _rendered(gateway) == _rendered(load(ROOT / "configs" / "failover.yaml", KEYS).gateway)
