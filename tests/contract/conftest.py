"""One real Envoy for all tests that do not harm it, and Envoy's message classes, loaded before any test."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

with warnings.catch_warnings():
    # envoy-data-plane was made for an older pydantic and says so while it is loaded; tests take warnings as errors.
    warnings.simplefilter("ignore", DeprecationWarning)
    from support.toys.world import a_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.toys.world import World


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything, running; a module may have its own."""
    with a_world(tmp_path_factory.mktemp("envoy")) as world:
        yield world


@pytest.fixture
def world(running: World) -> World:
    """Return the same as new: nothing recorded, and providers that return 200."""
    running.forget()
    return running
