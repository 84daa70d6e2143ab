"""JSON texts for hypothesis to draw, and a tokenizer that is slow and plain to see right."""

from __future__ import annotations

import json
from itertools import zip_longest

from hypothesis import strategies as st


class Reference:
    """Finds the values of the outermost object in a valid JSON text; slow, and plain to see right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: list[tuple[str, int, int]] = []
        """Key, as it is spelled, and where its value begins and ends, in characters."""
        self.end = self.value(self.space(0), depth=0)

    def space(self, at: int) -> int:
        while self.text[at : at + 1] in {" ", "\t", "\n", "\r"}:
            at += 1
        return at

    def value(self, at: int, *, depth: int) -> int:
        match self.text[at]:
            case '"':
                return self.string(at)
            case "{":
                return self.items(at, depth=depth, keyed=True)
            case "[":
                return self.items(at, depth=depth, keyed=False)
            case _:
                while self.text[at : at + 1] not in {"", ",", "]", "}", " ", "\t", "\n", "\r"}:
                    at += 1
                return at

    def string(self, at: int) -> int:
        at += 1
        while self.text[at] != '"':
            at += 2 if self.text[at] == "\\" else 1
        return at + 1

    def items(self, at: int, *, depth: int, keyed: bool) -> int:
        at = self.space(at + 1)
        while self.text[at] not in "}]":
            key = ""
            if keyed:
                end = self.string(at)
                key = self.text[at:end]
                at = self.space(self.space(end) + 1)
            end = self.value(at, depth=depth + 1)
            if keyed and depth == 0:
                self.found.append((key, at, end))
            at = self.space(end)
            if self.text[at] == ",":
                at = self.space(at + 1)
        return at + 1

    def models(self) -> list[tuple[int, int]]:
        """Return where the values of the key `model` stand, in bytes."""
        return [
            (self.bytes_to(start), self.bytes_to(end)) for key, start, end in self.found if json.loads(key) == "model"
        ]

    def bytes_to(self, at: int) -> int:
        return len(self.text[:at].encode())


def spelled(text: str, escapes: list[bool]) -> str:
    """Return the JSON string that says *text*, with an escape for each character where *escapes* says so."""
    letters = zip_longest(text, escapes[: len(text)], fillvalue=False)
    return '"' + "".join(written(str(letter), escape=bool(escape)) for letter, escape in letters) + '"'


def written(letter: str, *, escape: bool) -> str:
    """Return a character as it stands in a JSON string; half a surrogate pair can only be an escape."""
    if escape or "\ud800" <= letter <= "\udfff":
        return "".join(rf"\u{unit:04x}" for unit in utf16(letter))
    return json.dumps(letter, ensure_ascii=False)[1:-1]


def utf16(letter: str) -> list[int]:
    """Return the code units of a character."""
    code = letter.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(code[i : i + 2], "big") for i in range(0, len(code), 2)]


spaces = st.text(" \t\r\n", max_size=2)
phrases = st.lists(
    st.sampled_from(
        ["model", '"model"', '"model":', '"', "\\", "\\\\", '\\"', "{", "}", "[", "]", ":", ",", "ü", "😀", "\n"]
    )
    | st.text(max_size=3),
    max_size=4,
).map("".join)
keys = st.sampled_from(["model", "model", "Model", "mode", '"model"', "model\\", ""]) | phrases
strings = st.builds(spelled, phrases | st.just("\ud83d"), st.lists(st.booleans(), max_size=6))
key_strings = st.builds(spelled, keys, st.lists(st.booleans(), max_size=6))
scalars = (
    st.sampled_from(["null", "true", "false", "0", "-0", "1.5", "-2e+10", "3E-7", "1" * 4301, "NaN", "-Infinity"])
    | strings
)


def lists(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw the text of a list."""
    padded = st.builds("{}{}{}".format, spaces, items, spaces)
    return (st.lists(padded, min_size=1, max_size=4).map(",".join) | spaces).map("[{}]".format)


def objects(values: st.SearchStrategy[str], keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw the text of an object; keys may be repeated."""
    member = st.builds("{}{}{}:{}{}{}".format, spaces, keys, spaces, spaces, values, spaces)
    return (st.lists(member, min_size=1, max_size=4).map(",".join) | spaces).map("{{{}}}".format)


def nested(text: str, levels: int, opening: str, closing: str) -> str:
    """Return *text* within more levels than the fast way reaches."""
    return opening * levels + text + closing * levels


values = st.recursive(scalars, lambda inner: lists(inner) | objects(inner, key_strings), max_leaves=12)
deep_values = st.builds(
    lambda text, levels, ends: nested(text, levels, *ends),
    values,
    st.integers(1, 12),
    st.sampled_from([("[", "]"), ('{"model":', "}"), ('[{"model":"x","":', "}]")]),
)
model_strings = st.builds(spelled, st.just("model"), st.lists(st.booleans(), max_size=6))
documents = st.builds(
    "{}{}{}".format, spaces, objects(strings | values | deep_values, model_strings | key_strings), spaces
)
names = st.sampled_from(["a", "claude-3-5-sonnet", 'q"\\', "größe", "a\nb", "😀", "\ud83d"])
