"""Whether internal headers end where the inside ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import error
from extproc.doctor.model.filters import Removals, Script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.filters import Filter
    from extproc.doctor.model.listeners import Manager
    from extproc.doctor.model.matching import TextMatch

OWN = (names.CLUSTER, names.STATE, names.REDISPATCH, names.UNPROCESSED)
STEERING = ("x-envoy-retry-on", "x-envoy-max-retries", names.TRY_TIMEOUT, names.RESPONSE_TIMEOUT)
"""Headers by which a client would steer Envoy's router. A route's own removals come too late for them."""

_OF_RESPONSES = (names.STATE, names.REDISPATCH, names.UNPROCESSED, names.IN_FLIGHT, names.LOST)
OF_PROVIDERS = (*_OF_RESPONSES, "x-envoy-overloaded", "x-envoy-ratelimited")
TO_CLIENTS = _OF_RESPONSES


def from_clients(case: Case) -> Iterator[Flaw]:
    """Find internal headers that a client may send."""
    for edge in case.roles.edges:
        if edge.unseen_routes is not None:
            continue
        early = [*edge.early_removals, *_in_filters(edge)]
        kept = [
            name
            for name in (*OWN, *STEERING)
            if not _removed(name, early) and (name in STEERING or not _by_routes(case, edge, name))
        ]
        if kept:
            yield error(
                f"{edge.place}.early_header_mutation_extensions",
                f"clients may send {', '.join(kept)}: by these, providers, retries and time limits are steered inside",
                f"Remove x-extproc-*, x-envoy-* and {names.CLUSTER} by early header mutation, as in `extproc render`.",
            )


def to_clients(case: Case) -> Iterator[Flaw]:
    """Find internal headers that clients are shown."""
    for edge in case.roles.edges:
        by_filters = [match for _, one in edge.each(Removals) for match in one.response]
        scripts = [script.text or "" for _, script in edge.each(Script)]
        for route in (route for route in case.roles.inward() if route in edge.routes):
            kept = [
                name
                for name in TO_CLIENTS
                if not _removed(name, [*by_filters, *route.response_removals])
                and not any(name in script for script in scripts)
            ]
            if kept:
                yield error(
                    f"{route.place}.response_headers_to_remove",
                    f"clients are shown {', '.join(kept)}: how the inside is wired, and what was tried",
                    f"Add {', '.join(kept)} to response_headers_to_remove of the route or its virtual host.",
                )


def at_providers(case: Case) -> Iterator[Flaw]:
    """Find internal headers that providers are shown, or may answer with."""
    to_provider = [match for route in case.roles.outward() for match in route.request_removals]
    of_provider = [match for route in case.roles.outward() for match in route.response_removals]
    for place, chain in dict(_chains(case)).items():
        removals = [one.what for one in chain if isinstance(one.what, Removals) and not one.disabled]
        shown = [
            name
            for name in (*OWN, names.TRY_TIMEOUT)
            if not _removed(name, [*to_provider, *(match for one in removals for match in one.request)])
        ]
        believed = [
            name
            for name in OF_PROVIDERS
            if not _removed(name, [match for one in removals for match in one.response])
            and (name.startswith("x-envoy-") or not _removed(name, of_provider))
        ]
        mend = "Remove x-extproc-, x-arch- and x-envoy- both ways by a header_mutation filter in the upstream chain."
        if shown:
            yield error(place, f"providers are shown {', '.join(shown)}", mend)
        if believed:
            yield error(
                place, f"a provider that answers with {', '.join(believed)} is believed: it steers retries", mend
            )


def _chains(case: Case) -> Iterator[tuple[str, tuple[Filter, ...]]]:
    """Yield the filters before providers' clusters: a cluster's own, else those of the attempts' router."""
    wanted = {cluster.name for cluster in case.gateway.clusters}
    shared = False
    for cluster in case.envoy.clusters:
        if cluster.name in wanted and cluster.filters:
            yield f"{cluster.options}.http_filters", cluster.filters
        elif cluster.name in wanted:
            shared = True
    for manager in case.roles.attempts:
        if shared and manager.upstream is not None:
            yield f"{manager.upstream.place}.upstream_http_filters", manager.upstream.upstream


def _in_filters(edge: Manager) -> Iterator[TextMatch]:
    return (match for _, one in edge.each(Removals) for match in one.request)


def _by_routes(case: Case, edge: Manager, name: str) -> bool:
    inward = [route for route in case.roles.inward() if route in edge.routes]
    return bool(inward) and all(_removed(name, route.request_removals) for route in inward)


def _removed(name: str, matches: Iterable[TextMatch]) -> bool:
    return any(match.fits(name) for match in matches)
