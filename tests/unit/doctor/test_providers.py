"""Each provider has its cluster, and is reached as its URL says."""

from __future__ import annotations

import pytest
from support.config import files
from support.doctor.patients import CLUSTERS, ERROR, HTTP, PROVIDER, WARNING, an_operator, reported, words

OPTIONS = f"{PROVIDER}.{HTTP}"
SOCKET = f"{PROVIDER}.transport_socket"
TLS = f"{SOCKET}.typed_config"
COMMON = f"{TLS}.common_tls_context"
BY_REQUEST = f"{OPTIONS}.upstream_http_protocol_options"
PLAIN = files.gateway(files.a_file(files.a_provider(base_url="http://127.0.0.1:8081")))


def test_a_provider_without_a_cluster_is_reported() -> None:
    """And which place of the configuration needs it."""
    operator = an_operator().drop(PROVIDER)

    assert reported(operator) == [(ERROR, "provider-cluster", CLUSTERS)]
    assert "there is no cluster openai, which model_providers[0] needs" in words(operator)


def test_a_cluster_that_leads_elsewhere_is_reported() -> None:
    """The provider's key is sent there; a proxy may stand there on purpose."""
    address = f"{PROVIDER}.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address"

    assert reported(an_operator().put(address, "api.anthropic.com")) == [
        (WARNING, "provider-endpoint", f"{PROVIDER}.load_assignment")
    ]


def test_endpoints_from_elsewhere_are_not_checked() -> None:
    assert reported(an_operator().drop(f"{PROVIDER}.load_assignment").put(f"{PROVIDER}.type", "EDS")) == []


@pytest.mark.parametrize(
    "options", [{"explicit_http_config": {"http_protocol_options": {}}}, {"use_downstream_protocol_config": {}}]
)
def test_a_provider_that_speaks_http2_is_spoken_to_in_http2(options: dict[str, object]) -> None:
    """Envoy closes an HTTP/1.1 connection when it drops a response's body."""
    names = {"auto_sni": True, "auto_san_validation": True}
    operator = an_operator().put(OPTIONS, {"upstream_http_protocol_options": names, **options})

    assert reported(operator) == [(WARNING, "provider-http2", OPTIONS)]


@pytest.mark.parametrize("place", [f"{OPTIONS}.explicit_http_config", PROVIDER])
def test_http2_may_be_asked_for_without_agreement(place: str) -> None:
    """Also in the older way."""
    operator = an_operator().drop(f"{OPTIONS}.auto_config")
    operator.put(place, {**_members(operator.at(PROVIDER) if place == PROVIDER else {}), "http2_protocol_options": {}})

    assert reported(operator) == []


def test_a_key_does_not_go_in_the_clear() -> None:
    assert reported(an_operator().drop(SOCKET)) == [(ERROR, "provider-tls", SOCKET)]


def test_a_raw_socket_is_in_the_clear() -> None:
    raw = {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"}

    assert reported(an_operator().put(f"{SOCKET}.typed_config", raw)) == [(ERROR, "provider-tls", SOCKET)]


@pytest.mark.parametrize("key", ["transport_socket_matches", "transport_socket"])
def test_sockets_of_another_kind_are_left_alone(key: str) -> None:
    """They may well be safe."""
    other = {"name": "mine", "typed_config": {"@type": "type.googleapis.com/mine.Socket"}}
    operator = an_operator().drop(SOCKET).put(f"{PROVIDER}.{key}", [other] if key.endswith("es") else other)

    assert reported(operator) == []


def test_a_provider_without_tls_needs_none() -> None:
    """Its URL is http."""
    assert reported(an_operator(PLAIN), PLAIN) == []


def test_a_certificate_must_come_from_somebody_who_is_trusted() -> None:
    assert reported(an_operator().put(COMMON, {})) == [(ERROR, "provider-authority", COMMON)]


def test_trust_must_not_be_switched_off() -> None:
    operator = an_operator().put(f"{COMMON}.validation_context.trust_chain_verification", "ACCEPT_UNTRUSTED")

    assert reported(operator) == [(ERROR, "provider-authority", COMMON)]


@pytest.mark.parametrize(
    "context",
    [
        {"validation_context": {"system_root_certs": {}}},
        {"combined_validation_context": {"default_validation_context": {"trusted_ca": {"filename": "a"}}}},
        {"combined_validation_context": {"validation_context_sds_secret_config": {"name": "a"}}},
        {"validation_context_sds_secret_config": {"name": "a"}},
    ],
)
def test_trust_may_be_said_in_other_ways(context: object) -> None:
    """A secret that is not in sight is not checked."""
    assert reported(an_operator().put(COMMON, context)) == []


def test_the_certificate_must_be_that_hosts() -> None:
    assert reported(an_operator().drop(f"{BY_REQUEST}.auto_san_validation")) == [(ERROR, "provider-name", BY_REQUEST)]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (f"{COMMON}.validation_context.match_typed_subject_alt_names", [{"san_type": "DNS"}]),
        (f"{COMMON}.validation_context.match_subject_alt_names", [{"exact": "api.openai.com"}]),
        (f"{TLS}.auto_sni_san_validation", True),
    ],
)
def test_its_name_may_be_checked_in_other_ways(place: str, value: object) -> None:
    assert reported(an_operator().drop(f"{BY_REQUEST}.auto_san_validation").put(place, value)) == []


def test_the_host_that_is_meant_must_be_named() -> None:
    assert reported(an_operator().drop(f"{BY_REQUEST}.auto_sni")) == [(ERROR, "provider-sni", BY_REQUEST)]


@pytest.mark.parametrize(("key", "value"), [("sni", "api.openai.com"), ("auto_host_sni", True)])
def test_it_may_be_named_in_other_ways(key: str, value: object) -> None:
    assert reported(an_operator().drop(f"{BY_REQUEST}.auto_sni").put(f"{TLS}.{key}", value)) == []


def _members(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value
