"""Each test is a small program of its own: `Family` takes the signals of the whole process it is in."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PRELUDE = """
import os, signal, sys
from extproc.exits import Failure
from extproc.system.child_processes import Ended, Family, StopAsked

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup

def say(*words):
    print(*words, flush=True)
"""
STUBBORN = """["sh", "-c", "trap '' TERM; exec sleep 60"]"""


@contextmanager
def program(text: str) -> Iterator[subprocess.Popen[str]]:
    """Run *text* as a Python program, with what the tests need imported; it is killed if it is still there."""
    code = PRELUDE + textwrap.dedent(text)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def told_by(text: str) -> list[str]:
    """Return the lines that the program *text* prints until it ends."""
    with program(text) as process:
        output, _ = process.communicate(timeout=20)
        return output.splitlines()


def next_line(process: subprocess.Popen[str]) -> str:
    """Return the next line that *process* prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def until_gone(*pids: int, seconds: float = 0.1) -> None:
    """Wait until processes *pids* have ended; one that nobody has asked about counts as gone."""
    wait_until(lambda: all(map(_is_gone, pids)), what=f"the end of {pids}", seconds=seconds)


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_childs_own_end_is_news() -> None:
    """Who ended, and how: by exit code or by signal."""
    assert told_by("""
        with Family() as family:
            family.start("one", ["sh", "-c", "exit 7"])
            say(family.wait(10))
            family.start("two", ["sh", "-c", "kill -KILL $$"])
            say(family.wait(10))
    """) == ["one has ended with exit code 7", "two has ended by SIGKILL"]


def test_the_end_of_two_children_is_told_of_both() -> None:
    """The kernel may merge their signals into one."""
    assert told_by("""
        with Family() as family:
            family.start("one", ["true"])
            family.start("two", ["true"])
            say(*sorted(family.wait(10).name for _ in range(2)))
    """) == ["one two"]


def test_no_news_within_the_time_is_none() -> None:
    """A caller can look at other things in between."""
    assert told_by("""
        with Family() as family:
            family.start("one", ["sleep", "60"])
            say(family.wait(0.01))
    """) == ["None"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_way_to_ask_for_the_end_is_the_same_news(number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM, and a terminal that goes away: no traceback, no code left half-way."""
    with program("""
        with Family() as family:
            say("ready")
            say(family.wait(10))
    """) as process:
        assert next_line(process) == "ready"
        process.send_signal(number)

        assert next_line(process) == "StopAsked()"
        assert process.wait(10) == 0


def test_a_terminal_that_goes_is_no_reason_under_nohup() -> None:
    """Whoever ignores that signal for us wants us to stay."""
    assert told_by("""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with Family() as family:
            os.kill(os.getpid(), signal.SIGHUP)
            say(family.wait(0.01))
    """) == ["None"]


def test_a_signal_that_came_while_nobody_looked_is_not_lost() -> None:
    """It waits until it is asked for."""
    assert told_by("""
        with Family() as family:
            os.kill(os.getpid(), signal.SIGTERM)
            say(family.wait(10))
    """) == ["StopAsked()"]


def test_leaving_ends_all_children() -> None:
    """Also when an error leaves the context."""
    one, two = told_by("""
        try:
            with Family() as family:
                for name in ("one", "two"):
                    family.start(name, ["sleep", "60"])
                    say(family._children[name].pid)
                raise Failure("enough")
        except Failure:
            pass
    """)

    until_gone(int(one), int(two))


def test_a_child_that_ignores_the_request_is_killed_after_its_grace() -> None:
    """Nothing is left running."""
    before = time.monotonic()
    (pid,) = told_by(f"""
        with Family(grace=0.2) as family:
            family.start("one", {STUBBORN})
            say(family._children["one"].pid)
            family.wait(0.2)
    """)

    until_gone(int(pid))
    assert time.monotonic() - before < 10


def test_being_asked_again_cuts_the_grace_short() -> None:
    """Who presses Ctrl-C twice does not want to wait."""
    with program(f"""
        with Family(grace=60) as family:
            family.start("one", {STUBBORN})
            say(family._children["one"].pid)
            say(family.wait(60))
    """) as process:
        pid = int(next_line(process))
        process.send_signal(signal.SIGINT)
        assert next_line(process) == "StopAsked()"
        process.send_signal(signal.SIGINT)

        assert process.wait(10) == 0
        until_gone(pid)


def test_children_do_not_outlive_a_parent_that_was_killed() -> None:
    """The kernel tells them: nobody else could."""
    with program("""
        with Family() as family:
            family.start("one", ["sleep", "60"])
            say(family._children["one"].pid)
            family.wait()
    """) as process:
        pid = int(next_line(process))
        process.kill()

        until_gone(pid, seconds=5)


def test_a_ctrl_c_at_the_terminal_reaches_the_parent_alone() -> None:
    """Envoy would end at once, with the requests in it."""
    (line,) = told_by("""
        with Family() as family:
            family.start("one", ["sleep", "60"])
            say(os.getsid(family._children["one"].pid) != os.getsid(0))
    """)

    assert line == "True"


def test_children_start_with_no_signal_blocked() -> None:
    """We block ours; a child that inherited that could not be ended politely."""
    (mask,) = told_by("""
        with Family() as family:
            family.start("one", ["sh", "-c", "grep SigBlk /proc/self/status"])
            family.wait(10)
    """)

    assert int(mask.split()[1], 16) == 0


def test_what_cannot_be_started_is_a_failure_with_its_reason() -> None:
    """One clear message."""
    assert told_by("""
        try:
            with Family() as family:
                family.start("Envoy", ["/nonexistent/envoy"])
        except Failure as failure:
            say(failure.message)
    """) == ["Envoy cannot be started: /nonexistent/envoy: No such file or directory"]
