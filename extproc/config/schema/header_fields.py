"""Header names, header values and keys in the file; what would be unsafe on the wire is rejected."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr, WithJsonSchema

from extproc import names
from extproc.config.schema.scalars import any_case

# RFC 9110, sections 5.6.2 and 5.5; values are kept to printable ASCII.
NAME_PATTERN = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
VALUE_PATTERN = r"^[!-~]([ -~\t]*[!-~])?$"
KEY_PATTERN = r"^[!-~]+$"

_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",  # codespell:ignore te
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of message framing, host and connection, which cannot be configured."""


def _name(value: str) -> str:
    if re.fullmatch(NAME_PATTERN, value) is None:
        raise ValueError("is not a valid header name")
    name = value.lower()
    if name.startswith(names.INTERNAL_PREFIXES):
        raise ValueError(f"headers that begin with {', '.join(names.INTERNAL_PREFIXES)} are internal")
    if name == "host":
        raise ValueError("set the Host header with http_host")
    if name in _FRAMING:
        raise ValueError("this header is set by HTTP itself and cannot be configured")
    return name


def _value(value: SecretStr) -> SecretStr:
    if re.fullmatch(VALUE_PATTERN, value.get_secret_value()) is None:
        raise ValueError("must be printable ASCII without a line break or a space at its ends, and not empty")
    return value


def _key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if not key:
        raise ValueError("is empty")
    if re.fullmatch(KEY_PATTERN, key) is None:
        raise ValueError("must be printable ASCII without spaces or line breaks, and without a leading `Bearer`")
    return value


_REFUSED_PATTERN = f"^({any_case(names.INTERNAL_PREFIXES)}|({any_case(sorted(_FRAMING))})$)"
HeaderName = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "pattern": NAME_PATTERN, "not": {"pattern": _REFUSED_PATTERN}}),
]
HeaderValue = Annotated[SecretStr, AfterValidator(_value), WithJsonSchema({"type": "string", "pattern": VALUE_PATTERN})]
AccessKey = Annotated[SecretStr, AfterValidator(_key), WithJsonSchema({"type": "string", "pattern": KEY_PATTERN})]
