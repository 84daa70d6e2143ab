"""Whether the sidecar is asked about every attempt, in the right place, and its answers are obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.bootstrap.timeouts import MARGIN
from extproc.doctor.finding import error, warning
from extproc.doctor.model.filters import ExtProc, Router, Unseen
from extproc.doctor.mutated_headers import mutated_headers
from extproc.exchange.forwarded import FORWARDED, FORWARDED_PREFIXES, named_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Case
    from extproc.doctor.finding import Flaw
    from extproc.doctor.model.listeners import Manager


def ours(case: Case) -> Iterator[ExtProc]:
    """Yield the filters by which attempts are judged."""
    return (ext_proc for manager in case.roles.attempts for _, ext_proc in case.roles.judged(manager))


def missing(case: Case) -> Iterator[Flaw]:
    """Find an attempt listener that asks nobody."""
    for manager in case.roles.attempts:
        unknown = any(isinstance(one.what, Unseen) for one in manager.filters)
        if unknown or any(case.roles.judged(manager)) or any(_elsewhere(case)):
            continue
        by_others = [one for one, ext_proc in manager.each(ExtProc) if ext_proc.cluster is None]
        if by_others:
            yield warning(
                f"{by_others[0].place}.typed_config",
                "this filter asks past Envoy's clusters: whether it asks the sidecar cannot be judged",
                f"Let it ask by grpc_service.envoy_grpc with cluster_name {names.EXTPROC_CLUSTER}.",
            )
        else:
            yield error(
                f"{manager.place}.http_filters",
                "no ext_proc filter asks the sidecar: no attempt gets a provider, and no answer is judged",
                "Add the ext_proc filter that `extproc render` writes, before the router.",
            )


def misplaced(case: Case) -> Iterator[Flaw]:
    """Find a filter that asks the sidecar where no attempts are made, or too late."""
    for place in _elsewhere(case):
        yield error(
            place,
            "the sidecar is asked here, where a request passes once, not once for each attempt",
            "Move this filter to the attempt listener, before its router.",
        )
    for manager in case.roles.attempts:
        routers = [index for index, one in enumerate(manager.filters) if isinstance(one.what, Router)]
        for one, _ in case.roles.judged(manager):
            if routers and manager.filters.index(one) > routers[0]:
                yield error(
                    one.place,
                    "the sidecar is asked after the router, which has sent the request by then",
                    "Put this filter before the router, which is always the last one.",
                )


def _elsewhere(case: Case) -> Iterator[str]:
    others = [manager for manager in case.envoy.managers if manager not in case.roles.attempts]
    return (one.place for manager in others for one, _ in case.roles.judged(manager))


def overridden(case: Case) -> Iterator[Flaw]:
    """Find settings of the filter that only concern some routes."""
    for manager in case.roles.attempts:
        concerned = {one.name for one, _ in case.roles.judged(manager)}
        yield from _overrides(manager, concerned)


def _overrides(manager: Manager, concerned: set[str]) -> Iterator[Flaw]:
    for override in dict.fromkeys(override for route in manager.routes for override in route.overrides):
        if override.filter not in concerned:
            continue
        if override.disabled:
            yield error(
                override.place,
                "the ext_proc filter is switched off for these routes: their answers are judged by nobody",
                "Remove this override.",
            )
        else:
            yield warning(
                override.place,
                "the ext_proc filter has other settings on these routes, which are not judged",
                "Remove this override, or make sure that it only repeats the filter's own settings.",
            )


def obeyed(case: Case) -> Iterator[Flaw]:
    """Find settings by which Envoy does not do what the sidecar answers, or does not tell it everything."""
    for one in ours(case):
        if one.observes_only:
            yield error(
                f"{one.place}.observability_mode",
                "Envoy does not wait for the sidecar's answers and ignores them",
                "Remove observability_mode.",
            )
        if not one.immediate_response:
            yield error(
                f"{one.place}.disable_immediate_response",
                "the sidecar cannot replace a failed answer, and that is how it asks for the next attempt",
                "Remove disable_immediate_response.",
            )
        if one.keeps_route:
            yield error(
                f"{one.place}.route_cache_action",
                "the route is kept as it was before the sidecar named a cluster: no attempt goes where it says",
                "Remove route_cache_action and disable_clear_route_cache.",
            )
        read = (*FORWARDED, *FORWARDED_PREFIXES, *named_by(case.gateway.catalog.policies.values()))
        missed = [name for name in read if not one.shown.has(name)]
        if missed:
            yield error(
                f"{one.place}.forward_rules",
                f"the sidecar is not shown all headers; it misses {', '.join(missed)}",
                f"Let disallowed_headers name {names.IN_FLIGHT} and no other, and allowed_headers those, or remove it.",
            )
        if not one.mode_override:
            yield warning(
                f"{one.place}.allow_mode_override",
                "the sidecar asks in vain for the body of a 429, which tells a used up quota from a short limit, "
                "and waits for it",
                "Set allow_mode_override to true.",
            )


def mutation_rules(case: Case) -> Iterator[Flaw]:
    """Find rules that forbid the sidecar to set a header, or to remove one."""
    for one in ours(case):
        refused = [name for name in mutated_headers(case.gateway) if not one.rules.allows(name)]
        if refused:
            yield error(
                one.rules.place,
                f"Envoy does not let the sidecar set or remove {', '.join(refused)}",
                "Set mutation_rules to {allow_all_routing: true, allow_envoy: true} and nothing else.",
            )


def attributes(case: Case) -> Iterator[Flaw]:
    """Find that the sidecar is not told how an attempt has ended."""
    for one in ours(case):
        absent = sorted({names.FLAGS_ATTRIBUTE, names.DETAILS_ATTRIBUTE} - one.response_attributes)
        if absent:
            yield error(
                f"{one.place}.response_attributes",
                f"{' and '.join(absent)} not sent: the sidecar cannot tell a provider's answer from a timeout or a "
                "connection that failed",
                f"Set response_attributes to [{names.FLAGS_ATTRIBUTE}, {names.DETAILS_ATTRIBUTE}].",
            )


def message_timeout(case: Case) -> Iterator[Flaw]:
    """Find an ext_proc that loses its patience while the sidecar holds an attempt back."""
    hold = case.gateway.longest_hold
    for one in ours(case):
        place, told = f"{one.place}.message_timeout", f"{one.message_timeout} ms"
        mend = f"Set message_timeout to {-(-(hold + MARGIN) // 1000)}s."
        if one.message_timeout < hold:
            yield error(place, f"{told}, but a policy may hold an attempt back for {hold} ms: it is lost then", mend)
        elif one.message_timeout < hold + MARGIN:
            yield warning(place, f"{told}: a busy sidecar may need more than the longest wait of {hold} ms", mend)


def failure_mode(case: Case) -> Iterator[Flaw]:
    """Find that a sidecar's death ends requests."""
    for one in ours(case):
        if not one.failure_mode_allow:
            yield error(
                f"{one.place}.failure_mode_allow",
                "a request whose worker dies ends with an error, instead of being given to another worker",
                "Set failure_mode_allow to true.",
            )
