"""Addresses in the file: a provider's `base_url`, and the addresses of listeners."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from extproc.addresses import AddressError, parse_address
from extproc.exchange.url.resources import API_OF, BASES

_DEFAULT_PORT = {"http": 80, "https": 443}
_HOST_PATTERN = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?)"
_SEGMENT = re.compile(r"(?!\.{1,2}$)(?:[A-Za-z0-9._~!$&'()+,;=:@-]|%[0-9A-Fa-f]{2})+")
_BAD_HOST = "needs a valid host, and a port of 1 to 65535 if it has one"
_QUERY = re.compile(r"(?:api-version=[A-Za-z0-9.-]+)?")

_LISTS = ("/models", "/files", "/batches")
"""Resources that people try an API with, and copy from there."""

# docs.ollama.com/api, ai.google.dev/api/generate-content
_NATIVE = (
    (re.compile(r"/api/(chat|generate|embed|embeddings|tags)$"), "Ollama", "/v1"),
    (
        re.compile(r"/v1(beta|alpha)(/models(/[^/]*)?)?$|:[A-Za-z]*[gG]enerateContent$"),
        "Gemini",
        "/v1beta/openai",
    ),
)
"""Ends of URLs of an API in a format of its vendor's own, and how its OpenAI-compatible one ends."""

BASE_URL_PATTERN = rf"^https?://{_HOST_PATTERN}(:[0-9]{{1,5}})?(/[^\s?#*]*)?(\?api-version=[A-Za-z0-9.-]+)?$"
HOST_PORT_PATTERN = rf"^{_HOST_PATTERN}:[0-9]{{1,5}}$"
LISTEN_PATTERN = rf"^(unix:\S{{1,107}}|{_HOST_PATTERN}:[0-9]{{1,5}})$"
HTTP_HOST_PATTERN = rf"^{_HOST_PATTERN}(:[0-9]{{1,5}})?$"
IP_PATTERN = r"^([0-9.]+|[0-9A-Fa-f:.]+)$"
HOST_NAME_PATTERN = rf"^({_HOST_PATTERN}|[0-9A-Fa-f:.]+)$"
ADMIN_PATTERN = r"^(unix:/\S{1,106}|([0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5})$"


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A parsed `base_url`. *path* and *query* are None if it has none."""

    scheme: str
    host: str
    port: int
    path: str | None = None
    query: str | None = None

    @property
    def endpoint(self) -> str:
        """Scheme, host and port, which identify a server."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """The Host header: without the port if it is the scheme's default."""
        host = _bracketed(self.host)
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"


def parse_base_url(value: object) -> BaseUrl:
    """Return *value*, parsed.

    Raises:
        ValueError: it is not an http or https URL with a host; the message does not quote it.
    """
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise ValueError("expected an address that begins with http:// or https://")
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError("must not contain a user name or password; keys belong in access_key")
    if "#" in value:
        raise ValueError("must not contain a fragment (#)")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:  # its own message repeats the port
        raise ValueError(_BAD_HOST) from None
    if _QUERY.fullmatch(parts.query) is None:
        raise ValueError("must not contain a query, except ?api-version=…")
    path = parts.path.rstrip("/")
    if path and not all(_SEGMENT.fullmatch(segment) for segment in path[1:].split("/")):
        raise ValueError("the path must be made of plain segments: no spaces, no *, no empty ones, no . or ..")
    if re.fullmatch(BASE_URL_PATTERN, value) is None or not host or port == 0:
        raise ValueError(_BAD_HOST)
    _check_end(path)
    return BaseUrl(parts.scheme, host, port or _DEFAULT_PORT[parts.scheme], path or None, parts.query or None)


def _check_end(path: str) -> None:
    """Raise a ValueError if *path* is an API's and not the part before it: requests would say it twice, or mix two."""
    for pattern, vendor, compatible in _NATIVE:
        if pattern.search(path):
            raise ValueError(
                f"ends in {vendor}'s own API, which is not supported: its OpenAI-compatible one ends in {compatible}"
            )
    for resource in (*API_OF, *_LISTS):
        if path.endswith(resource):
            raise ValueError(_one_too_many(path.removesuffix(resource), resource))


def _one_too_many(base: str, resource: str) -> str:
    """Return the error of a path that is *base* plus *resource*; *base* is shown only if it is a well-known one."""
    shown = f"…{base}" if base and base in BASES else "the part before it"
    return f"must not end in {resource}, which each request appends: write {shown}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _host_port(value: str) -> str:
    if re.fullmatch(HOST_PORT_PATTERN, value) is None or int(value.rpartition(":")[2]) > 65535:
        raise ValueError("expected host:port, such as 127.0.0.1:9901")
    return value


def _fits(value: str) -> bool:
    try:
        parse_address(value)
    except AddressError:  # a letter may be several bytes
        return False
    return True


def check_listen(value: str) -> str:
    """Return *value* if a server can listen there, as far as its syntax shows.

    Raises:
        ValueError: it is no such address.
    """
    if value.startswith("unix:"):
        if re.fullmatch(r"unix:\S{1,107}", value) is None or not _fits(value):
            raise ValueError("expected unix: and a path of at most 107 bytes without spaces")
        return value
    try:
        return _host_port(value)
    except ValueError:
        raise ValueError("expected unix:/path/to/socket, or host:port such as 127.0.0.1:50051") from None


def _http_host(value: str) -> str:
    if re.fullmatch(HTTP_HOST_PATTERN, value) is None:
        raise ValueError("expected a host name, with :port if need be")
    return value


def _ip(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("expected an IP address, such as 0.0.0.0: Envoy does not listen on host names") from None


def _admin(value: str) -> str:
    if value.startswith("unix:"):
        if re.fullmatch(r"unix:/\S{1,106}", value) is None or not _fits(value):
            raise ValueError("expected unix: and an absolute path of at most 107 bytes without spaces")
        return value
    host, _, port = _host_port(value).rpartition(":")
    return f"{_bracketed(_ip(host.strip('[]')))}:{port}"


def _host_name(value: str) -> str:
    if re.fullmatch(HOST_NAME_PATTERN, value) is None:
        raise ValueError("expected a host name or an IP address, as in the certificate")
    return value.removeprefix("[").removesuffix("]")


Address = Annotated[
    BaseUrl, PlainValidator(parse_base_url), WithJsonSchema({"type": "string", "pattern": BASE_URL_PATTERN})
]
HostPort = Annotated[str, AfterValidator(_host_port), WithJsonSchema({"type": "string", "pattern": HOST_PORT_PATTERN})]
Listen = Annotated[str, AfterValidator(check_listen), WithJsonSchema({"type": "string", "pattern": LISTEN_PATTERN})]
HttpHost = Annotated[str, AfterValidator(_http_host), WithJsonSchema({"type": "string", "pattern": HTTP_HOST_PATTERN})]
IpAddress = Annotated[str, AfterValidator(_ip), WithJsonSchema({"type": "string", "pattern": IP_PATTERN})]
AdminAddress = Annotated[str, AfterValidator(_admin), WithJsonSchema({"type": "string", "pattern": ADMIN_PATTERN})]
HostName = Annotated[str, AfterValidator(_host_name), WithJsonSchema({"type": "string", "pattern": HOST_NAME_PATTERN})]
