"""What workers say to each other of blocks, as the lines that go through their sockets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.policy.blocks import Block

END_OF_SNAPSHOT = b'"end_of_snapshot"\n'
"""What a worker that joins is sent last: it knows all that the others know."""


def line_of(block: Block) -> bytes:
    """Return the line that tells of *block*."""
    return json.dumps([block.kind, block.subject, block.until]).encode() + b"\n"
