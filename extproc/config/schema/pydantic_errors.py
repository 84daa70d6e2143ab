"""pydantic's validation errors as problems of the configuration file.

pydantic's own messages quote the invalid value, which may be a key. Messages here are made of the error's type and of
the schema, never of the file's values.
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

_MAPPING = "expected a mapping"
_TEXTS: Mapping[str, str] = {
    "missing": "is required",
    "int_type": "expected an integer",
    "float_type": "expected a number",
    "finite_number": "expected a number",
    "bool_type": "expected a boolean: true or false",
    "string_type": "expected a string",
    "string_too_short": "must not be empty",
    "list_type": "expected a list",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "too_short": "needs at least {min_length} item",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "expected one of {expected}",
    "literal_error": "expected one of {expected}",
}
"""Message by pydantic error type; names in braces are filled from the error's context, which is part of the schema."""


def problems_of(error: ValidationError, *, renamed: str = "model_providers") -> Iterator[Problem]:
    """Yield a problem for each error, in the file's order; *renamed* is the file's key for `model_providers`."""
    for detail in error.errors(include_url=False):
        steps = detail["loc"]
        # An invalid key of a mapping (a header's name) is reported at the place of its value.
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
        return "expected a string; quote the value"
    return _TEXTS.get(kind, "is not valid").format(**{name: _constraint(value) for name, value in context.items()})


def _constraint(value: object) -> str:
    """Return a constraint of the schema as messages show it: pydantic gives `'a', 'b' or 'c'` and 100.0."""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("'", "").replace(" or ", ", ")


def _unknown_key(steps: tuple[str | int, ...], renamed: str) -> Problem:
    *parents, last = steps
    key = str(last)
    shown = key if re.fullmatch(r"[A-Za-z_-]{1,40}", key) else ""  # a typo has no digits; a secret does
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
