"""When a worker hangs: it says nothing, and is neither running nor waiting for its turn to run."""

from __future__ import annotations

import asyncio
import os

import pytest

from extproc.workers.liveness import (
    BEAT_INTERVAL,
    CHECK_INTERVAL,
    HANG_TIMEOUT,
    MISSED_CHECKS,
    SPIN_LIMIT,
    START_TIMEOUT,
    Heartbeat,
    LivenessCheck,
    ProcessState,
)

STEP = CHECK_INTERVAL


class Watched:
    """A worker and its supervisor's view of it, with a clock of its own. Mutable: time passes, and it beats."""

    def __init__(self, timeout: float = HANG_TIMEOUT) -> None:
        self.now = 1000.0
        self.count = 0
        self.state, self.cpu = "S", 0.0
        self._timeout = timeout
        self._check = LivenessCheck(self.now)

    def look(self, *, after: float = STEP, beats: bool = False, cpu: float = 0.0) -> bool:
        """Return whether it is hung, *after* so many seconds in which it used *cpu*."""
        self.now += after
        self.cpu += cpu
        self.count = (self.count + beats) % 256
        state = ProcessState(self.state, self.cpu)
        return self._check.is_hung(self.count, lambda: state, self.now, timeout=self._timeout)

    def seconds_until_hung(self, *, state: str, cpu: float = 0.0, within: float = 60.0) -> float | None:
        """Return after how much silence it counts as hung; None: it does not *within* so many seconds."""
        self.look(beats=True)
        self.state, began = state, self.now
        while self.now - began < within:
            if self.look(cpu=cpu):
                return self.now - began
        return None


@pytest.mark.parametrize("state", ["S", "T", "Z"])
def test_one_that_is_silent_and_does_not_run_is_hung_after_a_second(state: str) -> None:
    """It sleeps, or was stopped: so soon that its successor answers within two seconds."""
    silent = Watched().seconds_until_hung(state=state)

    assert silent is not None
    assert HANG_TIMEOUT <= silent < HANG_TIMEOUT + 2 * STEP


@pytest.mark.parametrize("state", ["R", "D", "t"])
def test_one_that_waits_for_its_turn_is_not(state: str) -> None:
    """Starved of processor time, or of a disk: to kill it would take even more. Nor one that a debugger holds."""
    assert Watched().seconds_until_hung(state=state) is None


def test_one_that_works_is_not() -> None:
    """Between two looks it has used processor time, wherever it was at that moment."""
    assert Watched().seconds_until_hung(state="S", cpu=0.01) is None


def test_one_that_turns_in_circles_is() -> None:
    """No request needs so much processor time at once."""
    silent = Watched().seconds_until_hung(state="R", cpu=STEP)

    assert silent is not None
    assert silent > SPIN_LIMIT


def test_one_that_beats_is_never_hung() -> None:
    """However often the counter has been all the way round, and whatever it does in between."""
    watched = Watched()
    watched.state = "T"

    assert not any(watched.look(beats=True) for _ in range(600))


@pytest.mark.parametrize("after", [BEAT_INTERVAL, HANG_TIMEOUT - STEP])
def test_a_late_beat_is_one(after: float) -> None:
    watched = Watched()

    assert not any(watched.look(after=after, beats=beats) for _ in range(50) for beats in (False, True))


def test_a_supervisor_that_was_stopped_resets_its_checks() -> None:
    """Both were stopped, or their machine was: the worker has had no chance to beat."""
    watched = Watched()
    watched.look(beats=True)
    watched.state = "T"
    watched.look()

    assert not watched.look(after=MISSED_CHECKS + 3600)
    assert not watched.look()
    assert watched.seconds_until_hung(state="T") is not None


def test_one_moment_of_silence_is_not_enough() -> None:
    """It may just have been about to run."""
    watched = Watched()
    watched.look(beats=True)
    watched.state = "R"
    for _ in range(20):
        assert not watched.look()
    watched.state = "S"
    assert not watched.look()
    assert watched.look()


def test_one_that_starts_has_more_time() -> None:
    """To look a name up: nobody waits for it yet. It need not have beaten at all."""
    watched = Watched(START_TIMEOUT)
    looks = [watched.look() for _ in range(60)]

    assert START_TIMEOUT <= (looks.index(True) + 1) * STEP <= START_TIMEOUT + 2 * STEP


@pytest.mark.asyncio
async def test_a_heartbeat_goes_on_for_as_long_as_its_loop_runs() -> None:
    heartbeat = Heartbeat()
    beating = asyncio.create_task(heartbeat.run())
    seen = {heartbeat.count}
    while len(seen) < 3:
        await asyncio.sleep(BEAT_INTERVAL / 4)
        seen.add(heartbeat.count)
    beating.cancel()

    assert seen == {0, 1, 2}


def test_a_fork_shares_it() -> None:
    heartbeat = Heartbeat()
    pid = os.fork()
    if pid == 0:
        heartbeat.beat()
        os._exit(0)
    os.waitpid(pid, 0)

    assert heartbeat.count == 1
    heartbeat.close()


def test_it_goes_round() -> None:
    heartbeat = Heartbeat()
    for _ in range(257):
        heartbeat.beat()

    assert heartbeat.count == 1


def test_the_kernel_reports_this_process() -> None:
    seen = ProcessState.of(os.getpid())

    assert (seen.state, seen.cpu > 0) == ("R", True)


def test_of_one_that_nothing_is_known_of_no_harm_is_thought() -> None:
    assert ProcessState.of(2**22 + 1) == ProcessState("R", 0.0)
