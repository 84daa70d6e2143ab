"""Scalar types of the configuration file, each with its validation and its JSON Schema.

Numbers and booleans are strict: `"5"` is not a number, unless it came from the environment, where every value is a
string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, PlainValidator, Strict, WithJsonSchema

from extproc.config.gateway import LogFormat, OnFailure, Transport
from extproc.config.reading.environment import FromEnvironment
from extproc.policy.rules import CandidateOrder, Lifetime, Measure, Scope, Strategy
from extproc.policy.units import Millis

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST = 2**31 - 1
"""Maximum of every number without one of its own, so that no later computation overflows."""

_MILLIS_PER = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
DURATION_PATTERN = r"^(?!0+(\.0+)?[a-z])([0-9]{1,7}ms|[0-9]{1,7}(\.[0-9]{1,3})?(s|m|h))$"
CODES_PATTERN = r"^[1-5][0-9][0-9]-[1-5][0-9][0-9]$"


def _integer(value: object) -> object:
    if isinstance(value, FromEnvironment):
        if re.fullmatch(r"[+-]?[0-9]{1,18}", value) is None:
            raise ValueError("expected an integer, but the environment variable holds something else")
        return int(value)
    # As in JSON Schema, 5.0 is an integer.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: object) -> object:
    if isinstance(value, FromEnvironment):
        if re.fullmatch(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", value) is None:
            raise ValueError("expected a number, but the environment variable holds something else")
        return float(value)
    return value


def _boolean(value: object) -> object:
    if isinstance(value, FromEnvironment):
        if value.lower() not in {"true", "false"}:
            raise ValueError("expected true or false, but the environment variable holds something else")
        return value.lower() == "true"
    return value


def _given(value: object) -> object:
    if value is None:
        raise ValueError("is empty: give it a value or remove the key")
    return value


def _duration(value: object) -> Millis:
    if not isinstance(value, str) or re.fullmatch(DURATION_PATTERN, value) is None:
        raise ValueError("expected a duration above zero with its unit, such as 500ms, 5s or 5m")
    number, unit = re.split(r"(?<=[0-9])(?=[a-z])", value)
    return round(float(number) * _MILLIS_PER[unit])


def _codes(value: object) -> range:
    """Return the status codes of one item of `codes`: 429, or "500-599" with both ends included."""
    if isinstance(value, FromEnvironment) and re.fullmatch("[0-9]{3}", value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        first = last = value
    elif isinstance(value, str) and (ends := re.fullmatch(r"([0-9]{1,9})-([0-9]{1,9})", value)):
        first, last = int(ends[1]), int(ends[2])
    else:
        raise ValueError('expected a status code such as 429, or a range in quotes such as "500-599"')
    if not (100 <= first <= 599 and 100 <= last <= 599):
        raise ValueError("status codes go from 100 to 599")
    if first > last:
        raise ValueError("the range is reversed: its first code is greater than its last")
    return range(first, last + 1)


def any_case(words: Iterable[str]) -> str:
    """Return a case-insensitive pattern for any of *words*; JSON Schema's patterns have no flag for that."""
    return "|".join(re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", word) for word in words)


Given = BeforeValidator(_given)
"""For optional keys: the key may be absent, but not null."""

NonNegative = Annotated[int, Field(ge=0, le=LARGEST), BeforeValidator(_integer)]
Positive = Annotated[int, Field(ge=1, le=LARGEST), BeforeValidator(_integer)]
PortNumber = Annotated[int, Field(ge=1, le=65535), BeforeValidator(_integer)]
Rounds = Annotated[int, Field(ge=1, le=5), BeforeValidator(_integer)]
RepeatWindow = Annotated[int, Field(ge=0, le=60_000), BeforeValidator(_integer)]
TotalAttempts = Annotated[int, Field(ge=1, le=50), BeforeValidator(_integer)]
Workers = Annotated[int, Field(ge=1, le=256), BeforeValidator(_integer)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), BeforeValidator(_number)]
Flag = Annotated[bool, BeforeValidator(_boolean)]
Text = Annotated[str, Field(min_length=1)]
Duration = Annotated[Millis, PlainValidator(_duration), WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})]
Codes = Annotated[
    range,
    PlainValidator(_codes),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": CODES_PATTERN}]}
    ),
]
# Strict enums accept members only, not their values.
StrategyName = Annotated[Strategy, Strict(strict=False)]
CandidateOrderName = Annotated[CandidateOrder, Strict(strict=False)]
ScopeName = Annotated[Scope, Strict(strict=False)]
LifetimeName = Annotated[Lifetime, Strict(strict=False)]
MeasureName = Annotated[Measure, Strict(strict=False)]
LogFormatName = Annotated[LogFormat, Strict(strict=False)]
OnFailureName = Annotated[OnFailure, Strict(strict=False)]
TransportName = Annotated[Transport, Strict(strict=False)]
