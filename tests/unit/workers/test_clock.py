from extproc.workers.clock import anchored_clock


def test_it_returns_the_time_of_day_in_milliseconds() -> None:
    """Instants are comparable between processes of the host."""
    clock = anchored_clock(lambda: 1_700_000_000.5, lambda: 40.0)

    assert clock() == 1_700_000_000_500


def test_a_step_of_the_wall_clock_is_ignored() -> None:
    """The wall clock is read once: blocks and waits end at the same time."""
    wall = iter([1000.0])
    monotonic = iter([5.0, 5.25, 6.0])
    clock = anchored_clock(lambda: next(wall), lambda: next(monotonic))

    assert [clock(), clock()] == [1_000_250, 1_001_000]
