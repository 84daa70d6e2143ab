"""How Envoy's configuration says which texts and headers it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extproc.doctor.model.node import Node


class Kind(StrEnum):
    """How a text is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"
    REGEX = "regex"
    UNKNOWN = "unknown"
    """By an extension: taken for one that never fits."""


_PLAIN = (Kind.EXACT, Kind.PREFIX, Kind.SUFFIX, Kind.CONTAINS)


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A StringMatcher."""

    kind: Kind
    text: str
    ignore_case: bool = False

    def fits(self, subject: str) -> bool:
        """Return whether *subject* is meant."""
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
        """Return whether a header of this name with *value* is meant."""
        return (self.value is None or self.value.fits(value)) is not self.inverted

    @property
    def wants_absence(self) -> bool:
        """Whether no request that has a header of this name is meant."""
        return self.value is None and self.inverted


def exactly(name: str) -> TextMatch:
    """Return the matcher for *name* and nothing else; header names have no case."""
    return TextMatch(Kind.EXACT, name, ignore_case=True)


def any_fits(matches: Iterable[TextMatch], subject: str) -> bool:
    """Return whether any of *matches* means *subject*."""
    return any(match.fits(subject) for match in matches)


def text_match(node: Node) -> TextMatch:
    """Return the StringMatcher *node*."""
    ignore_case = node.at("ignore_case").flag()
    for kind in _PLAIN:
        if node.at(kind).present:
            return TextMatch(kind, node.at(kind).text(), ignore_case)
    if node.at("safe_regex").present:
        return regex_match(node.at("safe_regex"))
    return TextMatch(Kind.UNKNOWN, "")


def regex_match(node: Node) -> TextMatch:
    """Return the RegexMatcher *node*."""
    return TextMatch(Kind.REGEX, node.at("regex").text())


def header_match(node: Node) -> HeaderMatch:
    """Return the HeaderMatcher *node*, in today's form or in one of those before it."""
    name, inverted = node.at("name").text().lower(), node.at("invert_match").flag()
    if node.at("string_match").present:
        return HeaderMatch(name, text_match(node.at("string_match")), inverted)
    for kind in _PLAIN:
        if node.at(f"{kind}_match").present:
            return HeaderMatch(name, TextMatch(kind, node.at(f"{kind}_match").text()), inverted)
    if node.at("safe_regex_match").present:
        return HeaderMatch(name, regex_match(node.at("safe_regex_match")), inverted)
    if node.at("range_match").present:
        return HeaderMatch(name, TextMatch(Kind.UNKNOWN, ""), inverted)
    return HeaderMatch(name, None, inverted is not (node.at("present_match").value is False))


def _whole(pattern: str, subject: str) -> bool:
    """Return whether *pattern* describes the whole *subject*: Envoy's RE2 is Python's but for a few constructs."""
    try:
        return re.fullmatch(pattern, subject) is not None
    except re.error:
        return False
