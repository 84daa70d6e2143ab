"""What can go wrong between Envoy and the rules.

- `TransportError`
  - `StateError`: an attempt state that cannot be read
  - `MessageError`: a message that has no place in the conversation
  - `DirectiveError`: an answer that does not fit the message it answers
"""

from __future__ import annotations


class TransportError(Exception):
    """Root of what this layer raises."""


class StateError(TransportError):
    """A header that should hold an attempt state holds something else."""


class MessageError(TransportError):
    """A message that Envoy cannot mean: the peer's fault."""


class DirectiveError(TransportError):
    """A directive that is no answer to the event it answers: a fault of ours."""
