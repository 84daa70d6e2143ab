"""The errors of this layer.

- `TransportError`
  - `StateError`: an attempt state that cannot be read
  - `MessageError`: a message that has no place in the conversation
  - `DirectiveError`: a directive that cannot follow its event
"""

from __future__ import annotations


class TransportError(Exception):
    """Root of what this layer raises."""


class StateError(TransportError):
    """A header that should hold an attempt state holds something else."""


class MessageError(TransportError):
    """A message that no Envoy sends: the peer's fault."""


class DirectiveError(TransportError):
    """A directive that cannot follow its event: a fault of ours."""
