import pytest

from extproc.workers.respawn_backoff import respawn_delay


@pytest.mark.parametrize(("lived", "pause"), [(0.2, 0.1), (0.99, 0.1), (1.0, 0.0), (86_400.0, 0.0)])
def test_a_worker_that_has_served_is_replaced_at_once(lived: float, pause: float) -> None:
    """However often that happens; only one that crashed within a second waits."""
    assert respawn_delay(failures=0, lived=lived, crashed=True) == pause


def test_a_worker_that_exited_cleanly_is_replaced_at_once() -> None:
    assert respawn_delay(failures=0, lived=0.1, crashed=False) == 0.0


def test_a_worker_that_cannot_start_is_retried_with_backoff() -> None:
    pauses = [
        respawn_delay(failures=failures, lived=0.1, crashed=True) for failures in (1, 2, 3, 4, 5, 6, 7, 8, 10_000)
    ]

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
