"""Where and how an attempt is sent."""

from __future__ import annotations

from support.policy.builders import P, a_target

from extproc.exchange.upstream import Upstream, Upstreams


def test_a_wildcards_model_cannot_leave_its_place_in_the_path() -> None:
    """The name comes from a client: it must not choose another path, query or header on the provider."""
    wildcard = Upstream("azure", "me.openai.azure.com", "*", path_prefix="/openai/deployments/*")
    upstreams = Upstreams({}, {"azure_openai": wildcard})

    upstream = upstreams.of(a_target("azure_openai/../../x?y=#z", wildcard=True))

    assert upstream.path_prefix == "/openai/deployments/..%2F..%2Fx%3Fy%3D%23z"
    assert upstream.model == "../../x?y=#z"


def test_a_configured_target_is_sent_as_configured() -> None:
    upstream = Upstream("openai", "api.openai.com", "gpt-4o")

    assert Upstreams({P: upstream}).of(a_target(P)) is upstream


def test_keys_are_not_shown() -> None:
    assert "sk-1" not in repr(Upstream("openai", "api.openai.com", "gpt-4o", keys=("sk-1",), headers={"x": "sk-1"}))
