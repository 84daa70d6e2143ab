"""Whether requests that no worker is there to decide on go where `sidecar.on_failure` says, and no others do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.bootstrap.degraded.envoy import ENCODING
from extproc.doctor.finding import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Check, CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.routes import Route
    from extproc.doctor.roles import Roles


def route(context: CheckContext) -> Iterator[Finding]:
    """Find that nothing takes requests which no worker is there to decide on."""
    if not _degraded(context.rendered):
        return
    for manager in context.found.attempts:
        if manager.dynamic_routes is None and not any(map(_takes_degraded, manager.routes)):
            yield error(
                f"{manager.place}.route_config",
                f"no route takes requests with {names.DEGRADED}: without a worker they are refused, though "
                "sidecar.on_failure is default_provider",
                "Add the routes with that header that `extproc render` writes, before the one with cluster_header.",
            )


def _without(header: str, problem: str) -> Check:
    """Return the check that requests with *header* are not taken."""

    def check(context: CheckContext) -> Iterator[Finding]:
        for one in _degraded(context.found):
            if not any(match.name == header and match.wants_absence for match in one.headers):
                yield error(
                    f"{one.place}.match.headers", problem, f"Add {{name: {header}, present_match: false}} to it."
                )

    return check


only_undecided = _without(
    names.CLUSTER,
    "this route also takes attempts that a worker has decided on: they go to another provider with one's credential",
)
only_readable = _without(
    ENCODING,
    "this route also takes compressed bodies, which Envoy's script cannot read: they go to the default model, "
    "whichever they name",
)


def _degraded(roles: Roles) -> list[Route]:
    return [one for manager in roles.attempts for one in manager.routes if _takes_degraded(one)]


def _takes_degraded(one: Route) -> bool:
    return bool(one.clusters) and any(match.name == names.DEGRADED and not match.inverted for match in one.headers)
