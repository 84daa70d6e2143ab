"""An operator's Envoy for tests: what `render` writes, with one fault planted, and what the doctor says about it."""

from __future__ import annotations

import copy
import functools
import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.doctor.diagnose import compare, rendered
from extproc.doctor.finding import Severity
from extproc.doctor.reading.file import read_file
from support.config import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from extproc.config.gateway import Gateway
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.envoy import EnvoyConfig

Report: TypeAlias = "tuple[Severity, str, str]"

ERROR, WARNING = Severity.ERROR, Severity.WARNING

EDGE_LISTENER = "static_resources.listeners[0]"
EDGE = f"{EDGE_LISTENER}.filter_chains[0].filters[0].typed_config"
EDGE_HOST = f"{EDGE}.route_config.virtual_hosts[0]"
EDGE_ROUTE = f"{EDGE_HOST}.routes[4]"  # behind those of what is refused
RETRY = f"{EDGE_ROUTE}.route.retry_policy"

ATTEMPT_LISTENER = "static_resources.listeners[1]"
ATTEMPT = f"{ATTEMPT_LISTENER}.filter_chains[0].filters[0].typed_config"
ATTEMPT_HOST = f"{ATTEMPT}.route_config.virtual_hosts[0]"
ATTEMPT_ROUTE = f"{ATTEMPT_HOST}.routes[0]"
EXT_PROC_FILTER = f"{ATTEMPT}.http_filters[0]"
EXT_PROC = f"{EXT_PROC_FILTER}.typed_config"
ROUTER = f"{ATTEMPT}.http_filters[1].typed_config"

CLUSTERS = "static_resources.clusters"
INSIDE = f"{CLUSTERS}[0]"
WORKERS = f"{CLUSTERS}[1]"
PROVIDER = f"{CLUSTERS}[2]"
HTTP = 'typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]'

GATEWAY = files.gateway(files.with_policy({"retry_after_handling": {"max_wait_seconds": 60}}))
"""Two providers, by https; a wait of up to 60 s, up to 10 attempts, bodies of up to 64 MiB, 300 s in all."""

_STEP = re.compile(r'\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\["([^"]+)"\]')


class Operator:
    """An operator's configuration, to be changed at places written as the doctor writes them."""

    def __init__(self, tree: object) -> None:
        self.tree = tree

    def at(self, place: str) -> object:
        """Return what stands at *place*."""
        value = self.tree
        for step in _steps(place):
            value = _step(value, step)
        return value

    def put(self, place: str, value: object) -> Operator:
        """Let *value* stand at *place*."""
        match self._parent(place):
            case dict() as table, last:
                table[last] = value
            case list() as items, int(last):
                items[last] = value
            case _:
                raise TypeError(f"nothing can stand at {place}")
        return self

    def drop(self, place: str) -> Operator:
        """Take away what stands at *place*."""
        match self._parent(place):
            case dict() as table, last:
                del table[last]
            case list() as items, int(last):
                del items[last]
            case _:
                raise TypeError(f"nothing can stand at {place}")
        return self

    def insert(self, place: str, value: object) -> Operator:
        """Let *value* stand before what stands at *place* of a list."""
        match self._parent(place):
            case list() as items, int(last):
                items.insert(last, value)
            case _:
                raise TypeError(f"{place} is in no list")
        return self

    def repair(self, place: str, healthy: Operator) -> None:
        """Let stand at *place* what stands there in *healthy*; where that is no change, the same around it."""
        steps = _steps(place)
        while steps:
            *before, last = steps
            mine, its = _value(self.tree, before), _value(healthy.tree, before)
            if type(mine) is type(its) and _value(mine, [last]) != _value(its, [last]):
                right = _value(its, [last])
                if isinstance(mine, list) or right is not None:
                    mine[last] = copy.deepcopy(right)  # pyright: ignore[reportArgumentType, reportCallIssue] -- as put
                else:
                    del mine[last]
                return
            steps = before

    def _parent(self, place: str) -> tuple[object, str | int]:
        *before, last = _steps(place)
        return functools.reduce(_step, before, self.tree), last

    def envoy_config(self) -> EnvoyConfig:
        """Return the configuration as the doctor reads it."""
        return read_file(json.dumps(self.tree))


def an_operator(gateway: Gateway = GATEWAY) -> Operator:
    """Return the configuration that `render` writes for *gateway*."""
    if gateway is GATEWAY:
        return Operator(copy.deepcopy(_healthy()))
    return Operator(_rendered(gateway))


def reported(patient: Operator | EnvoyConfig, gateway: Gateway = GATEWAY) -> list[Report]:
    """Return severity, check and place of all that the doctor finds; each finding says what to do, in a sentence."""
    envoy = patient.envoy_config() if isinstance(patient, Operator) else patient
    findings = compare(envoy, wanted(gateway), gateway)
    for finding in findings:
        assert finding.problem
        assert finding.fix.endswith(".")
        assert "\n" not in finding.problem + finding.fix
    return shown(findings)


def shown(findings: Iterable[Finding]) -> list[Report]:
    """Return what of *findings* tests compare: words may change."""
    return [(finding.severity, finding.check, finding.place) for finding in findings]


def words(patient: Operator, gateway: Gateway = GATEWAY) -> str:
    """Return problem and fix of the only finding."""
    (finding,) = compare(patient.envoy_config(), wanted(gateway), gateway)
    return f"{finding.problem} | {finding.fix}"


def wanted(gateway: Gateway) -> EnvoyConfig:
    """Return what `render` writes for *gateway*, as the doctor reads it; made once, because that takes its time."""
    known = next((config for one, config in _WANTED if one is gateway), None)
    if known is None:
        known = rendered(gateway)
        _WANTED.append((gateway, known))
    return known


_WANTED: list[tuple[Gateway, EnvoyConfig]] = []


@functools.cache
def _healthy() -> object:
    return _rendered(GATEWAY)


def _rendered(gateway: Gateway) -> object:
    tree: object = yaml.safe_load(to_yaml(bootstrap(gateway, sidecar_addresses=gateway.sidecar.addresses)))
    return tree


def _steps(place: str) -> list[str | int]:
    found = list(_STEP.finditer(place))
    assert "".join(match[0] for match in found) == place, f"{place} is not a place"
    return [int(match[2]) if match[2] else match[1] or match[3] for match in found]


def _value(tree: object, steps: Sequence[str | int]) -> Any:
    """Return what stands there, None when nothing does."""
    try:
        return functools.reduce(_step, steps, tree)
    except (KeyError, IndexError, TypeError):
        return None


def _step(value: object, step: str | int) -> object:
    if isinstance(value, dict):
        return value[step]
    if isinstance(value, list) and isinstance(step, int):
        return value[step]
    raise TypeError(f"nothing at {step}")
