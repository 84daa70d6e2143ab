"""Memory of what has just failed, whatever comes in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.policy.builders import P, after, http

from extproc.policy.attempt_state import FailedAttempt
from extproc.policy.decision import Exhausted, StopReason
from extproc.policy.repeats import Repeats, Request

noted = st.tuples(
    st.integers(0, 5),  # which request
    st.integers(0, 500),  # milliseconds since the one before
    st.integers(1, 4),  # attempts
    st.sampled_from([0, 1, 100, 2000]),  # window
    st.sampled_from([None, 0, 50, 5000]),  # asked for
)


@given(st.lists(noted, max_size=40), st.integers(0, 3000))
def test_no_request_is_refused_for_longer_than_the_window_or_its_retry_after(
    history: list[tuple[int, int, int, int, int | None]], later: int
) -> None:
    """A request that is refused has failed within both, and gets the time that is left; others there was no room for.

    The window doubles from the third time on, up to eight of them, unless a provider has said when to come. As bodies
    of one length all these are counted together.
    """
    repeats, now, last, times = Repeats(most=20), 0, dict[int, tuple[int, int, int]](), 0
    least, attempts_noted = dict[int, int](), 0
    for number, gap, attempts, window, asked in history:
        now += gap
        failures = tuple(FailedAttempt(P, http(503, asked), "default") for _ in range(attempts))
        reported = Exhausted(StopReason.RULE_SPENT, failures, primary=P)
        repeats.note(Request(P, "", bytes([number])), reported, window=window, now=after(now))
        wait = 2000 if asked is None else asked
        if min(wait, window) > 0:
            times += 1
            longest = min(8, 2 ** max(0, times - 2)) * window if asked is None else min(wait, window)
            last[number] = (now + longest, now + wait, window)
            least[number] = now + min(wait, window)
            attempts_noted += attempts

    for number in range(6):
        found = repeats.recall(Request(P, "", bytes([number])), now=after(now + later))
        if found is not None:
            until, repeatable, window = last[number]
            assert now + later < until
            assert found.retry_after is not None
            if now + later < repeatable:
                assert found.retry_after == repeatable - now - later
            else:
                assert 0 < found.retry_after <= min(until - now - later, window)
        else:
            assert now + later >= least.get(number, 0) or attempts_noted > 20, "it was forgotten, and there was room"
