"""The filter that asks the sidecar."""

from __future__ import annotations

import pytest
from support.config import files
from support.doctor.patients import (
    ATTEMPT,
    ATTEMPT_HOST,
    ATTEMPT_ROUTE,
    EDGE,
    ERROR,
    EXT_PROC,
    EXT_PROC_FILTER,
    GATEWAY,
    WARNING,
    an_operator,
    reported,
    words,
)
from support.policy.builders import P, http

from extproc.doctor.header_names import mutated_headers
from extproc.exchange.body.encoding import Undecodable
from extproc.exchange.client_errors.errors import body_undecodable
from extproc.exchange.client_errors.exhausted import exhausted_response
from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.target import Api

RULES = f"{EXT_PROC}.mutation_rules"
MANY_HEADERS = files.gateway(
    files.a_file(
        files.a_provider(
            "azure_openai/gpt-4o",
            base_url="https://x.openai.azure.com",
            headers={"X-Of-The-Operators-Own": "1"},
            retry_policy={"idempotency_header": "X-Stainless-Idempotency"},
        ),
        files.a_provider(files.S),
    )
)
PER_ROUTE = "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute"


def test_an_attempt_listener_that_asks_nothing_is_reported() -> None:
    assert reported(an_operator().drop(EXT_PROC_FILTER)) == [(ERROR, "ext-proc-missing", f"{ATTEMPT}.http_filters")]


def test_a_filter_that_is_switched_off_asks_nothing() -> None:
    assert reported(an_operator().put(f"{EXT_PROC_FILTER}.disabled", value=True)) == [
        (ERROR, "ext-proc-missing", f"{ATTEMPT}.http_filters")
    ]


def test_a_filter_whose_settings_come_from_elsewhere_may_be_the_one() -> None:
    operator = an_operator().put(EXT_PROC_FILTER, {"name": "one", "config_discovery": {"config_source": {"ads": {}}}})

    assert reported(operator) == [(WARNING, "dynamic-config", EXT_PROC_FILTER)]


def test_one_that_asks_past_the_clusters_cannot_be_checked() -> None:
    """Google's gRPC client needs none, and checks nothing's health."""
    operator = an_operator().put(f"{EXT_PROC}.grpc_service", {"google_grpc": {"target_uri": "127.0.0.1:50051"}})

    assert reported(operator) == [(WARNING, "ext-proc-missing", EXT_PROC)]


def test_at_the_edge_it_is_asked_once_for_all_attempts() -> None:
    """Moved there, that is one fault: it is not also reported as missing."""
    operator = an_operator()
    moved = operator.at(EXT_PROC_FILTER)
    operator.drop(EXT_PROC_FILTER).insert(f"{EDGE}.http_filters[0]", moved)

    assert reported(operator) == [(ERROR, "ext-proc-misplaced", f"{EDGE}.http_filters[0]")]


def test_at_the_edge_as_well_is_once_too_often() -> None:
    operator = an_operator()
    operator.insert(f"{EDGE}.http_filters[1]", operator.at(EXT_PROC_FILTER))

    assert reported(operator) == [(ERROR, "ext-proc-misplaced", f"{EDGE}.http_filters[1]")]


def test_an_external_processor_of_the_operators_own_is_left_alone() -> None:
    """Whoever it asks, it is not the sidecar."""
    own = {"name": "waf", "typed_config": {"@type": _type(), "grpc_service": {"envoy_grpc": {"cluster_name": "waf"}}}}
    operator = an_operator().insert(f"{EDGE}.http_filters[0]", own).insert(f"{ATTEMPT}.http_filters[0]", own)

    assert reported(operator) == []


def test_after_the_router_it_is_too_late() -> None:
    operator = an_operator()
    moved = operator.at(EXT_PROC_FILTER)
    operator.drop(EXT_PROC_FILTER).insert(f"{ATTEMPT}.http_filters[1]", moved)

    assert reported(operator) == [(ERROR, "ext-proc-misplaced", f"{ATTEMPT}.http_filters[1]")]


