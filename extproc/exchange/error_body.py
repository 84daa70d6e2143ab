"""What the body of a provider's error says that its status and headers do not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from extproc.exchange.nesting import is_too_deep
from extproc.policy.retry_after import read_duration

if TYPE_CHECKING:
    from extproc.policy.model import Millis

LONGEST: Final = 16 * 1024
"""Bytes of an error that are worth reading: a longer one holds more than a code and a wait."""

_QUOTA: Final = "insufficient_quota"
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"


def read_error(body: bytes) -> Mapping[str, object]:
    """Return the error that *body* holds; an empty one where it holds none that can be read.

    Every API puts it under `error`; Google's OpenAI-compatible endpoint puts that into a list of one. Nothing is read
    that is longer than `LONGEST`, or nested without end.
    """
    if not body or len(body) > LONGEST or is_too_deep(body):
        return {}
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    if isinstance(document, list) and len(document) == 1:
        (document,) = document
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def quota_is_used_up(error: Mapping[str, object]) -> bool:
    """Return whether the *error* of a 429 says that waiting will not help.

    OpenAI, "Error codes": a 429 is for too many requests, or for a quota or a balance that is used up; only the code
    in the body tells them apart.
    """
    return _QUOTA in (error.get("code"), error.get("type"))


def retry_delay(error: Mapping[str, object]) -> Millis | None:
    """Return the wait that *error* asks for, in milliseconds; None when it asks for none.

    Google says it nowhere else: a `google.rpc.RetryInfo` among the details (google/rpc/error_details.proto), whose
    `retryDelay` is a duration as protobuf's JSON mapping writes it: `34s`, `34.074824224s`.
    """
    details = error.get("details")
    for detail in details if isinstance(details, Sequence) else ():
        if isinstance(detail, Mapping) and detail.get("@type") == _RETRY_INFO:
            delay = detail.get("retryDelay")
            return read_duration(delay) if isinstance(delay, str) else None
    return None
