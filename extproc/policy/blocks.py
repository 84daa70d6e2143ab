"""Which targets to leave alone, until when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extproc.policy.model import Instant, Scope


class BlockKind(StrEnum):
    """Why a target is blocked: the provider said so, or we think so."""

    RETRY_AFTER = "retry_after"
    LATENCY = "latency"
    KEY = "key"  # one access key of a target is set aside


@dataclass(frozen=True, slots=True)
class Block:
    """One thing to leave alone until an instant.

    *subject* is a target id, a provider, or an endpoint, by *scope*; for a key it is `target id#index`.
    """

    kind: BlockKind
    scope: Scope
    subject: str
    until: Instant