@pytest.mark.parametrize("level", [ATTEMPT_ROUTE, ATTEMPT_HOST, f"{ATTEMPT}.route_config"])
def test_a_route_that_switches_it_off_has_no_failover(level: str) -> None:
    """Wherever it says so."""
    place = f'{level}.typed_per_filter_config["envoy.filters.http.ext_proc"]'
    off = {"envoy.filters.http.ext_proc": {"@type": PER_ROUTE, "disabled": True}}

    assert reported(an_operator().put(f"{level}.typed_per_filter_config", off)) == [
        (ERROR, "ext-proc-overridden", place)
    ]


def test_other_settings_on_a_route_are_not_checked() -> None:
    place = f'{ATTEMPT_ROUTE}.typed_per_filter_config["envoy.filters.http.ext_proc"]'
    other = {"envoy.filters.http.ext_proc": {"@type": PER_ROUTE, "overrides": {"processing_mode": {}}}, "cors": {}}

    assert reported(an_operator().put(f"{ATTEMPT_ROUTE}.typed_per_filter_config", other)) == [
        (WARNING, "ext-proc-overridden", place)
    ]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("observability_mode", True),
        ("disable_immediate_response", True),
        ("route_cache_action", "RETAIN"),
        ("route_cache_action", 2),
        ("disable_clear_route_cache", True),
    ],
)
def test_a_sidecar_that_is_not_obeyed_is_reported(setting: str, value: object) -> None:
    operator = an_operator().put(f"{EXT_PROC}.{setting}", value)

    assert reported(operator) == [(ERROR, "ext-proc-obeyed", f"{EXT_PROC}.{setting}")]
    assert words(operator).endswith(f"Remove {setting}.")


@pytest.mark.parametrize("action", ["DEFAULT", "CLEAR", 1])
def test_a_route_may_be_chosen_anew_in_another_words(action: object) -> None:
    assert reported(an_operator().put(f"{EXT_PROC}.route_cache_action", action)) == []


@pytest.mark.parametrize(
    ("rules", "hidden"),
    [
        ({"allowed_headers": {}}, "content-type"),
        ({"allowed_headers": {"patterns": [{"prefix": "x-"}]}}, "retry-after"),
        ({"disallowed_headers": {"patterns": [{"exact": "x-extproc-state"}]}}, "x-extproc-state"),
        ({"disallowed_headers": {"patterns": [{"exact": "cookie"}]}}, "cookie"),
        ({"disallowed_headers": {"patterns": [{"exact": "x-goog-api-key"}]}}, "x-goog-api-key"),
    ],
)
def test_the_sidecar_sees_what_it_reads_and_what_it_is_to_remove(rules: object, hidden: str) -> None:
    """A client's key that is hidden from it goes on to the provider."""
    operator = an_operator().put(f"{EXT_PROC}.forward_rules", rules)

    assert reported(operator) == [(ERROR, "forward-rules", f"{EXT_PROC}.forward_rules")]
    assert hidden in words(operator).partition("|")[0]


def test_other_headers_may_be_hidden_from_the_sidecar() -> None:
    hidden = [{"exact": "x-extproc-in-flight"}, {"exact": "x-of-another-filter"}]

    assert reported(an_operator().put(f"{EXT_PROC}.forward_rules.disallowed_headers.patterns", hidden)) == []


def test_a_sidecar_that_may_not_ask_for_a_body_waits_in_vain() -> None:
    assert reported(an_operator().drop(f"{EXT_PROC}.allow_mode_override")) == [
        (WARNING, "ext-proc-obeyed", f"{EXT_PROC}.allow_mode_override")
    ]


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ({"allow_envoy": True}, ":authority"),
        ({"allow_all_routing": True}, "x-envoy-upstream-rq-timeout-ms"),
        ({"allow_all_routing": True, "allow_envoy": True, "disallow_system": True}, ":path"),
        ({"allow_all_routing": True, "allow_envoy": True, "disallow_all": True}, "authorization"),
        ({"allow_all_routing": True, "allow_envoy": True, "disallow_expression": {"regex": "x-api-.*"}}, "x-api-key"),
        ({"allow_expression": {"regex": "x-.*"}}, ":authority"),
    ],
)
def test_rules_that_forbid_a_header_that_the_sidecar_sets_are_reported(rules: object, refused: str) -> None:
    """Envoy drops such a header without a word."""
    operator = an_operator().put(RULES, rules)

    assert reported(operator) == [(ERROR, "mutation-rules", RULES)]
    assert refused in words(operator)


