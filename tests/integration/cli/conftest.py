from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
from support.gateway.commands import Home, a_home
from support.gateway.small import SmallGateway, write_config
from support.ports import reserved_ports

with warnings.catch_warnings():
    # envoy-data-plane was made for an older pydantic and says so while it is loaded; tests take warnings as errors.
    warnings.simplefilter("ignore", DeprecationWarning)
    import extproc.bootstrap.render  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = "http://127.0.0.1:9"
"""A provider that no test calls."""


@pytest.fixture
def home() -> Iterator[Home]:
    """Return a place for commands of one test; nothing may be left in it."""
    with a_home() as place:
        yield place
        place.assert_nothing_is_left()


@pytest.fixture
def gateway(home: Home) -> Iterator[SmallGateway]:
    """Return a configuration whose ports are free."""
    with reserved_ports(1) as (port,):
        yield write_config(home.directory, "gateway.yaml", port=port, provider=NOBODY)


@pytest.fixture
def other(home: Home) -> Iterator[SmallGateway]:
    """Return a second configuration."""
    with reserved_ports(1) as (port,):
        yield write_config(home.directory, "other.yaml", port=port, provider=NOBODY)
