"""Which headers pass Envoy, which do not: between client and provider only what either means for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from support.toys.provider import Reply
from support.toys.world import DEAD, a_world, the_worker_dying
from support.waiting import DEADLINE

from extproc import names

if TYPE_CHECKING:
    from support.toys.world import World

INTERNAL = names.INTERNAL_PREFIXES

STEERING = {
    "x-envoy-max-retries": "0",
    "x-envoy-retry-on": "gateway-error",
    "x-envoy-upstream-rq-timeout-ms": "1",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-envoy-expected-rq-timeout-ms": "1",
    "x-envoy-hedge-on-per-try-timeout": "true",
    "x-envoy-decorator-operation": "theirs",
    "x-envoy-original-path": "/theirs",
    "x-envoy-internal": "true",
    "X-Envoy-Attempt-Count": "9",
    "x-extproc-state": "9",
    "X-ExtProc-Redispatch": "1",
    "x-extproc-unprocessed": "0",
    "x-extproc-anything": "1",
    "X-Arch-LLM-Provider": DEAD,
}
"""What a client might send to steer Envoy or the sidecar."""

MISLEADING = [
    ("x-extproc-redispatch", "1"),
    ("x-extproc-state", "9"),
    ("x-extproc-unprocessed", "0"),
    ("x-extproc-model", "theirs"),
    ("x-arch-llm-provider", DEAD),
    ("x-envoy-overloaded", "true"),
    ("x-envoy-ratelimited", "true"),
    ("x-envoy-immediate-health-check-fail", "true"),
    ("x-envoy-upstream-service-time", "9"),
]
"""What a provider might return to steer Envoy or mislead the client."""


def _internal(found: set[str]) -> set[str]:
    return {name for name in found if name.startswith(INTERNAL)}


def test_a_client_cannot_steer_envoy(world: World) -> None:
    """With all of Envoy's and our own headers sent, the request fares as without them."""
    world.a.reply = Reply(status=429, pause=0.1)

    answer = world.post("a,b", headers=STEERING)

    assert answer.status_code == 200
    assert (len(world.a.calls), len(world.b.calls)) == (1, 1)
    first, second = world.sidecar.streams
    assert _internal(set(first.headers)) == set()
    assert _internal(set(second.headers)) == {names.STATE}
    assert second.headers[names.STATE] == "1"


def test_the_hint_is_the_clients_to_send(world: World) -> None:
    """It starts like an internal header, and reaches the sidecar all the same; it goes no further."""
    world.post("a", x_arch_llm_provider_hint="openai/gpt-4o")

    (stream,) = world.sidecar.streams
    assert stream.headers[names.HINT] == "openai/gpt-4o"
    assert names.HINT not in world.a.calls[0].header_names


def test_a_provider_sees_the_clients_headers_and_no_others(world: World) -> None:
    """Nothing of Envoy's, nothing of ours: but for the request id, only what the client and the policy have set."""
    world.a.reply = Reply(status=500)

    world.post("a,b", limit="9000", x_mine="1")

    expected = {
        *("host", "accept", "accept-encoding", "user-agent", "x-mine", "content-length"),
        *("authorization", "x-request-id"),
    }
    assert [call.header_names for call in (*world.a.calls, *world.b.calls)] == [expected] * 2


@pytest.mark.parametrize("name", ["x-request-id", "traceparent", "x-forwarded-for", "via"])
def test_what_identifies_a_request_is_kept_byte_for_byte(world: World, name: str) -> None:
    """Neither overwritten nor added to; also a request id that is no UUID, or one whose bits Envoy would use."""
    value = "1F2a3b4c-0000-9000-8000-00000000000A"

    world.post("a", headers={name: value})

    assert world.a.calls[0].header(name) == [value]


def test_a_request_without_an_id_gets_one(world: World) -> None:
    """All its attempts share it."""
    world.a.reply = Reply(status=500)

    world.post("a,b")

    (first,), (second,) = (provider.calls[0].header("x-request-id") for provider in (world.a, world.b))
    assert first == second
    assert len(first) == 36


def test_a_provider_cannot_steer_envoy(world: World) -> None:
    """An error that claims Envoy must not try again is tried again; a good response that asks for it is not."""
    world.a.reply = Reply(status=429, headers=MISLEADING)
    world.b.reply = Reply(headers=MISLEADING)

    answer = world.post("a,b")

    assert (answer.status_code, len(world.a.calls), len(world.b.calls)) == (200, 1, 1)
    assert [_internal(set(stream.answer)) for stream in world.sidecar.streams] == [{names.UNPROCESSED}] * 2
    assert _internal(set(answer.headers)) == {names.MODEL}
    assert answer.headers[names.MODEL] == "toy"


def test_a_provider_cannot_steer_envoy_without_a_sidecar_either(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody but Envoy is there to drop what it says of itself."""
    with a_world(tmp_path_factory.mktemp("envoy")) as world:
        world.a.reply = Reply(headers=MISLEADING, after=world.sidecar.dead, pause=0.1)

        with the_worker_dying(world, when=lambda: bool(world.a.calls)):
            answer = world.post("a")

        assert (answer.status_code, len(world.a.calls)) == (200, 1)
        assert _internal(set(answer.headers)) == set()


def test_a_providers_own_headers_reach_the_client_unchanged(world: World) -> None:
    """Envoy writes neither its name nor its times over them."""
    own = [("server", "theirs/1.0"), ("x-request-id", "theirs"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")]
    world.a.reply = Reply(headers=[*own, ("retry-after", "1")])

    answer = world.post("a", x_request_id="mine")

    assert answer.headers.items() >= {*own, ("retry-after", "1")}
    assert set(answer.headers) == {"server", "x-request-id", "date", "retry-after", "transfer-encoding", names.MODEL}


def test_what_the_sidecar_says_to_the_client_passes(world: World) -> None:
    """In its answers before and after an attempt; what it says to the edge does not."""
    world.a.reply = Reply(status=429)

    for answer in (world.post("a"), world.post("a", answer="400")):
        assert _internal(set(answer.headers)) == {names.ATTEMPTS}
        assert answer.headers["content-type"] == "application/json"


def test_http_2_is_spoken_with_prior_knowledge(world: World) -> None:
    """The same port takes HTTP/1.1 and HTTP/2, without TLS."""
    world.a.reply = Reply(status=429)
    with httpx.Client(http1=False, http2=True, timeout=DEADLINE) as client:
        answer = client.post(f"{world.url}/v1/x", content=b"{}", headers={"plan": "a,b"})

    assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