@pytest.mark.parametrize(
    "name",
    [
        "api-key",
        "anthropic-version",
        "content-length",
        "x-stainless-idempotency",
        "x-of-the-operators-own",
        "cookie",
        "x-goog-api-key",
        "content-encoding",
        "content-digest",
    ],
)
def test_no_header_that_the_sidecar_changes_for_this_configuration_may_be_forbidden(name: str) -> None:
    """Else an Azure key is not sent, or a client's own is: which headers those are follows from the configuration."""
    operator = an_operator(MANY_HEADERS).put(f"{RULES}.disallow_expression", {"regex": name})

    assert reported(operator, MANY_HEADERS) == [(ERROR, "mutation-rules", RULES)]
    assert name in words(operator, MANY_HEADERS)


@pytest.mark.parametrize("name", ["api-key", "x-of-the-operators-own", "x-stainless-idempotency"])
def test_a_header_that_nothing_in_the_configuration_needs_may_be_forbidden(name: str) -> None:
    """`api-key` is removed from every request, though it is sent to Azure alone."""
    found = reported(an_operator().put(f"{RULES}.disallow_expression", {"regex": name}))

    assert [check for _, check, _ in found] == (["mutation-rules"] if name == "api-key" else [])


def test_without_rules_the_most_important_headers_are_dropped() -> None:
    assert reported(an_operator().drop(RULES)) == [(ERROR, "mutation-rules", RULES)]


def test_an_expression_may_allow_everything() -> None:
    """It comes before all the rest."""
    assert reported(an_operator().put(RULES, {"allow_expression": {"regex": ".*"}, "disallow_all": True})) == []


@pytest.mark.parametrize("absent", ["response.flags", "response.code_details"])
def test_an_attribute_that_is_not_sent_is_reported(absent: str) -> None:
    """They distinguish a provider's response from one of Envoy's own."""
    operator = an_operator()
    listed = operator.at(f"{EXT_PROC}.response_attributes")
    assert isinstance(listed, list)
    listed.remove(absent)

    assert reported(operator) == [(ERROR, "response-attributes", f"{EXT_PROC}.response_attributes")]
    assert words(operator).startswith(absent)


@pytest.mark.parametrize("timeout", ["0s", "0.2s", "59.999s"])
def test_an_ext_proc_that_is_less_patient_than_a_policy_is_reported(timeout: str) -> None:
    """The longest wait of the policy is 60 s."""
    operator = an_operator().put(f"{EXT_PROC}.message_timeout", timeout)

    assert reported(operator) == [(ERROR, "message-timeout", f"{EXT_PROC}.message_timeout")]
    assert "Set message_timeout to 70s." in words(operator)


def test_by_default_an_ext_proc_has_no_patience() -> None:
    """It is 200 ms."""
    assert reported(an_operator().drop(f"{EXT_PROC}.message_timeout")) == [
        (ERROR, "message-timeout", f"{EXT_PROC}.message_timeout")
    ]


def test_no_margin_is_a_warning() -> None:
    """A busy sidecar responses later than it meant to."""
    assert reported(an_operator().put(f"{EXT_PROC}.message_timeout", "60s")) == [
        (WARNING, "message-timeout", f"{EXT_PROC}.message_timeout")
    ]


@pytest.mark.parametrize("value", [False, None])
def test_a_dead_sidecar_must_not_end_requests(value: object) -> None:
    assert reported(an_operator().put(f"{EXT_PROC}.failure_mode_allow", value)) == [
        (ERROR, "failure-mode", f"{EXT_PROC}.failure_mode_allow")
    ]


def _type() -> object:
    return "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"


def test_what_is_set_on_responses_is_known() -> None:
    """A header of an error that is not would be dropped by rules in which nothing is found."""
    failed = FailedAttempt(P, http(429, 1000), "default")
    exhausted = Exhausted(StopReason.RULE_SPENT, (failed,), 1000, primary=P)
    response = exhausted_response(exhausted, Api.MESSAGES, request_id="id", discourage_retries=True)
    undecodable = body_undecodable(Api.CHAT, Undecodable("broken"), request_id="id")
    given = {name for name, _ in (*response.headers, *undecodable.headers)}

    assert given <= {*mutated_headers(GATEWAY)}
