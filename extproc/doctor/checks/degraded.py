"""Whether requests that no worker is there to decide on go where `sidecar.on_failure` says, and no others do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.bootstrap.degraded.envoy import ENCODING
from extproc.bootstrap.degraded.target import default_target
from extproc.doctor.checks.internal_hop import scripts_of
from extproc.doctor.finding import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.routes import Route

_LETS_THROUGH = f'LET_THROUGH = "{names.DEGRADED}"'
_WANTED = "though sidecar.on_failure is default_provider"


def route(case: Case) -> Iterator[Flaw]:
    """Find that nothing takes requests which no worker is there to decide on."""
    if default_target(case.gateway) is None:
        return
    for manager in case.roles.attempts:
        if manager.unseen_routes is None and not any(map(_takes_degraded, manager.routes)):
            yield error(
                f"{manager.place}.route_config",
                f"no route takes requests with {names.DEGRADED}: without a worker they are refused, {_WANTED}",
                "Add the routes with that header that `extproc render` writes, before the one with cluster_header.",
            )


def only_undecided(case: Case) -> Iterator[Flaw]:
    """Find that attempts which a worker has decided on are taken, too."""
    for manager in case.roles.attempts:
        for one in filter(_takes_degraded, manager.routes):
            if not any(match.name == names.CLUSTER and match.inverted for match in one.headers):
                yield error(
                    f"{one.place}.match.headers",
                    "this route also takes attempts that a worker has decided on: with one provider's credential "
                    "they go to another one",
                    f"Add {{name: {names.CLUSTER}, present_match: false}} to it.",
                )


def only_readable(case: Case) -> Iterator[Flaw]:
    """Find that bodies are taken of which nobody can read which model they name."""
    for manager in case.roles.attempts:
        for one in filter(_takes_degraded, manager.routes):
            if not any(match.name == ENCODING and match.inverted for match in one.headers):
                yield error(
                    f"{one.place}.match.headers",
                    "this route also takes compressed bodies, which Envoy's script cannot read: they go to the default "
                    "model, whichever they name",
                    f"Add {{name: {ENCODING}, present_match: false}} to it.",
                )


def let_through(case: Case) -> Iterator[Flaw]:
    """Find that no request is ever let through."""
    if default_target(case.gateway) is None:
        return
    for cluster in case.roles.inside:
        place, scripts = scripts_of(case, cluster)
        if scripts and not any(script.text is None or _LETS_THROUGH in script.text for script in scripts):
            yield error(
                place,
                f"no script sets {names.DEGRADED}: without a worker requests are refused, {_WANTED}",
                f"Replace the Lua filter of cluster {cluster.name} by the one that `extproc render` writes.",
            )


def _takes_degraded(one: Route) -> bool:
    return bool(one.clusters) and any(match.name == names.DEGRADED and not match.inverted for match in one.headers)
