"""Reading the file that an Envoy is started with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extproc.config.errors import ConfigError, Problem
from extproc.config.reading.yaml_document import parse
from extproc.doctor.model.envoy import Gap, Installation
from extproc.doctor.reading.admin import read_admin
from extproc.doctor.reading.clusters import read_cluster
from extproc.doctor.reading.listeners import read_managers
from extproc.doctor.reading.node import Node

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_file(text: str) -> Installation:
    """Return what the YAML or JSON *text* describes.

    Raises:
        ConfigError: it is neither, or not Envoy's configuration. The message never quotes the text.
    """
    try:
        return _installation(Node(_document(text)))
    except RecursionError:  # an anchor within itself
        raise ConfigError([Problem("", "the file is nested too deeply")]) from None


def _installation(root: Node) -> Installation:
    static = root.at("static_resources")
    if not isinstance(static.value, dict):
        raise ConfigError([Problem("static_resources", "not there, or not a map: this is no configuration of Envoy's")])
    resources = root.at("dynamic_resources")
    return Installation(
        managers=tuple(
            manager for node in static.at("listeners").items() for manager in read_managers(node, _NOTHING_SENT)
        ),
        clusters=tuple(read_cluster(node) for node in static.at("clusters").items()),
        admin=read_admin(root),
        more_listeners=_gap(resources.at("lds_config"), "listeners"),
        more_clusters=_gap(resources.at("cds_config"), "clusters"),
    )


_NOTHING_SENT: Mapping[str, Node] = {}


def _document(text: str) -> object:
    """Return the value of *text*; JSON is tried first, because it may be indented by tabs, which YAML forbids."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return parse(text).value
    return value


def _gap(source: Node, what: str) -> Gap | None:
    return Gap(source.place, what) if source.present else None
