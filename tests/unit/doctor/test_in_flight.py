"""What Envoy knows of an attempt while nothing has decided on it."""

from __future__ import annotations

import pytest
from support.doctor.patients import ATTEMPT_HOST, ATTEMPT_ROUTE, ERROR, EXT_PROC, HTTP, INSIDE, an_operator, reported

CHAIN = f"{INSIDE}.{HTTP}.http_filters"


@pytest.mark.parametrize("untyped", [[], ["another"]])
def test_envoy_keeps_what_the_sidecar_says_of_it(untyped: list[str]) -> None:
    operator = an_operator().put(f"{EXT_PROC}.metadata_options.receiving_namespaces.untyped", untyped)

    assert reported(operator) == [
        (ERROR, "in-flight-kept", f"{EXT_PROC}.metadata_options.receiving_namespaces.untyped")
    ]


def test_every_response_says_which_attempt_it_responses() -> None:
    place = f"{ATTEMPT_HOST}.response_headers_to_add"

    assert reported(an_operator().put(f"{place}[1].header.value", "%DYNAMIC_METADATA(another:state)%")) == [
        (ERROR, "in-flight-mark", f"{place}[1]")
    ]
    assert reported(an_operator().drop(f"{place}[1]")) == [
        (ERROR, "in-flight-mark", f"{ATTEMPT_ROUTE}.response_headers_to_add")
    ]


def test_an_older_script_does_not_hand_it_on() -> None:
    operator = an_operator()
    source = f"{CHAIN}[0].typed_config.default_source_code.inline_string"
    older = str(operator.at(source)).replace("x-extproc-in-flight", "x-extproc-other")

    assert reported(operator.put(source, older)) == [(ERROR, "state-carrier-outdated", CHAIN)]
