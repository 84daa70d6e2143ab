"""The origins of web pages that may call the gateway: scheme, host, and the port if it is not the scheme's default.

Source: the Origin header, RFC 6454 section 6.1 and fetch.spec.whatwg.org.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

ANY = "*"

_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_HOST = rf"(\[[0-9a-f:.]+\]|(\*\.)?{_LABEL}(\.{_LABEL})*)"
ORIGIN_PATTERN = rf"^(\*|[a-z][a-z0-9+.-]*://{_HOST}(:(\*|[1-9][0-9]{{0,4}}))?)$"

_DEFAULT_PORT = re.compile(r"http://.*:80|https://.*:443")
_EXPECTED = (
    "expected an origin as browsers write it, such as https://app.example.com or http://localhost:5173: in lower case, "
    "without a path; https://*.example.com is every host below example.com, http://localhost:* every port, * every page"
)


def _origin(value: str) -> str:
    if re.fullmatch(ORIGIN_PATTERN, value) is None:
        raise ValueError(_EXPECTED)
    if _DEFAULT_PORT.fullmatch(value):
        raise ValueError("omit the scheme's default port, as browsers do")
    return value


Origin = Annotated[
    str,
    AfterValidator(_origin),
    WithJsonSchema({"type": "string", "pattern": ORIGIN_PATTERN, "not": {"pattern": f"^({_DEFAULT_PORT.pattern})$"}}),
]
