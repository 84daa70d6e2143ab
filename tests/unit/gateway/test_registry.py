import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from extproc.addresses import UnixAddress
from extproc.exits import Failure
from extproc.gateway.registry import Run, Runs, ask_to_stop, start_time


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

    with runs.recording(run):
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

    with runs.recording(a_run(config)):
        assert runs.find(Path("gateway.yaml")) is not None
        assert runs.find(Path("link.yaml")) is not None
        assert runs.find(tmp_path / "other" / "gateway.yaml") is None


def test_what_a_killed_run_has_left_is_cleared_away(tmp_path: Path) -> None:
    """Its process is gone, so its private directory is nobody's."""
    runs, config, directory = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml", tmp_path / "extproc-abc"
    directory.mkdir()
    gone = replace(a_run(config, directory=str(directory)), started=1)
    with runs.recording(gone):
        assert runs.find(config) is None

    assert not directory.exists()


def test_only_directories_of_ours_are_cleared_away(tmp_path: Path) -> None:
    """A record that names another directory is damaged; nothing is removed on its word."""
    runs, config, directory = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml", tmp_path / "precious"
    directory.mkdir()
    with runs.recording(replace(a_run(config, directory=str(directory)), started=1)):
        assert runs.find(config) is None

    assert directory.exists()


def test_a_damaged_record_is_no_run(tmp_path: Path) -> None:
    """It may be half of a file, or another version's."""
    runs, config = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml"
    with runs.recording(a_run(config)):
        record = next((tmp_path / "runs").glob("*.json"))
        for text in ("", "[]", '{"pid": 1}'):
            record.write_text(text)
            assert runs.find(config) is None


def test_a_newer_run_keeps_its_record(tmp_path: Path) -> None:
    """The end of an earlier one removes nothing but its own."""
    runs, config = Runs(tmp_path / "runs"), tmp_path / "gateway.yaml"
    newer = a_run(config)
    with runs.recording(replace(newer, started=1)):
        with runs.recording(newer):
            pass
        with runs.recording(newer):
            assert runs.find(config) == newer


def test_the_records_are_the_users_own(tmp_path: Path) -> None:
    """Nobody else may put a process id there for us to signal."""
    runs = Runs.of_user({"XDG_STATE_HOME": str(tmp_path)})
    with runs.recording(a_run(tmp_path / "gateway.yaml")):
        assert (tmp_path / "extproc").stat().st_mode & 0o777 == 0o700


def test_a_home_that_cannot_be_written_to_does_not_stop_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Only `down` and `restart` are lost, and it says so."""
    with Runs(Path("/proc/extproc")).recording(a_run(Path("gateway.yaml"))):
        pass

    assert "neither `extproc down` nor `restart` will find this" in capsys.readouterr().err


def test_asked_to_stop_a_process_ends() -> None:
    """SIGTERM, then its end is waited for."""
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        run = a_run(Path("gateway.yaml"), pid=child.pid)

        assert ask_to_stop(run, seconds=10)
        assert child.wait() == -15


def test_a_process_that_does_not_end_is_told_of() -> None:
    """The caller decides what then."""
    script = "trap '' TERM; echo; exec sleep 60"
    with subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # the trap is set
        try:
            assert not ask_to_stop(a_run(Path("gateway.yaml"), pid=child.pid), seconds=0.1)
        finally:
            child.kill()


def test_a_stranger_with_the_same_id_is_left_alone() -> None:
    """Process ids are used again: without the same start time it is another process."""
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        try:
            assert ask_to_stop(replace(a_run(Path("x.yaml"), pid=child.pid), started=1), seconds=0.1)
            assert child.poll() is None
        finally:
            child.kill()


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_records_that_others_could_have_written_are_not_trusted(tmp_path: Path, mode: int) -> None:
    """They say which process to end, and which directory to remove."""
    (tmp_path / "extproc").mkdir()
    (tmp_path / "extproc").chmod(mode)

    with pytest.raises(Failure, match="others than you can write there"):
        Runs.of_user({"XDG_STATE_HOME": str(tmp_path)})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize(("sudo", "trusted"), [({}, False), ({"SUDO_UID": "65534"}, True), ({"SUDO_UID": "x"}, False)])
def test_records_of_another_user_are_not_trusted(tmp_path: Path, sudo: dict[str, str], trusted: bool) -> None:  # noqa: FBT001
    """But for those of the user who has asked root to look."""
    (tmp_path / "extproc").mkdir(mode=0o700)
    os.chown(tmp_path / "extproc", 65534, 65534)
    environ = {"XDG_STATE_HOME": str(tmp_path), **sudo}

    if trusted:
        assert list(Runs.of_user(environ)) == []
    else:
        with pytest.raises(Failure, match="others than you can write there"):
            Runs.of_user(environ)


def test_a_log_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever was there before: a file that others could read, or a link that leads elsewhere."""
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
