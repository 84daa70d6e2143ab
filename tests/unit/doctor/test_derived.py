"""What the doctor expects, and what it advises, is what `render` writes: whatever changes there changes here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from support.doctor.patients import GATEWAY, Operator
from unit.doctor.test_checks import FAULTS

from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.doctor.diagnose import compare, diagnose
from extproc.doctor.reading.file import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from extproc.config.gateway import Gateway
    from extproc.doctor.finding import Finding

FACTS = frozenset({"envoy-version"})
"""Checks whose advice names a number of Envoy's own."""

ROOMS = ("extproc.bootstrap.", "extproc.doctor.")


def render(gateway: Gateway) -> str:
    """Return what `render` writes at this moment, as JSON, which is read sooner."""
    return json.dumps(yaml.safe_load(to_yaml(bootstrap(gateway, sidecar_addresses=gateway.sidecar.addresses))))


def constants() -> Iterator[tuple[ModuleType, str, int]]:
    """Yield every number that a module of `bootstrap` gives a name to, also where it was imported to."""
    for module_name, module in sorted(sys.modules.items()):
        for name, value in list(vars(module).items()) if module_name.startswith(ROOMS) else ():
            if name.lstrip("_").isupper() and type(value) is int and is_of_render(module_name, name):
                yield module, name, value


def is_of_render(module_name: str, name: str) -> bool:
    """Return whether the constant stands in `bootstrap`: the doctor's own are Envoy's defaults."""
    rendering = (module for key, module in sys.modules.items() if key.startswith(ROOMS[0]))
    return module_name.startswith(ROOMS[0]) or any(name in vars(module) for module in rendering)


def numbers(text: str) -> set[float]:
    """Return the numbers in *text* that are no part of a word."""
    return set(map(float, re.findall(r"(?<![\w.-])\d+(?:\.\d+)?(?=s?(?![\w-]))", text)))


def found(text: str, check: str) -> list[Finding]:
    """Return what is found of *check*'s fault in *text*, the JSON of what is rendered."""
    fault = FAULTS[check]
    broken = fault.plant(Operator(json.loads(text))).envoy_config()
    return [one for one in compare(broken, read_file(text), fault.gateway) if one.check == check]


@pytest.fixture
def other_numbers(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Let `render` use other numbers, all of them; return which these are."""
    changed = {}
    for module, name, value in list(constants()):
        monkeypatch.setattr(module, name, 3 * value)
        changed[name] = 3 * value
    return changed


@pytest.mark.usefixtures("other_numbers")
def test_other_numbers_are_no_faults_and_are_the_ones_that_are_advised() -> None:
    """A number that stands in a check would be found here, or be advised."""
    gateways = {id(fault.gateway): fault.gateway for fault in FAULTS.values()}
    rendered = {key: render(gateway) for key, gateway in gateways.items()}
    for key, text in rendered.items():
        assert diagnose(read_file(text), gateways[key]) == ()

    for check, fault in FAULTS.items():
        if check in FACTS or fault.stats:
            continue
        text = rendered[id(fault.gateway)]
        findings = found(text, check)
        assert findings
        for finding in findings:
            assert numbers(finding.fix) <= numbers(text), f"{check} advises what render does not write: {finding.fix}"


@pytest.mark.parametrize(
    ("constant", "check", "advised"),
    [
        ("MARGIN", "message-timeout", "Set message_timeout to 90s."),
        ("NO_WORKER_RETRIES", "retry-count", "Set num_retries to 310."),
        ("UNLIMITED", "max-retries", "Set max_retries to 3000000."),
        ("FIRST_BACK_OFF", "retry-back-off", "base_interval: 0.003s"),
        ("LAST_BACK_OFF", "retry-back-off", "max_interval: 0.750s"),
        ("SLACK", "idle-timeout", "Set it to 690s."),
        ("_OWNER_ONLY", "admin-exposed", "mode: 1152"),
    ],
)
def test_advice_follows_the_constant(other_numbers: dict[str, int], constant: str, check: str, advised: str) -> None:
    assert constant in other_numbers

    (finding,) = found(render(FAULTS[check].gateway), check)

    assert advised in finding.fix


RENAMED = """
import json, sys
from extproc import names

OLD = dict(vars(names))
for key, value in OLD.items():
    if key.isupper() and isinstance(value, str) and key not in {"SPENT", "FINAL", "VIA_UPSTREAM"}:
        setattr(names, key, value.replace("0|408", "0|407|408") if key == "RETRIED_UNPROCESSED" else f"{value}-new")

import yaml
from support.config import files
from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.doctor.diagnose import compare, diagnose
from extproc.doctor.reading.file import read_file
from extproc.doctor.reading.file import read_file

gateway = files.gateway(files.with_policy({}))
new = to_yaml(bootstrap(gateway, sidecar_addresses=gateway.sidecar.addresses))
found = lambda text: [[one.check, one.problem, one.fix] for one in diagnose(read_file(text), gateway)]
print(json.dumps({"new": found(new), "old": found(sys.stdin.read()), "rendered": new}))
"""


def test_names_follow_as_well() -> None:
    """In a process of its own: what is put together when a module is loaded is put together of the new names."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RENAMED],
        input=render(GATEWAY),
        env={"PYTHONPATH": ":".join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    outcome = json.loads(done.stdout)

    assert outcome["new"] == []
    assert {"attempt-route", "headers-from-clients", "ext-proc-missing"} & {check for check, _, _ in outcome["old"]}
    for check, _, fix in outcome["old"]:
        ours = set(re.findall(r"(?:x-extproc|x-arch)-[a-z-]*[a-z]", fix))
        assert ours <= set(re.findall(r"(?:x-extproc|x-arch)-[a-z-]*[a-z]", outcome["rendered"])), f"{check}: {fix}"
