"""From a file on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from extproc.config.errors import ConfigError
from extproc.config.load import load

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = "version: v0.4.0\nmodel_providers:\n  - model: openai/gpt-4o\n    access_key: $KEY\n"


def refused(path: Path) -> str:
    """Return what is said of the file at *path*."""
    with pytest.raises(ConfigError) as raised:
        load(path, {})
    return str(raised.value)


def test_a_file_is_loaded_with_the_environment_it_is_given(tmp_path: Path) -> None:
    """Not with the process's own: what decides is an argument."""
    file = tmp_path / "gateway.yaml"
    file.write_text(MINIMAL)
    (upstream,) = load(file, {"KEY": "sk-test"}).gateway.upstreams.by_id.values()

    assert upstream.keys == ("sk-test",)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    """Some editors write one."""
    file = tmp_path / "gateway.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())

    assert load(str(file), {"KEY": "k"}).warnings == ()


def test_a_missing_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.yaml") == f"{tmp_path}/none.yaml: no such file"


def test_a_directory(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"{tmp_path}: is a directory, not a file"


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_bytes(b"version: \xff")

    assert refused(file) == f"{file}: is not UTF-8 text (byte 9)"


def test_a_path_through_a_file(tmp_path: Path) -> None:
    """Any other reason is reported in the system's words."""
    (tmp_path / "file").touch()

    assert refused(tmp_path / "file" / "x") == f"{tmp_path}/file/x: cannot be read: {os.strerror(20)}"


def test_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.touch()

    assert refused(file) == "the file is empty: at least version and model_providers are required"
