"""What the operating system may refuse."""

from __future__ import annotations


class ListenError(Exception):
    """A server cannot listen at an address; the text is for the operator."""
