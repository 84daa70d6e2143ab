"""Header fields on the wire: bytes there, text here.

The text of a field is its bytes read as latin-1, which every byte string is, so that a value that is passed on leaves
as it came.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from extproc._gen import wire_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEPT_LENGTH = 256
"""Characters of a value up to which its field is kept: keys and paths, but not whatever a client has made up."""

_OVERWRITE = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""Bytes that no header field may hold (RFC 9110 section 5.5): Envoy sends a 500 for a mutation with one of them."""


def read_fields(message: pb.HeaderMap) -> Mapping[str, str]:
    """Return the fields of *message* by name, which Envoy writes in lower case; repeated ones are joined with ", "."""
    headers = message.headers
    fields = {field.key: field.raw_value.decode("latin-1") or field.value for field in headers}
    if len(fields) == len(headers):
        return fields
    values: dict[str, list[str]] = {}
    for field in headers:
        values.setdefault(field.key, []).append(field.raw_value.decode("latin-1") or field.value)
    return {name: ", ".join(repeated) for name, repeated in values.items()}


def overwrite(mutation: pb.HeaderMutation, fields: Iterable[tuple[str, str]]) -> None:
    """Add to *mutation* that each of *fields*, a name and a value, is that and nothing else, whatever it was."""
    mutation.MergeFromString(b"".join([_option(name, value) for name, value in fields]))


def _option(name: str, value: str) -> bytes:
    """Return a mutation that sets one field, in bytes. Messages that stand one behind another are read as one."""
    return _kept_option(name, value) if len(value) <= _KEPT_LENGTH else _new_option(name, value)


def _new_option(name: str, value: str) -> bytes:
    mutation = pb.HeaderMutation()
    option = mutation.set_headers.add()
    option.append_action = _OVERWRITE
    header = option.header
    header.key = name
    header.raw_value = _raw(value)
    return mutation.SerializeToString()


# Most fields are the same for every attempt at a target: creating them each time costs ten times as much.
_kept_option = lru_cache(maxsize=1024)(_new_option)


def _raw(value: str) -> bytes:
    if value.isascii() and value.isprintable():
        return value.encode("ascii")
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        raw = value.encode("utf-8", "replace")
    # A client can give a model any name, and some responses have the name in a header.
    return _CONTROL.sub(lambda control: b"%%%02X" % control[0][0], raw)
