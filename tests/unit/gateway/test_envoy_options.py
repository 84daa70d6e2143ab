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
    """As on every ordinary host."""
    assert envoy_options.why_unavailable() is None


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    """Nothing else is wrong then: there is just no hot restart."""
    missing = tmp_path / "shm"

    assert envoy_options.why_unavailable(missing) == (
        f"shared memory cannot be used: {missing}: No such file or directory"
    )


def test_the_first_envoy_chooses_an_identity(tmp_path: Path) -> None:
    """One that nobody on the host has; it is kept in the run's own directory."""
    told = envoy_options.options(tmp_path, 0)

    assert told[:5] == ["--use-dynamic-base-id", "--base-id-path", tmp_path / "base-id", "--restart-epoch", "0"]


@pytest.mark.usefixtures("region")
def test_the_next_one_has_the_same(tmp_path: Path) -> None:
    """That is how it finds the one that it replaces."""
    told = envoy_options.options(tmp_path, 4)

    assert told[:4] == ["--base-id", (tmp_path / "base-id").read_text(), "--restart-epoch", "4"]


def test_messages_to_one_that_has_ended_are_taken(tmp_path: Path) -> None:
    """In its own name, which is one of three."""
    for number in range(3):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ended:
            ended.bind(os.fspath(tmp_path / f"e_parent_31765640{number}"))

    stand_in = envoy_options.stand_in(tmp_path, 4)

    assert stand_in is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as next_one:
        assert next_one.sendto(b"good-bye", os.fspath(tmp_path / "e_parent_317656401")) == 8
        with pytest.raises(ConnectionRefusedError):
            next_one.sendto(b"good-bye", os.fspath(tmp_path / "e_parent_317656402"))
    os.close(stand_in)


def test_nothing_stays_behind(tmp_path: Path, region: Path) -> None:
    """Envoy never removes it."""
    envoy_options.forget(tmp_path)
    envoy_options.forget(tmp_path)

    assert not region.exists()


def test_a_run_without_has_nothing_to_forget(tmp_path: Path) -> None:
    """Its Envoy has never written an identity."""
    assert not envoy_options.is_used(tmp_path)
    envoy_options.forget(tmp_path)
