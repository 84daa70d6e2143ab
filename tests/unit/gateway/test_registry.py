import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from extproc.addresses import UnixAddress
from extproc.exits import Failure
from extproc.gateway.notices import Notice
from extproc.gateway.registry import Run, Runs, start_time, stop_run


def unexpected(notice: Notice) -> None:
    raise AssertionError(notice)


def a_run(config: Path, *, pid: int | None = None, directory: str = "/nonexistent/extproc-x") -> Run:
    """Return a run of *config* by process *pid*; of this very process unless told otherwise."""
    pid = pid or os.getpid()
    return Run(
        pid,
        start_time(pid) or 0,
        str(config.resolve()),
        "http://127.0.0.1:12000",
        directory,
        UnixAddress(Path("/admin")),
    )


def test_a_run_is_found_by_its_configuration_while_it_lasts(tmp_path: Path) -> None:
    """`down` needs nothing but the file that `up` was given."""
    runs, config = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml"
    run = a_run(config)

    with runs.registered(run, unexpected):
        assert runs.find(config) == run
        assert list(runs) == [run]
    assert runs.find(config) is None
    assert list(runs) == []


def test_a_file_is_the_same_by_whatever_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path, a link: one file, one run."""
    runs, config = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml"
    config.touch()
    (tmp_path / "link.yaml").symlink_to(config)
    monkeypatch.chdir(tmp_path)

    with runs.registered(a_run(config), unexpected):
        assert runs.find(Path("gateway.yaml")) is not None
        assert runs.find(Path("link.yaml")) is not None
        assert runs.find(tmp_path / "other" / "gateway.yaml") is None


def test_the_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    """Its process has exited, so its run directory is unused."""
    runs, config, directory = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml", tmp_path / "extproc-abc"
    directory.mkdir()
    gone = replace(a_run(config, directory=str(directory)), started=1)
    with runs.registered(gone, unexpected):
        assert runs.find(config) is None

    assert not directory.exists()


def test_only_run_directories_are_removed(tmp_path: Path) -> None:
    """A record that names another directory is damaged."""
    runs, config, directory = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml", tmp_path / "precious"
    directory.mkdir()
    with runs.registered(replace(a_run(config, directory=str(directory)), started=1), unexpected):
        assert runs.find(config) is None

    assert directory.exists()


def test_a_damaged_record_is_no_run(tmp_path: Path) -> None:
    """It may be truncated, or another version's."""
    runs, config = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml"
    with runs.registered(a_run(config), unexpected):
        record = next((tmp_path / "runs").glob("*.json"))
        for text in ("", "[]", '{"pid": 1}'):
            record.write_text(text)
            assert runs.find(config) is None


def test_a_newer_run_keeps_its_record(tmp_path: Path) -> None:
    """The exit of an earlier run removes its own record only."""
    runs, config = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml"
    newer = a_run(config)
    with runs.registered(replace(newer, started=1), unexpected):
        with runs.registered(newer, unexpected):
            pass
        with runs.registered(newer, unexpected):
            assert runs.find(config) == newer


def test_the_records_are_the_users_own(tmp_path: Path) -> None:
    """Another user could put a process id there that would be signalled."""
    runs = Runs.of_user({"XDG_STATE_HOME": str(tmp_path)})
    with runs.registered(a_run(tmp_path / "gateway.yaml"), unexpected):
        assert (tmp_path / "extproc").stat().st_mode & 0o777 == 0o700


def test_a_home_that_cannot_be_written_to_does_not_stop_a_run() -> None:
    """Only `down` and `restart` do not find it; a warning says so."""
    reported: list[Notice] = []

    with Runs(Path("/proc/extproc")).registered(a_run(Path("gateway.yaml")), reported.append):
        pass

    assert [notice.event for notice in reported] == ["gateway_not_registered"]
    assert "`extproc down` and `restart` will not find this gateway" in reported[0].text


def test_stop_run_sends_sigterm() -> None:
    """And waits for the exit."""
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        run = a_run(Path("gateway.yaml"), pid=child.pid)

        assert stop_run(run, seconds=10)
        assert child.wait() == -15


def test_a_process_that_does_not_exit_is_reported() -> None:
    """The caller decides what to do."""
    script = "trap '' TERM; echo; exec sleep 60"
    with subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # the trap is set
        try:
            assert not stop_run(a_run(Path("gateway.yaml"), pid=child.pid), seconds=0.1)
        finally:
            child.kill()


def test_another_process_with_the_same_id_gets_no_signal() -> None:
    """Process ids are reused: with another start time it is another process."""
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        try:
            assert stop_run(replace(a_run(Path("x.yaml"), pid=child.pid), started=1), seconds=0.1)
            assert child.poll() is None
        finally:
            child.kill()


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_records_that_others_could_have_written_are_not_trusted(tmp_path: Path, mode: int) -> None:
    """They name a process to stop and a directory to remove."""
    (tmp_path / "extproc").mkdir()
    (tmp_path / "extproc").chmod(mode)

    with pytest.raises(Failure, match="other users can write to this directory"):
        Runs.of_user({"XDG_STATE_HOME": str(tmp_path)})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize(("sudo", "trusted"), [({}, False), ({"SUDO_UID": "65534"}, True), ({"SUDO_UID": "x"}, False)])
def test_records_of_another_user_are_not_trusted(tmp_path: Path, sudo: dict[str, str], trusted: bool) -> None:  # noqa: FBT001
    """Except those of the user behind sudo."""
    (tmp_path / "extproc").mkdir(mode=0o700)
    os.chown(tmp_path / "extproc", 65534, 65534)
    environ = {"XDG_STATE_HOME": str(tmp_path), **sudo}

    if trusted:
        assert list(Runs.of_user(environ)) == []
    else:
        with pytest.raises(Failure, match="other users can write to this directory"):
            Runs.of_user(environ)


def test_a_log_is_its_owners_alone(tmp_path: Path) -> None:
    """Even if a readable file or a symbolic link was there before."""
    runs, config, precious = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml", tmp_path / "precious"
    with runs.new_log_of(config) as log:
        log.write(b"one")
    runs.log_of(config).chmod(0o644)

    with runs.new_log_of(config) as log:
        log.write(b"two")
    assert (runs.log_of(config).read_text(), runs.log_of(config).stat().st_mode & 0o777) == ("two", 0o600)

    precious.write_text("precious")
    runs.log_of(config).unlink()
    runs.log_of(config).symlink_to(precious)
    with pytest.raises(OSError, match="symbolic"):
        runs.new_log_of(config)
    assert precious.read_text() == "precious"
