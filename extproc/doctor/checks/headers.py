"""Whether internal headers stay inside: what `render` removes at each trust boundary is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from extproc import names
from extproc.doctor.finding import error
from extproc.doctor.header_names import own_names
from extproc.doctor.model.filters import filters_of, header_removals, lua_scripts
from extproc.doctor.model.matching import any_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from extproc.doctor.context import CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.clusters import Cluster
    from extproc.doctor.model.filters import Filter
    from extproc.doctor.model.listeners import Manager
    from extproc.doctor.model.matching import TextMatch
    from extproc.doctor.roles import Roles

STEERING = ("x-envoy-retry-on", "x-envoy-max-retries", names.TRY_TIMEOUT, names.RESPONSE_TIMEOUT)
"""Request headers by which Envoy's router is steered. A route's own removals come too late for them."""

BELIEVED = ("x-envoy-overloaded", "x-envoy-ratelimited")
"""Response headers that Envoy's router obeys."""


def from_clients(context: CheckContext) -> Iterator[Finding]:
    """Find internal headers that a client may send."""
    (rendered,) = context.rendered.edges
    candidates = (*own_names(), *STEERING)
    expected = _removed(candidates, _from_client(context.rendered, rendered))
    for edge in context.found.edges:
        if edge.dynamic_routes is not None:
            continue
        removes = _from_client(context.found, edge)
        kept = [name for name in expected if not removes(name)]
        if kept:
            yield error(
                f"{edge.place}.early_header_mutation_extensions",
                f"clients may send {', '.join(kept)}: by these, providers, retries and time limits are steered inside",
                "Remove them by the early header mutation that `extproc render` writes.",
            )


def _from_client(roles: Roles, edge: Manager) -> Callable[[str], bool]:
    early = [*edge.early_removals, *header_removals(edge.filters, "request_mutations")]
    routes = roles.edge_routes(edge)

    def removes(name: str) -> bool:
        by_routes = bool(routes) and all(any_fits(route.removals("request"), name) for route in routes)
        return any_fits(early, name) or (by_routes and name not in STEERING)

    return removes


def to_clients(context: CheckContext) -> Iterator[Finding]:
    """Find internal headers that clients are shown."""
    (rendered,) = context.rendered.edges
    (route,) = context.rendered.to_attempts()
    expected = _removed(own_names(), _to_client(rendered, route.removals("response")))
    for edge in context.found.edges:
        for one in context.found.edge_routes(edge):
            removes = _to_client(edge, one.removals("response"))
            kept = ", ".join(name for name in expected if not removes(name))
            if kept:
                yield error(
                    f"{one.place}.response_headers_to_remove",
                    f"clients are shown {kept}: how the inside is wired, and what was tried",
                    f"Add {kept} to response_headers_to_remove of the route or its virtual host.",
                )


def _to_client(edge: Manager, by_route: Iterable[TextMatch]) -> Callable[[str], bool]:
    matches = [*header_removals(edge.filters, "response_mutations"), *by_route]
    scripts = [script.text or "" for script in lua_scripts(edge.filters)]
    return lambda name: any_fits(matches, name) or any(name in script for script in scripts)


def at_providers(context: CheckContext) -> Iterator[Finding]:
    """Find internal headers that providers are shown, or may respond with."""
    for rendered in context.rendered.providers():
        cluster = context.found.envoy.cluster(rendered.name)
        if cluster is None:
            continue
        ((_, wanted),) = _chains(context.rendered, rendered)
        for place, chain in _chains(context.found, cluster):
            shown = _missing((*own_names(), names.TRY_TIMEOUT), context, wanted, chain, "request")
            believed = _missing((*own_names(), *BELIEVED), context, wanted, chain, "response")
            fix = "Remove them by the header_mutation filter that `extproc render` writes, in the upstream chain."
            if shown:
                yield error(place, f"providers are shown {shown}", fix)
            if believed:
                yield error(place, f"a provider that responds with {believed} is believed: it steers retries", fix)


def _missing(
    candidates: Iterable[str],
    context: CheckContext,
    wanted: Iterable[Filter],
    chain: Iterable[Filter],
    direction: Literal["request", "response"],
) -> str:
    """Return which of *candidates* the *wanted* filters remove, and neither *chain* nor a route does."""
    expected, removed = (header_removals(one, f"{direction}_mutations") for one in (wanted, chain))
    routes = context.found.to_providers()
    by_routes = [match for route in routes for match in route.removals(direction)]
    return ", ".join(
        name
        for name in candidates
        if any_fits(expected, name)
        and not any_fits(removed, name)
        and not (any_fits(by_routes, name) and name not in BELIEVED)
    )


def _chains(roles: Roles, cluster: Cluster) -> list[tuple[str, tuple[Filter, ...]]]:
    """Return the filters before *cluster*, and their place: its own, else those of the attempts' routers."""
    if cluster.filters:
        return [(f"{cluster.options.place}.http_filters", cluster.filters)]
    chains = (manager.upstream for manager in roles.attempts if manager.upstream is not None)
    return [(chain.place, filters_of(chain)) for chain in chains]


def _removed(candidates: Iterable[str], removes: Callable[[str], bool]) -> list[str]:
    return [name for name in candidates if removes(name)]
