"""What was measured, as a file: a client that is tried again replaces its own entry, and the page is made from all."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from clients.catalog import CLIENTS, HERE
from clients.table import Row, shortened
from clients.trial import Measured

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD = HERE / "measured.json"


def load(text: str) -> tuple[Row, ...]:
    """Return the rows that *text* holds, in the order of the catalogue; entries of other clients are left out."""
    entries = json.loads(text)
    return tuple(
        Row(
            client,
            entry["version"],
            entry["measured_with"],
            limited=Measured(**entry["limited"]),
            down=Measured(**entry["down"]),
            down_off=Measured(**entry["down_off"]) if "down_off" in entry else None,
        )
        for client in CLIENTS
        if (entry := entries.get(client.name)) is not None
    )


def dump(rows: Iterable[Row]) -> str:
    """Return the text that holds *rows*, with what users read as short as the page has it."""
    entries = {
        row.client.name: {
            "version": row.version,
            "measured_with": row.measured_with,
            "limited": _entry(row.limited),
            "down": _entry(row.down),
            **({"down_off": _entry(row.down_off)} if row.down_off else {}),
        }
        for row in rows
    }
    return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"


def merged(before: Iterable[Row], new: Iterable[Row]) -> tuple[Row, ...]:
    """Return all rows, in the order of the catalogue; of two about one client the *new* one."""
    rows = {row.client.name: row for row in (*before, *new)}
    return tuple(rows[client.name] for client in CLIENTS if client.name in rows)


def _entry(measured: Measured) -> dict[str, object]:
    return asdict(replace(measured, said=shortened(measured.said), seconds=round(measured.seconds, 2)))
