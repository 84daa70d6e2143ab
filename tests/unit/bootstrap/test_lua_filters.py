"""What the script between edge and attempts does, try by try."""

from __future__ import annotations

import re

import pytest
from support.envoy.lua import Request, Script, Stream

from extproc import names
from extproc.bootstrap.lua_filters import FINISH_MARKED_RESPONSES, state_script
from extproc.bootstrap.timeouts import NO_WORKER_RETRY_WINDOW

MOST_CALLS = 3
NOBODY = {":status": "503", names.UNPROCESSED: "0"}
PROCESSED = {
    ":status": "429",
    names.UNPROCESSED: names.PROCESSED,
    names.REDISPATCH: "1",
    names.STATE: "state of one",
}
GOOD = {":status": "200", names.UNPROCESSED: names.PROCESSED, names.IN_FLIGHT: "in flight"}
DIED = {":status": "500", names.UNPROCESSED: "500"}
DEGRADED = {":status": "200", names.UNPROCESSED: names.PROCESSED, names.DEGRADED: "true"}
MARKED = {names.DEGRADED: "1"}


class Tries:
    """The tries of one request. Mutable: time passes."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._stream = Stream()

    def sent(self, **headers: str) -> dict[str, str]:
        """Return the headers with which the next try is sent."""
        return self._script.run("envoy_on_request", Request(headers, stream=self._stream)).sent

    def answered(self, headers: dict[str, str]) -> dict[str, str]:
        """Return what the edge's router sees of a response with *headers*."""
        return self._script.run("envoy_on_response", Request(headers, stream=self._stream)).sent

    def wait(self, millis: int) -> None:
        """Let time pass."""
        self._stream.now += millis


@pytest.fixture(params=[False, True], ids=["refuse", "let through"])
def either(request: pytest.FixtureRequest) -> Script:
    return Script(state_script(most_calls=MOST_CALLS, fail_open=request.param))


@pytest.fixture
def refusing() -> Script:
    return Script(state_script(most_calls=MOST_CALLS, fail_open=False))


@pytest.fixture
def letting() -> Script:
    return Script(state_script(most_calls=MOST_CALLS, fail_open=True))


def test_the_state_is_carried_from_a_response_to_the_next_attempt(either: Script) -> None:
    """And to nobody else: the response has it no more."""
    tries = Tries(either)
    assert tries.sent() == {}

    assert names.STATE not in tries.answered(dict(PROCESSED))
    assert tries.sent() == {names.STATE: "state of one"}
    assert tries.answered(dict(NOBODY)) == NOBODY
    assert tries.sent() == {names.STATE: "state of one"}


def undecided(mark: str, lost: str | None = None, *, state: str | None = "in flight") -> dict[str, str]:
    """Return the headers of a response on which nobody has decided."""
    headers = {":status": "502", names.UNPROCESSED: mark, names.LOST: lost, names.IN_FLIGHT: state}
    return {name: value for name, value in headers.items() if value is not None}


@pytest.mark.parametrize(
    ("mark", "lost", "seen", "told", "status"),
    [
        ("429", None, "429", "429", "502"),
        ("429", names.BROKEN, names.BROKEN, "429", "429"),  # the status was in its headers, the rest has broken off
        ("503", names.BROKEN, names.BROKEN, "503", "503"),
        ("404", names.BROKEN, names.BROKEN, "404", "404"),  # whether it is final depends on whose it is
        ("504", names.TIMED_OUT, names.TIMED_OUT, "504", "504"),
        ("413", "413", "413", "413", "413"),  # Envoy's own, for a body that is too big
        ("200", names.BROKEN, names.BROKEN, names.BROKEN, "502"),
        ("0", names.BROKEN, names.BROKEN, names.BROKEN, "502"),  # refused or reset: nobody has answered at all
        ("0", names.TIMED_OUT, names.TIMED_OUT, names.TIMED_OUT, "502"),
        ("0", None, names.BROKEN, names.BROKEN, "502"),  # by an Envoy that does not say so
    ],
)
def test_an_unprocessed_outcome_is_carried_to_the_next_attempt(
    either: Script, *, mark: str, lost: str | None, seen: str, told: str, status: str
) -> None:
    """With the attempt that it was, so that it can be charged; and the edge's router sees why it tries again.

    Where no try follows, the client is told the status that the provider has sent, not that Envoy has no response.
    """
    tries = Tries(either)

    assert tries.answered(undecided(mark, lost)) == {":status": status, names.UNPROCESSED: seen}
    assert tries.sent() == {names.STATE: "in flight", names.UNPROCESSED: told}


