"""Whether the sidecar is asked about every attempt, in the right place, and what it says is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from extproc.doctor.finding import Severity, error, warning
from extproc.doctor.header_names import mutated_headers, own_names
from extproc.doctor.model.extensions import EXT_PROC, ROUTER
from extproc.doctor.model.filters import allows, forwards
from extproc.doctor.model.matching import text_match
from extproc.doctor.roles import asked_cluster
from extproc.doctor.settings import Setting, advice, drift, includes, one_of, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.context import Check, CheckContext
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.node import Node

_BODY_MODE = one_of("NONE", "STREAMED", "BUFFERED", "BUFFERED_PARTIAL", "FULL_DUPLEX_STREAMED", "GRPC")
_HEADER_MODE = one_of("SEND", "SEND", "SKIP")  # DEFAULT, as Envoy documents it
_TRAILER_MODE = one_of("SKIP", "SEND", "SKIP")
_KEPT_ROUTE = "the route is kept as it was before the sidecar named a cluster: no attempt goes where it says"

_PHASES = (
    Setting(
        "processing_mode.request_header_mode",
        "{value}: the headers have gone on before the sidecar names a cluster",
        read=_HEADER_MODE,
    ),
    Setting(
        "processing_mode.request_body_mode",
        "{value}: the sidecar does not get the whole body at once, which names the model",
        read=_BODY_MODE,
    ),
    Setting(
        "processing_mode.response_header_mode",
        "{value}: no response is classified, so none is ever tried again",
        read=_HEADER_MODE,
    ),
    Setting(
        "processing_mode.response_body_mode",
        "{value}: every response's body goes through the sidecar, and streamed events arrive late",
        read=_BODY_MODE,
    ),
    Setting(
        "processing_mode.response_trailer_mode",
        "before Envoy 1.40 the sidecar cannot measure how long a response takes in all",
        Severity.WARNING,
        read=_TRAILER_MODE,
    ),
)
_OBEYED = (
    Setting("observability_mode", "Envoy does not wait for what the sidecar says and ignores it"),
    Setting(
        "disable_immediate_response",
        "the sidecar cannot replace a failed response, and that is how it asks for the next attempt",
    ),
    Setting("disable_clear_route_cache", _KEPT_ROUTE),
    Setting("route_cache_action", _KEPT_ROUTE, read=one_of("DEFAULT", "DEFAULT", "RETAIN")),
    Setting(
        "allow_mode_override",
        "the sidecar asks in vain for the body of a 429, by which a used up quota differs from a short limit, and "
        "waits for it",
        Severity.WARNING,
    ),
)
_ATTRIBUTES = (
    Setting(
        "response_attributes",
        "{missing} not sent: a provider's response looks to the sidecar like a timeout or a failed connection",
        read=texts,
        relation=includes,
    ),
)
_FAILURE_MODE = (
    Setting(
        "failure_mode_allow", "a request whose worker dies ends with an error, instead of being given to another worker"
    ),
)
_METADATA = (
    Setting(
        "metadata_options.receiving_namespaces.untyped",
        "Envoy does not keep what the sidecar says of an attempt: a response that breaks off, or whose worker dies, is "
        "asked for again at the same provider, policy or not",
        read=texts,
        relation=includes,
    ),
)


def pairs(context: CheckContext) -> Iterator[tuple[Node, Node]]:
    """Yield the settings of each filter that asks the sidecar about attempts, and those that `render` writes."""
    (wanted,) = context.rendered.ext_proc()
    return ((one, wanted) for one in context.found.ext_proc())


def _check(settings: tuple[Setting, ...]) -> Check:
    def check(context: CheckContext) -> Iterator[Finding]:
        for one, wanted in pairs(context):
            yield from drift(settings, one, wanted)

    return check


phases = _check(_PHASES)
obeyed = _check(_OBEYED)
attributes = _check(_ATTRIBUTES)
failure_mode = _check(_FAILURE_MODE)
in_flight_kept = _check(_METADATA)


def missing(context: CheckContext) -> Iterator[Finding]:
    """Find an attempt listener without a filter that asks the sidecar."""
    found = context.found
    for manager in found.attempts:
        dynamic = any(one.dynamic for one in manager.filters)
        if dynamic or any(True for _ in found.asking(manager)) or _elsewhere(context):
            continue
        by_others = [one for one in manager.each(EXT_PROC) if not asked_cluster(one.config)]
        if by_others:
            yield warning(
                f"{by_others[0].place}.typed_config",
                "this filter asks past Envoy's clusters: whether it asks the sidecar cannot be checked",
                f"Let it ask by grpc_service.envoy_grpc with cluster_name {names.EXTPROC_CLUSTER}.",
            )
        else:
            yield error(
                f"{manager.place}.http_filters",
                "no ext_proc filter asks the sidecar: no attempt gets a provider, and no response is classified",
                "Add the ext_proc filter that `extproc render` writes, before the router.",
            )


def misplaced(context: CheckContext) -> Iterator[Finding]:
    """Find a filter that asks the sidecar where no attempts are made, or too late."""
    for place in _elsewhere(context):
        yield error(
            place,
            "the sidecar is asked here, where a request passes once, not once for each attempt",
            "Move this filter to the attempt listener, before its router.",
        )
    for manager in context.found.attempts:
        routers = [index for index, one in enumerate(manager.filters) if one.kind == ROUTER]
        for one in context.found.asking(manager):
            if routers and manager.filters.index(one) > routers[0]:
                yield error(
                    one.place,
                    "the sidecar is asked after the router, which has sent the request by then",
                    "Put this filter before the router, which is always the last one.",
                )


def _elsewhere(context: CheckContext) -> list[str]:
    found = context.found
    others = [manager for manager in found.envoy.managers if manager not in found.attempts]
    return [one.place for manager in others for one in found.asking(manager)]


def overridden(context: CheckContext) -> Iterator[Finding]:
    """Find settings of the filter that only concern some routes."""
    for manager in context.found.attempts:
        concerned = {one.name for one in context.found.asking(manager)}
        for override in (override for route in manager.routes for override in route.overrides):
            if override.filter not in concerned:
                continue
            if override.disabled:
                yield error(
                    override.place,
                    "the ext_proc filter is switched off for these routes: no response of theirs is classified",
                    "Remove this override.",
                )
            else:
                yield warning(
                    override.place,
                    "the ext_proc filter has other settings on these routes, which are not checked",
                    "Remove this override, or make sure that it only repeats the filter's own settings.",
                )


def forwarded(context: CheckContext) -> Iterator[Finding]:
    """Find rules that hide a header which the sidecar reads, or is to remove: it only removes what it sees.

    A prefix stands for itself: what shows it shows all that begins so.
    """
    for one, wanted in pairs(context):
        rules, expected = one.at("forward_rules"), wanted.at("forward_rules")
        listed = (text_match(one).text for one in expected.at("allowed_headers", "patterns").items())
        needed = dict.fromkeys((*listed, *own_names(), *mutated_headers(context.gateway)))
        hidden = [name for name in needed if forwards(expected, name) and not forwards(rules, name)]
        if hidden:
            yield error(rules.place, f"the sidecar is not shown {', '.join(hidden)}", advice("forward_rules", expected))


def mutation_rules(context: CheckContext) -> Iterator[Finding]:
    """Find rules that forbid the sidecar to set a header, or to remove one."""
    for one, wanted in pairs(context):
        rules, expected = one.at("mutation_rules"), wanted.at("mutation_rules")
        changed = mutated_headers(context.gateway)
        refused = [name for name in changed if allows(expected, name) and not allows(rules, name)]
        if refused:
            yield error(
                rules.place,
                f"Envoy does not let the sidecar set or remove {', '.join(refused)}",
                advice("mutation_rules", expected),
            )


def message_timeout(context: CheckContext) -> Iterator[Finding]:
    """Find an ext_proc whose timeout ends while the sidecar holds an attempt back."""
    hold = context.gateway.longest_hold
    for one, wanted in pairs(context):
        node, expected = one.at("message_timeout"), wanted.at("message_timeout")
        timeout, fix = node.millis(_MESSAGE_TIMEOUT), advice("message_timeout", expected)
        if timeout < hold:
            problem = f"{timeout} ms, but a policy may hold an attempt back for {hold} ms: it is lost then"
            yield error(node.place, problem, fix)
        elif timeout < expected.millis(_MESSAGE_TIMEOUT):
            problem = f"{timeout} ms: a busy sidecar may need more than the longest wait of {hold} ms"
            yield warning(node.place, problem, fix)


_MESSAGE_TIMEOUT = 200
"""Envoy's default, in milliseconds."""
