"""Each test is a small program of its own: `ChildProcesses` takes the signals of the whole process it is in."""

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
from support.waiting import eventually_sync

if TYPE_CHECKING:
    from collections.abc import Iterator

PRELUDE = """
import os, signal, sys
from extproc.exits import Failure
from extproc.system.child_processes import ChildExited, ChildProcesses, StopRequested

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup

def say(*words):
    print(*words, flush=True)
"""
STUBBORN = """["sh", "-c", "trap '' TERM; exec sleep 60"]"""


@contextmanager
def program(text: str) -> Iterator[subprocess.Popen[str]]:
    """Run *text* as a Python program, after the tests' imports; it is killed if it still runs at the end."""
    code = PRELUDE + textwrap.dedent(text)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def output_of(text: str) -> list[str]:
    """Return the lines that the program *text* prints until it exits."""
    with program(text) as process:
        output, _ = process.communicate(timeout=20)
        return output.splitlines()


def next_line(process: subprocess.Popen[str]) -> str:
    """Return the next line that *process* prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def wait_for_exit(*pids: int) -> None:
    """Wait until processes *pids* have exited; a zombie counts as exited."""
    eventually_sync(lambda: all(map(_is_gone, pids)), what=f"the exit of {pids}", within=20)


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_exit_of_a_child_is_an_event() -> None:
    """It has the child's name and its exit code or signal."""
    assert output_of("""
        with ChildProcesses() as children:
            children.start("one", ["sh", "-c", "exit 7"])
            say(children.wait(10))
            children.start("two", ["sh", "-c", "kill -KILL $$"])
            say(children.wait(10))
    """) == ["one exited with code 7", "two was killed by SIGKILL"]


def test_the_exit_of_two_children_is_two_events() -> None:
    """The kernel may merge their SIGCHLD into one."""
    assert output_of("""
        with ChildProcesses() as children:
            children.start("one", ["true"])
            children.start("two", ["true"])
            say(*sorted(children.wait(10).name for _ in range(2)))
    """) == ["one two"]


def test_no_event_within_the_timeout_is_none() -> None:
    """A caller can do other work in between."""
    assert output_of("""
        with ChildProcesses() as children:
            children.start("one", ["sleep", "60"])
            say(children.wait(0.01))
    """) == ["None"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_stop_signal_is_the_same_event(number: signal.Signals) -> None:
    """SIGINT, SIGTERM and SIGHUP: no traceback, no code is interrupted."""
    with program("""
        with ChildProcesses() as children:
            say("ready")
            say(children.wait(10))
    """) as process:
        assert next_line(process) == "ready"
        process.send_signal(number)

        assert next_line(process) == "StopRequested()"
        assert process.wait(10) == 0


def test_sighup_is_ignored_under_nohup() -> None:
    """An inherited SIG_IGN is respected although the signal is blocked."""
    assert output_of("""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with ChildProcesses() as children:
            os.kill(os.getpid(), signal.SIGHUP)
            say(children.wait(0.01))
    """) == ["None"]


def test_a_signal_between_two_waits_is_not_lost() -> None:
    """It stays pending until the next wait."""
    assert output_of("""
        with ChildProcesses() as children:
            os.kill(os.getpid(), signal.SIGTERM)
            say(children.wait(10))
    """) == ["StopRequested()"]


def test_leaving_the_context_terminates_all_children() -> None:
    """Also when an exception leaves it; the parent lives on, so it is not its death that ends them."""
    with program("""
        try:
            with ChildProcesses() as children:
                for name in ("one", "two"):
                    children.start(name, ["sleep", "60"])
                    say(children._children[name].pid)
                raise Failure("enough")
        except Failure:
            say("left")
        signal.pause()
    """) as process:
        one, two = int(next_line(process)), int(next_line(process))
        assert next_line(process) == "left"

        assert _is_gone(one)
        assert _is_gone(two)
        assert process.poll() is None


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace_period() -> None:
    """No child is left running."""
    before = time.monotonic()
    (pid,) = output_of(f"""
        with ChildProcesses(grace=0.2) as children:
            children.start("one", {STUBBORN})
            say(children._children["one"].pid)
            children.wait(0.2)
    """)

    wait_for_exit(int(pid))
    assert time.monotonic() - before < 10


def test_a_second_stop_request_ends_the_grace_period() -> None:
    """Ctrl-C twice kills at once."""
    with program(f"""
        with ChildProcesses(grace=60) as children:
            children.start("one", {STUBBORN})
            say(children._children["one"].pid)
            say(children.wait(60))
    """) as process:
        pid = int(next_line(process))
        process.send_signal(signal.SIGINT)
        assert next_line(process) == "StopRequested()"
        process.send_signal(signal.SIGINT)

        assert process.wait(10) == 0
        wait_for_exit(pid)


def test_children_do_not_outlive_a_parent_that_was_killed() -> None:
    """The kernel sends them the parent-death signal."""
    with program("""
        with ChildProcesses() as children:
            children.start("one", ["sleep", "60"])
            say(children._children["one"].pid)
            children.wait()
    """) as process:
        pid = int(next_line(process))
        process.kill()

        wait_for_exit(pid)


def test_a_ctrl_c_at_the_terminal_reaches_the_parent_alone() -> None:
    """Envoy would exit at once, with its requests in flight."""
    (line,) = output_of("""
        with ChildProcesses() as children:
            children.start("one", ["sleep", "60"])
            say(os.getsid(children._children["one"].pid) != os.getsid(0))
    """)

    assert line == "True"


def test_children_start_with_no_signal_blocked() -> None:
    """A child that inherited the parent's signal mask could not be stopped by SIGTERM."""
    (mask,) = output_of("""
        with ChildProcesses() as children:
            children.start("one", ["sh", "-c", "grep SigBlk /proc/self/status"])
            children.wait(10)
    """)

    assert int(mask.split()[1], 16) == 0


def test_a_command_that_cannot_be_started_is_a_failure() -> None:
    """The message has the command and the reason."""
    assert output_of("""
        try:
            with ChildProcesses() as children:
                children.start("Envoy", ["/nonexistent/envoy"])
        except Failure as failure:
            say(str(failure))
    """) == ["Envoy cannot be started: /nonexistent/envoy: No such file or directory"]
