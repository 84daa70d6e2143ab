"""What the files about real clients promise each other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from clients.catalog import CLIENTS, HERE, Client
from clients.environments import pinned_version
from clients.record import RECORD, load
from clients.table import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
EXACT = re.compile(r"\d[\w.+-]*")
each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


def test_every_environment_and_driver_is_a_clients() -> None:
    """What nobody names is never tried."""
    drivers = {path.stem for path in (HERE / "drivers").iterdir() if path.is_file()}

    assert {path.name for path in (HERE / "environments").iterdir()} == {client.name for client in CLIENTS}
    assert drivers == {client.driver.stem for client in CLIENTS} | {"contract"}


@each_client
def test_everything_in_an_environment_has_its_exact_version(client: Client) -> None:
    """Otherwise what was measured cannot be measured again."""
    if client.is_node:
        versions = list(json.loads((client.pins / "package.json").read_text())["dependencies"].values())
    else:
        versions = [line.partition("==")[2] for line in (client.pins / "requirements.txt").read_text().splitlines()]

    assert versions
    assert [version for version in versions if not EXACT.fullmatch(version)] == []


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.is_node], ids=lambda client: client.name)
def test_a_lock_names_no_place_to_load_from(client: Client) -> None:
    """Which registry or mirror is used is for the machine to say."""
    locked = json.loads((client.pins / "package-lock.json").read_text())["packages"]

    assert [name for name, package in locked.items() if "resolved" in package] == []
    assert locked[""]["dependencies"] == json.loads((client.pins / "package.json").read_text())["dependencies"]


def test_the_page_is_made_from_what_was_measured() -> None:
    """It is never written by hand."""
    assert PAGE.read_text() == page(load(RECORD.read_text()))


def test_every_client_was_measured_as_it_is_pinned() -> None:
    """Whoever adds a client or renews a version measures it."""
    measured = {row.client.name: row.version for row in load(RECORD.read_text())}

    assert measured == {client.name: pinned_version(client) for client in CLIENTS}


def test_nothing_was_wrong_with_any_client() -> None:
    """Each got its response, and none caused more calls than the policy allows."""
    assert {row.client.name: row.faults for row in load(RECORD.read_text()) if row.faults} == {}
