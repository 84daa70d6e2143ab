"""Reading where Envoy's admin endpoint is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.model.envoy import Admin
from extproc.doctor.reading.addresses import host_at

if TYPE_CHECKING:
    from extproc.doctor.reading.node import Node


def read_admin(root: Node) -> Admin | None:
    """Return the admin endpoint of the Envoy that is started with *root*; None when it has none."""
    address = root.at("admin", "address")
    return Admin(address.place, host_at(address)) if address.present else None
