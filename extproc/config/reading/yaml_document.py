"""A strict YAML parser: no duplicate keys, and a line and column for every problem."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from extproc.config.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_KNOWN_TAGS = ("null", "bool", "int", "float", "str", "seq", "map")
_QUOTED = re.compile(r"\s*(?P<quote>['\"])(?!.(?P=quote)|<[a-z ]+>(?P=quote)).*?(?P=quote)")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without dates: `x-version: 2024-10-21` is a string."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the shape that PyYAML's classes have
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {  # noqa: RUF012 - the same
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.removeprefix("tag:yaml.org,2002:") in _KNOWN_TAGS
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002 - PyYAML's
        try:
            value: object = super().construct_object(node, deep)  # pyright: ignore[reportUnknownMemberType] -- typeshed's
        except (ValueError, KeyError):  # `!!int many`, a number of 5,000 digits
            raise ConstructorError(None, None, "a value that does not match its tag", node.start_mark) from None
        return value


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document, and its duplicate keys (the value has the last of each)."""

    value: object
    duplicates: tuple[Problem, ...] = ()


def parse(text: str) -> Document:
    """Return *text*, parsed.

    Raises:
        ConfigError: it is not one YAML document. The message has the place and quotes no text: PyYAML's own message
            quotes the line, which may contain a key.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return Document(None)
            duplicates = tuple(_duplicates(node))  # before merge keys are applied: an override is no duplicate
            value: object = loader.construct_document(node)  # pyright: ignore[reportUnknownMemberType] -- the same
            return Document(value, duplicates)
        finally:
            loader.dispose()
    except ReaderError as error:
        raise ConfigError([_unreadable(text, error)]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax(error)]) from None
    except RecursionError:
        raise ConfigError([Problem("", "the file is nested too deeply")]) from None


def _duplicates(root: yaml.Node) -> Iterator[Problem]:
    """Yield a problem for each duplicate key of a mapping; PyYAML itself takes the last one silently."""
    pending, visited = [root], set[int]()
    while pending:
        node = pending.pop(0)
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, yaml.Mark] = {}
            for key, item in node.value:
                pending.extend((key, item))
                if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                    continue
                if key.value in first:
                    yield Problem(_at(key.start_mark), f"duplicate key (first at line {first[key.value].line + 1})")
                else:
                    first[key.value] = key.start_mark


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = _at(mark) if mark is not None else ""
    if error.context == "expected a single document in the stream":
        return Problem(place, "a second YAML document begins here; only one is allowed")
    if isinstance(error, ConstructorError) and error.problem and error.problem.startswith("could not determine"):
        return Problem(place, "this YAML tag is not supported")
    parts = [_QUOTED.sub("", part) for part in (error.context, error.problem) if part]
    return Problem(place, f"not valid YAML: {', '.join(parts)}")


def _unreadable(text: str, error: ReaderError) -> Problem:
    before = text[: error.position]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Problem(f"line {line}, column {column}", "a control character, which YAML does not allow")


def _at(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"
