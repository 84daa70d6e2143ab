"""pydantic's complaints in our own words.

pydantic would show the value it does not like, which may be a key. Texts here are made of the error's type and of what
the schema itself says, never of the file's values.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel

from extproc.config.errors import Problem, dotted
from extproc.config.schema.file import ConfigTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MAP = "expected a map of keys and values"
_TEXTS: Mapping[str, str] = {
    "missing": "is required",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "finite_number": "expected a number",
    "bool_type": "expected true or false",
    "string_type": "expected a text",
    "string_too_short": "must not be empty",
    "list_type": "expected a list",
    "dict_type": _MAP,
    "model_type": _MAP,
    "model_attributes_type": _MAP,
    "too_short": "needs at least {min_length} item",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "expected one of {expected}",
    "literal_error": "expected one of {expected}",
}
"""What pydantic's error types mean here; the names in braces are what its errors say of the schema."""


def problems_of(error: ValidationError, *, renamed: str = "model_providers") -> Iterator[Problem]:
    """Yield what *error* says, in the file's order; *renamed* is what the file calls `model_providers`."""
    for detail in error.errors(include_url=False):
        steps = detail["loc"]
        # A bad key of a map (a header's name) is told as if it were one of its items.
        steps = steps[:-1] if steps and steps[-1] == "[key]" else steps
        if detail["type"] == "extra_forbidden":
            yield _unknown_key(steps, renamed)
        else:
            yield Problem(dotted(_in_the_file(steps, renamed)), _text(detail))


def _in_the_file(steps: tuple[str | int, ...], renamed: str) -> tuple[str | int, ...]:
    return (renamed, *steps[1:]) if steps and steps[0] == "model_providers" else steps


def _text(detail: ErrorDetails) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "value_error":
        return str(context["error"])
    if value is None and kind != "missing":
        return "is empty: give it a value or remove the key"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "expected a text; put it in quotes"
    return _TEXTS.get(kind, "is not valid").format(**{name: _of_the_schema(said) for name, said in context.items()})


def _of_the_schema(said: object) -> str:
    """Return what pydantic says of the schema: `'a', 'b' or 'c'` and 100.0 as we write them."""
    if isinstance(said, float):
        return f"{said:g}"
    return str(said).replace("'", "").replace(" or ", ", ")


def _unknown_key(steps: tuple[str | int, ...], renamed: str) -> Problem:
    *parents, last = steps
    key = str(last)
    shown = key if re.fullmatch(r"[A-Za-z_-]{1,40}", key) else ""  # a typing error has no digits; a secret does
    place = dotted(_in_the_file((*parents, shown), renamed))
    if re.match(r"[a-z_]+:", key):
        return Problem(place, "unknown key; is a space missing after its colon?")
    known = _KEYS.get(next((step for step in reversed(parents) if isinstance(step, str)), ""), ())
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    return Problem(place, f"unknown key; did you mean {near[0]}?" if near else "unknown key")


def _keys_by_parent(model: type[BaseModel], parent: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield parent, tuple(model.model_fields)
    for name, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            yield from _keys_by_parent(inner, name)


def _models_in(annotation: object) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


_KEYS: Mapping[str, tuple[str, ...]] = dict(_keys_by_parent(ConfigTable, ""))
