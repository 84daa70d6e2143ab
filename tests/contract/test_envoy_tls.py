"""How providers are reached: TLS with a name that is checked, HTTP/2 where it is spoken, names that are resolved."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from support.config.compiled import a_cluster
from support.toys.provider import ToyProvider
from support.toys.tls_provider import CA_FILE, HOST, OTHER_CA_FILE, TlsProvider
from support.toys.world import a_world

from extproc.exchange.envoy_flags import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.toys.world import World


@contextmanager
def _behind_tls(
    directory: Path, *protocols: str, ca_file: str = CA_FILE, cut: bool = False, refused: int = 0, going: bool = False
) -> Iterator[tuple[World, TlsProvider]]:
    with TlsProvider(*protocols, cut=cut, refused=refused, going=going) as provider:
        cluster = a_cluster("tls", port=provider.port, tls=True)
        with a_world(directory, clusters=[cluster], ca_file=ca_file) as world:
            yield world, provider


def test_http_2_is_spoken_where_the_provider_offers_it(tmp_path: Path) -> None:
    """With the scheme of the connection to the provider, not of the client's."""
    with _behind_tls(tmp_path, "h2", "http/1.1") as (world, provider):
        answer = world.post("tls", provider=HOST)

        assert (answer.status_code, answer.text) == (200, "h2")
        (request,) = provider.requests
        assert dict(request)[":scheme"] == "https"
        assert dict(request)[":authority"] == HOST


def test_a_response_over_http_2_that_is_too_short_is_one_failed_attempt(tmp_path: Path) -> None:
    """Envoy ends the stream as a protocol error, whether its body is read or not."""
    with _behind_tls(tmp_path, "h2", cut=True) as (world, provider):
        decided, read = world.post("tls,a", provider=HOST), world.post("tls,a", provider=HOST, read="1")

        assert (decided.status_code, read.status_code) == (200, 200)
        assert (len(provider.requests), len(world.a.calls)) == (2, 2)


@pytest.mark.parametrize("going", [False, True], ids=["refused", "going away"])
@pytest.mark.parametrize("final", [{}, {"final": "1"}], ids=["policy", "no policy"])
def test_what_the_provider_has_not_looked_at_is_sent_once_more(
    tmp_path: Path, final: dict[str, str], *, going: bool
) -> None:
    """It says so itself, in HTTP/2: whatever the policy, nothing is done twice."""
    with _behind_tls(tmp_path, "h2", refused=1, going=going) as (world, provider):
        answer = world.post("tls", b"x" * 10_000, {"provider": HOST, **final})

        assert (answer.status_code, answer.text, len(provider.requests)) == (200, "h2", 2)
        assert len(world.sidecar.streams) == 1


def test_once_more_is_once(tmp_path: Path) -> None:
    with _behind_tls(tmp_path, "h2", refused=9) as (world, provider):
        answer = world.post("tls", headers={"provider": HOST, "final": "1"})

        assert (answer.status_code, len(provider.requests)) == (503, 2)


def test_http_1_is_spoken_where_it_does_not(tmp_path: Path) -> None:
    with _behind_tls(tmp_path, "http/1.1") as (world, _provider):
        answer = world.post("tls", provider=HOST)

        assert (answer.status_code, answer.text) == (200, "http/1.1")


@pytest.mark.parametrize(("host", "name"), [(HOST, HOST), (f"{HOST}:8443", HOST), ("127.0.0.1", None)])
def test_a_provider_is_asked_for_by_its_name(tmp_path: Path, host: str, name: str | None) -> None:
    """The host of the request without its port; an address is no name, and is checked all the same."""
    with _behind_tls(tmp_path, "h2") as (world, provider):
        answer = world.post("tls", provider=host)

        assert answer.status_code == 200
        assert provider.asked_for == [name]


@pytest.mark.parametrize(("host", "ca_file"), [("another.example", CA_FILE), (HOST, OTHER_CA_FILE)])
def test_who_cannot_prove_to_be_the_provider_gets_nothing(tmp_path: Path, host: str, ca_file: str) -> None:
    """Neither with somebody else's certificate nor with one that no trusted authority has signed."""
    with _behind_tls(tmp_path, "h2", ca_file=ca_file) as (world, provider):
        world.post("tls", provider=host)

        (stream,) = world.sidecar.streams
        assert stream.flags == Flag.UPSTREAM_CONNECTION_FAILURE
        assert "CERTIFICATE_VERIFY_FAILED" in stream.details
        assert provider.requests == []


def test_all_addresses_of_a_name_are_tried(tmp_path: Path) -> None:
    """`localhost` is 127.0.0.1 and ::1, and most local servers listen on one of them only."""
    with ExitStack() as stack:
        provider = stack.enter_context(ToyProvider())
        cluster = a_cluster("named", host="localhost", port=provider.port)
        world = stack.enter_context(a_world(tmp_path, clusters=[cluster]))

        answers = [world.post("named") for _ in range(4)]

        assert [answer.status_code for answer in answers] == [200] * 4
