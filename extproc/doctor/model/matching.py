"""How Envoy's configuration says which texts and headers it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a text is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"
    REGEX = "regex"
    UNKNOWN = "unknown"
    """By an extension: taken for one that never fits."""


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A StringMatcher."""

    kind: Kind
    text: str
    ignore_case: bool = False

    def fits(self, subject: str) -> bool:
        """Tell whether *subject* is meant."""
        text = self.text
        if self.ignore_case:
            text, subject = text.lower(), subject.lower()
        match self.kind:
            case Kind.EXACT:
                return subject == text
            case Kind.PREFIX:
                return subject.startswith(text)
            case Kind.SUFFIX:
                return subject.endswith(text)
            case Kind.CONTAINS:
                return text in subject
            case Kind.REGEX:
                return _whole(self.text, subject)
            case Kind.UNKNOWN:
                return False


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A HeaderMatcher; *value* None: any value will do."""

    name: str
    value: TextMatch | None
    inverted: bool = False

    def fits(self, value: str) -> bool:
        """Tell whether a header of this name with *value* is meant."""
        return (self.value is None or self.value.fits(value)) is not self.inverted


def exactly(name: str) -> TextMatch:
    """Return the matcher for *name* and nothing else; header names have no case."""
    return TextMatch(Kind.EXACT, name, ignore_case=True)


def _whole(pattern: str, subject: str) -> bool:
    """Tell whether *pattern* describes the whole *subject*: Envoy's RE2 is Python's but for a few constructs."""
    try:
        return re.fullmatch(pattern, subject) is not None
    except re.error:
        return False
