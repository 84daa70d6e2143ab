"""Reading matchers of texts and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc.doctor.model.matching import HeaderMatch, Kind, TextMatch, exactly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extproc.doctor.reading.node import Node

_PLAIN = (Kind.EXACT, Kind.PREFIX, Kind.SUFFIX, Kind.CONTAINS)


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
    wants_absence = node.at("present_match").value is False
    return HeaderMatch(name, None, inverted is not wants_absence)


def removals(mutations: Node) -> Iterator[TextMatch]:
    """Yield which headers the list *mutations* (of HeaderMutation) takes away."""
    for one in mutations.items():
        if one.at("remove").present:
            yield exactly(one.at("remove").text())
        elif one.at("remove_on_match").present:
            yield text_match(one.at("remove_on_match", "key_matcher"))
