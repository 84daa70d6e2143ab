"""When slow responses add up to a block."""

from __future__ import annotations

from support.policy.builders import NOW, P, S, a_high_latency, after

from extproc.policy.latency import SlowResponses

THREE_IN_A_SECOND = a_high_latency(min_triggers=3, window=1000)


def noted(*times: int, subject: str = P) -> list[bool]:
    slow = SlowResponses()
    return [slow.note(THREE_IN_A_SECOND, subject, now=after(at)) for at in times]


def test_one_is_enough_by_default() -> None:
    """And the next is enough again."""
    slow = SlowResponses()

    assert [slow.note(a_high_latency(), P, now=NOW) for _ in range(3)] == [True, True, True]


def test_enough_within_the_window() -> None:
    assert noted(0, 500, 999) == [False, False, True]


def test_what_is_older_than_the_window_does_not_count() -> None:
    """A response is out of the window that ends a window's length after it."""
    assert noted(0, 500, 1000, 1400) == [False, False, False, True]


def test_the_count_starts_over() -> None:
    assert noted(0, 1, 2, 3, 4, 5) == [False, False, True, False, False, True]


def test_each_subject_is_counted_for_itself() -> None:
    slow = SlowResponses()

    noted = [slow.note(THREE_IN_A_SECOND, subject, now=NOW) for subject in (P, S, P, S, P, S)]

    assert noted == [False, False, False, False, True, True]


def test_each_rule_counts_for_itself() -> None:
    """Two policies may disagree about what is slow."""
    slow, other = SlowResponses(), a_high_latency(min_triggers=2, window=1000)

    assert [slow.note(rule, P, now=NOW) for rule in (THREE_IN_A_SECOND, other) * 3] == [
        False,
        False,
        False,
        True,
        True,
        False,
    ]


def test_windows_do_not_grow_with_names_that_clients_invent() -> None:
    """A window that has emptied goes; one that has not stays."""
    slow = SlowResponses()
    for number in range(1022):
        slow.note(THREE_IN_A_SECOND, f"ollama/{number}", now=NOW)
    slow.note(THREE_IN_A_SECOND, P, now=after(1))
    assert len(slow._seen) == 1023

    slow.note(THREE_IN_A_SECOND, S, now=after(1000))

    assert [subject for _, subject in slow._seen] == [P, S]
    assert [slow.note(THREE_IN_A_SECOND, P, now=after(1000)) for _ in range(2)] == [False, True]


def test_windows_that_are_all_in_use_are_not_swept_each_time() -> None:
    """The next sweep is due when there are twice as many."""
    slow = SlowResponses()
    for number in range(1024):
        slow.note(THREE_IN_A_SECOND, f"ollama/{number}", now=NOW)
    for number in range(1023):
        slow.note(THREE_IN_A_SECOND, f"openai/{number}", now=after(1000))
    assert len(slow._seen) == 2047

    slow.note(THREE_IN_A_SECOND, P, now=after(1000))

    assert len(slow._seen) == 1024
