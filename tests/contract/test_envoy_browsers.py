"""What browsers ask and what they are told: only pages that the configuration names may call, and read the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from support.toys.provider import Reply
from support.toys.world import DEAD, a_world
from support.waiting import DEADLINE

from extproc import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.toys.world import World

CHAT = "/v1/chat/completions"
NAMED = ("https://app.example.com", "https://*.pages.example", "http://localhost:*", "chrome-extension://abc")
LET_IN = (
    "https://app.example.com",
    "https://a.pages.example",
    "https://a.b-c.pages.example",
    "http://localhost:5173",
    "http://localhost",
    "chrome-extension://abc",
)
KEPT_OUT = (
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://appXexample.com",
    "https://pages.example",
    "https://evilpages.example",
    "https://a.pages.example.evil.example",
    "https://evil.example/.pages.example",
    "http://localhost:80.evil.example",
    "http://localhost.evil.example:80",
    "null",
)
LIMIT = 10_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("envoy"), origins=NAMED, body_limit=LIMIT, timeout=1_500) as world:
        yield world


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run a gateway without `cors`."""
    with a_world(tmp_path_factory.mktemp("without")) as world:
        yield world


def _asked(world: World, method: str, path: str = CHAT, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, f"{world.url}{path}", headers={"plan": "a", **named}, timeout=DEADLINE)


def _preflight(world: World, origin: str, path: str = CHAT) -> httpx.Response:
    wanted = {"access_control_request_method": "POST", "access_control_request_headers": "authorization,x-stainless-os"}
    return _asked(world, "OPTIONS", path, origin=origin, **wanted)


def _cors(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", LET_IN)
def test_a_page_that_is_named_may_call(world: World, origin: str) -> None:
    """The browser gets its response at the edge: neither the sidecar nor a provider is asked."""
    answer = _preflight(world, origin)

    assert answer.status_code == 200
    told = _cors(answer.headers)
    assert told.pop("access-control-expose-headers")
    assert told == {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers": "authorization, *",
        "access-control-max-age": "3600",
    }
    assert (world.sidecar.streams, world.a.calls) == ([], [])


@pytest.mark.parametrize("origin", KEPT_OUT)
def test_a_page_that_is_not_named_may_not(world: World, origin: str) -> None:
    """It is told why, and what it sends all the same it cannot read."""
    answer = _preflight(world, origin)

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"
    assert _cors(answer.headers) == {}
    assert (world.sidecar.streams, world.a.calls) == ([], [])
    assert _cors(world.post("a", headers={"origin": origin}).headers) == {}


def test_without_cors_no_page_may_call(unnamed: World) -> None:
    """Whatever the provider would say to that."""
    unnamed.forget()
    unnamed.a.reply = Reply(headers=[("access-control-allow-origin", "*"), ("access-control-expose-headers", "x")])

    asked = _preflight(unnamed, "https://app.example.com")
    json = {"content-type": "application/json"}
    answer = unnamed.post("a", headers={"origin": "https://app.example.com", **json})

    assert (asked.status_code, asked.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert _cors(asked.headers) == _cors(answer.headers) == {}
    assert len(unnamed.a.calls) == len(unnamed.sidecar.streams) == 1


SIMPLE = (
    "text/plain",
    "text/plain;charset=UTF-8",
    "Application/X-WWW-Form-Urlencoded",
    "multipart/form-data; boundary=b",
    "",
)


@pytest.mark.parametrize("content_type", SIMPLE)
@pytest.mark.parametrize("origin", KEPT_OUT)
def test_a_page_that_is_not_named_cannot_spend_anything(world: World, origin: str, content_type: str) -> None:
    """What browsers send without asking first: the page could not read the response, but have it made."""
    answer = world.post("a", headers={"origin": origin, "content-type": content_type})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert (world.sidecar.streams, world.a.calls) == ([], [])


@pytest.mark.parametrize("content_type", SIMPLE)
def test_a_page_that_is_named_may_send_anything(world: World, content_type: str) -> None:
    answer = world.post("a", headers={"origin": NAMED[0], "content-type": content_type})

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == NAMED[0]


def test_without_cors_no_page_can_spend_anything(unnamed: World) -> None:
    unnamed.forget()

    answer = unnamed.post("a", headers={"origin": "https://app.example.com", "content-type": "text/plain"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert (unnamed.sidecar.streams, unnamed.a.calls) == ([], [])


def test_a_program_that_says_an_origin_and_sends_json_is_served(unnamed: World) -> None:
    """A desktop application, say: no browser would have sent that without a preflight."""
    unnamed.forget()

    answer = unnamed.post("a", headers={"origin": "app://desktop", "content-type": "application/json"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "plan", "body", "status"),
    [
        (CHAT, "a", b"{}", 200),
        (CHAT, DEAD, b"{}", 503),
        ("/v1/messages", "a", b"x" * (LIMIT + 1), 413),
        (CHAT, "slow", b"{}", 504),
        ("/healthz", "a", b"", 200),
    ],
)
def test_a_listed_origin_can_read_every_response(world: World, path: str, plan: str, body: bytes, status: int) -> None:
    """A provider's, the sidecar's and Envoy's, errors too: else a page learns of none but that something failed."""
    world.a.reply = Reply(pause=DEADLINE if plan == "slow" else 0, headers=[("access-control-allow-origin", "*")])

    answer = world.post(
        plan.replace("slow", "a"), body, path=path, headers={"origin": NAMED[0]}, limit="1500", deliver="1"
    )

    assert answer.status_code == status
    assert answer.headers.get_list("access-control-allow-origin") == [NAMED[0]]
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {names.MODEL, names.ATTEMPTS, "x-request-id", "retry-after"} < set(exposed)
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [CHAT, "/", "/v1/files/x"])
def test_a_method_that_no_api_has_goes_no_further(world: World, method: str, path: str) -> None:
    """TRACE would send back the credential that it comes with."""
    answer = _asked(world, method, path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert (world.sidecar.streams, world.a.calls) == ([], [])


def test_a_tunnel_is_refused_at_once(world: World) -> None:
    """Its body never ends: nobody must wait for that."""
    with httpx.Client(timeout=DEADLINE) as client:
        answer = client.send(
            httpx.Request("CONNECT", world.url, headers={"host": "api.openai.com:443"}, extensions={"target": b"a:1"})
        )

    assert answer.status_code == 405
    assert world.sidecar.streams == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_method_that_an_api_may_have_reaches_the_sidecar(world: World, method: str) -> None:
    _asked(world, method, answer="400")

    assert [stream.headers[":method"] for stream in world.sidecar.streams] == [method]
