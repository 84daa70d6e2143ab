"""What Envoy knows of an attempt while nobody has decided on it."""

from __future__ import annotations

import pytest
from support.doctor.patients import ATTEMPT_HOST, ATTEMPT_ROUTE, ERROR, EXT_PROC, HTTP, INSIDE, an_operator, told

CHAIN = f"{INSIDE}.{HTTP}.http_filters"


@pytest.mark.parametrize("untyped", [[], ["another"]])
def test_envoy_keeps_what_the_sidecar_says_of_it(untyped: list[str]) -> None:
    operator = an_operator().put(f"{EXT_PROC}.metadata_options.receiving_namespaces.untyped", untyped)

    assert told(operator) == [(ERROR, "in-flight-kept", f"{EXT_PROC}.metadata_options.receiving_namespaces.untyped")]


def test_every_response_says_which_attempt_it_answers() -> None:
    place = f"{ATTEMPT_HOST}.response_headers_to_add"

    assert told(an_operator().put(f"{place}[1].header.value", "%DYNAMIC_METADATA(another:state)%")) == [
        (ERROR, "in-flight-mark", f"{place}[1]")
    ]
    assert told(an_operator().drop(f"{place}[1]")) == [
        (ERROR, "in-flight-mark", f"{ATTEMPT_ROUTE}.response_headers_to_add")
    ]


def test_an_older_script_does_not_hand_it_on() -> None:
    operator = an_operator()
    source = f"{CHAIN}[0].typed_config.default_source_code.inline_string"
    older = str(operator.at(source)).replace("x-extproc-in-flight", "x-extproc-other")

    assert told(operator.put(source, older)) == [(ERROR, "state-carrier-outdated", CHAIN)]