@pytest.mark.parametrize(("mark", "told"), [("429", "429 why{so}"), ("200", f"{names.BROKEN} why{{so}}")])
def test_envoys_reason_goes_along(either: Script, mark: str, told: str) -> None:
    """To the next try, for its log; the edge's router goes by one word."""
    tries = Tries(either)

    answered = tries.answered(undecided(mark, f"{names.BROKEN} why{{so}}"))

    assert answered[names.UNPROCESSED] == names.BROKEN
    assert tries.sent()[names.UNPROCESSED] == told


def test_a_processed_outcome_is_not_carried(either: Script) -> None:
    """The state that a verdict carries replaces that of the attempt in flight."""
    tries = Tries(either)
    tries.answered(undecided("429"))
    tries.answered({**PROCESSED, names.LOST: names.BROKEN})

    assert tries.sent() == {names.STATE: "state of one"}


def test_a_good_response_leaves_no_trace(either: Script) -> None:
    assert Tries(either).answered(dict(GOOD)) == {":status": "200", names.UNPROCESSED: names.PROCESSED}


@pytest.mark.parametrize(
    ("mark", "lost", "status"),
    [("503", None, "503"), ("503", names.BROKEN, "503"), ("0", names.BROKEN, "502"), ("200", names.BROKEN, "502")],
)
def test_without_a_policy_nothing_is_tried_again(either: Script, mark: str, lost: str | None, status: str) -> None:
    """The router sees nothing to go by; the client gets the status that the provider has sent, if it did."""
    headers = {**undecided(mark, lost, state=names.FINAL), ":status": status if lost is None else "502"}

    assert Tries(either).answered(headers) == {":status": status}


@pytest.mark.parametrize("status", ["301", "307", "308"])
@pytest.mark.parametrize("state", ["in flight", names.FINAL, None])
def test_an_unprocessed_redirect_has_no_location(either: Script, status: str, state: str | None) -> None:
    """A client that follows it shows its prompt to whoever it names."""
    headers = {**undecided(status, state=state), ":status": status, "location": "https://elsewhere.test"}

    assert "location" not in Tries(either).answered(headers)


def test_what_has_been_made_may_say_where_it_is(either: Script) -> None:
    """A 201 of a provider's, or any response that somebody has decided on."""
    created = {**undecided("201"), ":status": "201", "location": "/v1/realtime/calls/1"}

    assert Tries(either).answered(created)["location"] == "/v1/realtime/calls/1"


@pytest.mark.parametrize("answer", [PROCESSED, undecided("429"), undecided("0", names.BROKEN)])
def test_there_is_a_most_that_any_request_calls(either: Script, answer: dict[str, str]) -> None:
    """Whatever the sidecar says or fails to say: one call more than any policy allows, and no further one."""
    tries = Tries(either)
    for _ in range(MOST_CALLS):
        assert is_retried(tries.answered(dict(answer)))
        assert is_retried(tries.answered(dict(NOBODY))), "what calls nobody does not count"

    assert not is_retried(tries.answered(dict(answer)))


def test_an_attempt_of_which_nothing_is_known_is_made_twice_more(either: Script) -> None:
    """That is how it is with an Envoy that is not set up to keep what the sidecar says of an attempt."""
    tries = Tries(either)

    assert [is_retried(tries.answered(undecided("503", state=None))) for _ in range(3)] == [True, True, False]


def is_retried(headers: dict[str, str]) -> bool:
    """Return whether the edge's router makes another try, by the headers that it looks at."""
    return (
        headers.get(names.REDISPATCH) == "1"
        or re.fullmatch(names.RETRIED_UNPROCESSED, headers.get(names.UNPROCESSED, "")) is not None
    )


def test_requests_have_nothing_to_do_with_each_other(either: Script) -> None:
    Tries(either).answered(dict(PROCESSED))

    assert Tries(either).sent() == {}


def test_a_request_that_meets_no_worker_is_tried_for_a_while(refusing: Script) -> None:
    """As long as the edge's router sees the 0, it tries again."""
    tries = Tries(refusing)

    assert tries.answered(dict(NOBODY)) == NOBODY
    tries.wait(NO_WORKER_RETRY_WINDOW - 1)
    assert tries.sent() == {}
    assert tries.answered(dict(NOBODY)) == NOBODY
    tries.wait(1)
    assert tries.sent() == {}
    assert tries.answered(dict(NOBODY)) == {":status": "503"}


