"""Whether Envoy knows what an attempt was on whose response nobody decides: else it is made again, uncounted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.checks.ext_proc import ours
from extproc.doctor.checks.internal_hop import carries, scripts_of
from extproc.doctor.finding import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw

VALUE = f"%DYNAMIC_METADATA({names.STATE_METADATA}:{names.STATE_KEY})%"
_COSTS = "a response that breaks off, or whose worker dies, is asked for again at the same provider, policy or not"


def kept(case: Case) -> Iterator[Flaw]:
    """Find that Envoy does not take from the sidecar what an attempt is."""
    for one in ours(case):
        if names.STATE_METADATA not in one.kept_metadata:
            yield error(
                f"{one.place}.metadata_options",
                f"Envoy does not keep what the sidecar says of an attempt: {_COSTS}",
                f"Set metadata_options to {{receiving_namespaces: {{untyped: [{names.STATE_METADATA}]}}}}.",
            )


def told(case: Case) -> Iterator[Flaw]:
    """Find responses that do not say which attempt they answer."""
    for manager in case.roles.attempts:
        for route in (route for route in case.roles.outward() if route in manager.routes):
            if not any(header.name == names.IN_FLIGHT and header.value == VALUE for header in route.added):
                yield error(
                    f"{route.place}.response_headers_to_add",
                    f"no response says which attempt it answers: {_COSTS}",
                    f"Add {names.IN_FLIGHT}: {VALUE}, with append_action ADD_IF_ABSENT.",
                )


def carried(case: Case) -> Iterator[Flaw]:
    """Find a script that does not give it to the next attempt."""
    for cluster in case.roles.inside:
        place, scripts = scripts_of(case, cluster)
        carriers = [script.text for script in scripts if script.text is not None and carries(script.text)]
        if carriers and not any(names.IN_FLIGHT in text for text in carriers):
            yield error(
                place,
                f"this script is an older one: {_COSTS}",
                f"Replace the Lua filter of cluster {cluster.name} by the one that `extproc render` writes.",
            )
