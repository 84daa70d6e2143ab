"""The script that carries the attempt state from one attempt to the next: held to the one that `render` writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import error, warning
from extproc.doctor.model.filters import LuaScript, filters_of, lua_scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.clusters import Cluster
    from extproc.doctor.roles import Roles

_HALVES = ("envoy_on_request", "envoy_on_response")
_HEADER = re.compile(r"x-extproc-[a-z-]*[a-z]")
_SETTING = re.compile(r"^local ([A-Z_]+) = (.+)$", re.MULTILINE)


def missing(context: CheckContext) -> Iterator[Finding]:
    """Find that no attempt learns what happened in those before it."""
    for cluster in context.found.hops:
        scripts = _scripts(context.found, cluster)
        if any(_carries(script.text) for script in scripts if script.text is not None):
            continue
        hidden = next((script for script in scripts if script.text is None), None)
        if hidden is not None:
            yield warning(
                hidden.place,
                "this script is not in the configuration: whether it carries the attempt state cannot be checked",
                "Write it as inline_string, as `extproc render` does.",
            )
        else:
            yield error(
                _place(cluster),
                "nothing carries the attempt state: each attempt starts over, at the target that has just failed",
                f"Add the Lua filter that `extproc render` writes to cluster {cluster.name}, before upstream_codec.",
            )


def outdated(context: CheckContext) -> Iterator[Finding]:
    """Find a script that does not know a header which the rendered one does."""
    _, wanted = _rendered(context)
    for cluster, script in _carriers(context):
        unknown = sorted({*_HEADER.findall(wanted)} - {*_HEADER.findall(script)})
        if unknown:
            yield error(
                _place(cluster),
                f"this script is an older one, which does not know {', '.join(unknown)}: a response that breaks off, "
                "or whose worker dies, is asked for again at the same provider, policy or not",
                _replace(cluster),
            )


def calls(context: CheckContext) -> Iterator[Finding]:
    """Find a script that ends requests before the policy does."""
    settings, _ = _rendered(context)
    wanted = settings["MOST_CALLS"]
    for cluster, script in _carriers(context):
        most = _settings(script).get("MOST_CALLS", wanted)
        if most.isdecimal() and int(most) < int(wanted):
            yield error(
                _place(cluster),
                f"this script ends a request after {most} calls, but a policy allows {wanted} attempts: the last are "
                "never made",
                _replace(cluster),
            )


def fails_open(context: CheckContext) -> Iterator[Finding]:
    """Find that no request goes to the default provider, though it is to when no worker is there."""
    settings, _ = _rendered(context)
    wanted = settings["FAIL_OPEN"]
    if wanted == "nil":
        return
    for cluster in context.found.hops:
        scripts = _scripts(context.found, cluster)
        if scripts and not any(script.text is None or _lets_through(script.text, wanted) for script in scripts):
            yield error(
                _place(cluster),
                f"no script sets {names.DEGRADED}: without a worker requests are refused, though sidecar.on_failure is "
                "default_provider",
                _replace(cluster),
            )


def _lets_through(script: str, wanted: str) -> bool:
    return _settings(script).get("FAIL_OPEN") == wanted


def _replace(cluster: Cluster) -> str:
    return f"Replace the Lua filter of cluster {cluster.name} by the one that `extproc render` writes."


def _place(cluster: Cluster) -> str:
    return f"{cluster.options.place}.http_filters"


def _rendered(context: CheckContext) -> tuple[dict[str, str], str]:
    (cluster,) = context.rendered.hops
    (script,) = _scripts(context.rendered, cluster)
    text = script.text or ""
    return _settings(text), text


def _settings(script: str) -> dict[str, str]:
    """Return the values that stand at the head of *script*, as Lua writes them."""
    return {name: value.strip() for name, value in _SETTING.findall(script)}


def _carriers(context: CheckContext) -> Iterator[tuple[Cluster, str]]:
    """Yield the scripts that carry the attempt state, and the clusters that they stand before."""
    for cluster in context.found.hops:
        for script in _scripts(context.found, cluster):
            if script.text is not None and _carries(script.text):
                yield cluster, script.text


def _carries(script: str) -> bool:
    """Return whether *script* carries the attempt state both ways."""
    return names.STATE in script and all(half in script for half in _HALVES)


def _scripts(roles: Roles, cluster: Cluster) -> list[LuaScript]:
    """Return the scripts before *cluster*: those of its own chain, or else of the edges' routers."""
    if cluster.filters:
        return lua_scripts(cluster.filters)
    chains = (edge.upstream for edge in roles.edges if edge.upstream is not None)
    return [script for chain in chains for script in lua_scripts(filters_of(chain))]
