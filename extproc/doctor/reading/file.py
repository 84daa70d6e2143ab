"""Reading the file that an Envoy is started with."""

from __future__ import annotations

import json
from dataclasses import replace

from extproc.config.errors import ConfigError, Problem
from extproc.config.reading.yaml_document import parse
from extproc.doctor.model.envoy import DynamicSource, EnvoyConfig, envoy_config
from extproc.doctor.model.node import Node


def read_file(text: str) -> EnvoyConfig:
    """Return what the YAML or JSON *text* describes.

    Raises:
        ConfigError: it is neither, or not Envoy's configuration. The message never quotes the text.
    """
    root = Node(_document(text))
    if not isinstance(root.at("static_resources").value, dict):
        raise ConfigError([Problem("static_resources", "not there, or not a map: this is no configuration of Envoy's")])
    sent = root.at("dynamic_resources")
    return replace(
        envoy_config(root),
        more_listeners=_source(sent.at("lds_config"), "listeners"),
        more_clusters=_source(sent.at("cds_config"), "clusters"),
    )


def _document(text: str) -> object:
    """Return the value of *text*; JSON is tried first, because it may be indented by tabs, which YAML forbids."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return parse(text).value
    return value


def _source(node: Node, what: str) -> DynamicSource | None:
    return DynamicSource(node.place, what) if node.present else None
