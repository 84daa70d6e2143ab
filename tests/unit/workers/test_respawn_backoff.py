import pytest

from extproc.workers.respawn_backoff import pause_before_restart


@pytest.mark.parametrize(("lived", "pause"), [(0.2, 0.1), (0.99, 0.1), (1.0, 0.0), (86_400.0, 0.0)])
def test_who_has_served_comes_back_at_once(lived: float, pause: float) -> None:
    """However often: a host that kills its processes needs them all the more. Only the very young wait a moment."""
    assert pause_before_restart(failures=0, lived=lived, crashed=True) == pause


def test_who_was_told_to_end_is_replaced_at_once() -> None:
    assert pause_before_restart(failures=0, lived=0.1, crashed=False) == 0.0


def test_who_cannot_begin_is_tried_ever_less_often() -> None:
    pauses = [
        pause_before_restart(failures=failures, lived=0.1, crashed=True)
        for failures in (1, 2, 3, 4, 5, 6, 7, 8, 10_000)
    ]

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
