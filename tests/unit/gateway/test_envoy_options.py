from __future__ import annotations

import os
import socket
import uuid
from typing import TYPE_CHECKING

import pytest

from extproc.gateway import envoy_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Path]:
    """Return the shared memory of the run whose directory is the test's, as Envoy leaves it."""
    identity = uuid.uuid4().int % 2**28
    (tmp_path / "base-id").write_text(str(identity))
    region = envoy_options.SHARED_MEMORY / f"envoy_shared_memory_{identity * 10}"
    region.write_bytes(bytes(104))
    yield region
    region.unlink(missing_ok=True)


def test_there_is_shared_memory_here() -> None:
    """As on any Linux host."""
    assert envoy_options.why_unavailable() is None


def test_a_missing_directory_is_reported(tmp_path: Path) -> None:
    """Only hot restart is unavailable then."""
    missing = tmp_path / "shm"

    assert envoy_options.why_unavailable(missing) == (
        f"shared memory cannot be used: {missing}: No such file or directory"
    )


def test_the_first_envoy_chooses_a_base_id(tmp_path: Path) -> None:
    """An unused one; it is kept in the run directory."""
    arguments = envoy_options.options(tmp_path, 0)

    assert arguments[:5] == ["--use-dynamic-base-id", "--base-id-path", tmp_path / "base-id", "--restart-epoch", "0"]


@pytest.mark.usefixtures("region")
def test_the_next_one_has_the_same(tmp_path: Path) -> None:
    """It finds its parent by the base id."""
    arguments = envoy_options.options(tmp_path, 4)

    assert arguments[:4] == ["--base-id", (tmp_path / "base-id").read_text(), "--restart-epoch", "4"]


def test_messages_to_an_exited_parent_are_received(tmp_path: Path) -> None:
    """At its socket, whose name is one of three."""
    for number in range(3):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ended:
            ended.bind(os.fspath(tmp_path / f"e_parent_31765640{number}"))

    placeholder = envoy_options.placeholder_socket(tmp_path, 4)

    assert placeholder is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as next_one:
        assert next_one.sendto(b"shutdown", os.fspath(tmp_path / "e_parent_317656401")) == 8
        with pytest.raises(ConnectionRefusedError):
            next_one.sendto(b"shutdown", os.fspath(tmp_path / "e_parent_317656402"))
    os.close(placeholder)


def test_the_shared_memory_is_removed(tmp_path: Path, region: Path) -> None:
    """Envoy does not remove it."""
    envoy_options.forget(tmp_path)
    envoy_options.forget(tmp_path)

    assert not region.exists()


def test_a_run_without_hot_restart_has_no_shared_memory(tmp_path: Path) -> None:
    """Its Envoy has written no base id."""
    assert not envoy_options.is_used(tmp_path)
    envoy_options.forget(tmp_path)