@pytest.mark.parametrize("answer", [PROCESSED, DIED])
def test_a_worker_in_between_begins_a_new_while(refusing: Script, answer: dict[str, str]) -> None:
    """Workers that come and go are no sidecar that has gone."""
    tries = Tries(refusing)
    tries.answered(dict(NOBODY))
    tries.wait(NO_WORKER_RETRY_WINDOW - 1)
    tries.answered(dict(answer))
    tries.wait(1)

    assert tries.answered(dict(NOBODY)) == NOBODY
    tries.wait(NO_WORKER_RETRY_WINDOW - 1)
    assert tries.answered(dict(NOBODY)) == NOBODY


def test_every_request_waits_for_itself(refusing: Script) -> None:
    """A restart may be over any moment."""
    gone(refusing)
    tries = Tries(refusing)

    assert tries.answered(dict(NOBODY)) == NOBODY
    assert tries.sent() == {}
    assert tries.answered(dict(NOBODY)) == NOBODY


def gone(script: Script) -> None:
    """Have a request find out that no worker is coming."""
    tries = Tries(script)
    tries.answered(dict(NOBODY))
    tries.wait(NO_WORKER_RETRY_WINDOW)
    tries.sent()
    tries.answered(dict(DEGRADED))


def test_after_the_retry_window_it_fails_open(letting: Script) -> None:
    """With the state that it may have: a worker might be there just now."""
    tries = Tries(letting)
    tries.answered(dict(PROCESSED))
    tries.answered(dict(NOBODY))
    tries.wait(NO_WORKER_RETRY_WINDOW)

    assert tries.sent() == {names.STATE: "state of one", **MARKED}
    assert tries.answered(dict(DEGRADED)) == DEGRADED


def test_the_retry_at_the_end_of_the_window_is_followed_by_one_that_fails_open(letting: Script) -> None:
    """The router must see its 0, or it would be the last."""
    tries = Tries(letting)
    tries.answered(dict(NOBODY))
    tries.wait(NO_WORKER_RETRY_WINDOW - 1)
    assert tries.sent() == {}
    tries.wait(1)

    assert tries.answered(dict(NOBODY)) == NOBODY
    assert tries.sent() == MARKED


def test_what_the_default_may_not_get_is_refused_then(letting: Script) -> None:
    """It was let through, and no route took it."""
    tries = Tries(letting)
    tries.answered(dict(NOBODY))
    tries.wait(NO_WORKER_RETRY_WINDOW)
    tries.sent()

    assert tries.answered(dict(NOBODY)) == {":status": "503"}


def test_later_requests_do_not_wait_for_the_retry_window(letting: Script) -> None:
    """One try with the sidecar, then one without."""
    gone(letting)
    tries = Tries(letting)

    assert tries.sent() == {}
    assert tries.answered(dict(NOBODY)) == NOBODY
    assert tries.sent() == MARKED


def test_the_first_response_of_a_worker_ends_the_fail_open_mode(letting: Script) -> None:
    gone(letting)
    Tries(letting).answered(dict(PROCESSED))
    tries = Tries(letting)

    assert tries.answered(dict(NOBODY)) == NOBODY
    assert tries.sent() == {}


@pytest.mark.parametrize("answer", [DEGRADED, DIED])
def test_no_other_response_does(letting: Script, answer: dict[str, str]) -> None:
    """Those of the default least of all."""
    gone(letting)
    Tries(letting).answered(dict(answer))
    tries = Tries(letting)

    tries.answered(dict(NOBODY))
    assert tries.sent() == MARKED


@pytest.mark.parametrize(
    ("path", "headers", "anthropics"),
    [
        ("/v1/messages", {}, True),
        ("/messages?beta=true", {}, True),
        ("/anthropic/v1/v1/messages/count_tokens", {}, True),
        ("/api/v1/v1/messages", {}, True),
        ("/v1/threads/messages", {}, False),
        ("/v1/files", {"anthropic-version": "2023-06-01"}, True),
        ("/v1/messages_of_mine", {"anthropic-version": "2023-06-01"}, True),
        ("/v1/chat/completions", {}, False),
        ("/v1/threads/t/messages", {}, False),
        ("/v1/messages_of_mine", {}, False),
        ("/v1/x?path=/messages", {}, False),
    ],
)
def test_the_script_of_the_edge_knows_anthropics_requests(path: str, headers: dict[str, str], anthropics: bool) -> None:  # noqa: FBT001 -- a parameter of the table
    """The same that the local replies know, whose expression is Envoy's and no Lua."""
    request = Request({":method": "POST", ":path": path, **headers})

    Script(FINISH_MARKED_RESPONSES).run("envoy_on_request", request)

    assert bool(request.streamInfo().kept) is anthropics
