"""Laws of the headers: what a client sends gains it nothing, and no key shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc import names
from extproc.exchange.headers import request_changes, response_removals
from extproc.exchange.upstream import CredentialStyle, Upstream
from extproc.policy.target import Api

CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "openai-organization")
SET_BY_US = {names.CLUSTER, names.RESPONSE_TIMEOUT, names.TRY_TIMEOUT}

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)
header_names = st.one_of(
    tokens,
    st.builds("{}{}".format, st.sampled_from(names.INTERNAL_PREFIXES), tokens),
    st.sampled_from([*CREDENTIALS, *SET_BY_US, names.HINT, names.STATE, names.REDISPATCH, names.UNPROCESSED]),
    st.sampled_from([":path", ":authority", ":method", "content-length", "anthropic-version", "x-forwarded-proto"]),
)
clients = st.dictionaries(header_names, st.just("the client's"), max_size=20)
secrets = st.text("abcdef0123456789", min_size=12, max_size=20).map("sk-{}".format)
operators_headers = st.dictionaries(header_names, secrets, max_size=4)


@st.composite
def upstreams(draw: st.DrawFn) -> Upstream:
    """Draw an upstream with any kind of credential."""
    return Upstream(
        cluster="cluster",
        authority="host.test",
        model="model",
        path_prefix=draw(st.sampled_from(["/v1", "", "/openai/v1"])),
        credential_style=draw(st.sampled_from(CredentialStyle)),
        keys=tuple(draw(st.lists(secrets, max_size=3))),
        passthrough=draw(st.booleans()),
        headers=draw(operators_headers),
    )


@given(
    client=clients,
    upstream=upstreams(),
    api=st.sampled_from(Api),
    key=st.integers(0, 5),
    limit=st.none() | st.integers(0, 10**6),
)
def test_a_client_gains_nothing_by_its_headers(
    client: dict[str, str], upstream: Upstream, api: Api, key: int, limit: int | None
) -> None:
    """What arrives is what an attempt sets, and the client's headers that are neither internal nor credentials."""
    changed = request_changes(
        client, upstream=upstream, api=api, path="/v1/x", key=key, body_length=7, time_limit=limit
    )
    sent = dict(changed.set_headers)
    arrived = {name: value for name, value in client.items() if name not in changed.remove_headers} | sent

    assert sent.keys().isdisjoint(changed.remove_headers)
    assert set(changed.remove_headers) <= client.keys()
    assert {name for name in arrived if name.startswith(names.INTERNAL_PREFIXES)} <= SET_BY_US
    assert arrived[names.CLUSTER] == "cluster"
    assert arrived[names.RESPONSE_TIMEOUT] == "0"
    assert arrived.get(names.TRY_TIMEOUT) == (str(limit) if limit else None)
    assert (arrived[":authority"], arrived["content-length"]) == ("host.test", "7")
    assert arrived.get(":method") == client.get(":method")
    if not upstream.passthrough:
        assert {name for name in CREDENTIALS if arrived.get(name) == "the client's"} == set()


@given(client=clients, upstream=upstreams())
def test_a_client_keeps_its_other_headers(client: dict[str, str], upstream: Upstream) -> None:
    """Only what has a reason to go goes."""
    changed = request_changes(client, upstream=upstream, api=Api.CHAT, path="/v1/x")
    reasons = {*CREDENTIALS, "anthropic-version"}

    assert {
        name for name in changed.remove_headers if name not in reasons and not name.startswith(names.INTERNAL_PREFIXES)
    } == set()


@given(upstream=upstreams(), api=st.sampled_from(Api))
def test_no_repr_shows_a_key(upstream: Upstream, api: Api) -> None:
    """Neither that of the upstream nor that of what is made from it."""
    shown = repr(upstream) + repr(request_changes({}, upstream=upstream, api=api, path="/v1/x"))

    assert [key for key in (*upstream.keys, *upstream.headers.values()) if key in shown] == []


@given(response=st.dictionaries(header_names, tokens))
def test_nothing_internal_comes_back(response: dict[str, str]) -> None:
    """Exactly the internal headers of a response are removed."""
    removed = response_removals(response)

    assert set(removed) == {name for name in response if name.startswith(names.INTERNAL_PREFIXES)}
