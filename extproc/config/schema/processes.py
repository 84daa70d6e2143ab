"""The sections of the file about the sidecar and Envoy processes."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema, field_validator

from extproc.addresses import parse_address, worker_addresses
from extproc.config.gateway import LogFormat, OnFailure, Transport
from extproc.config.schema.addresses import AdminAddress, HostName, HostPort, Listen, check_listen
from extproc.config.schema.retry_policy import Table
from extproc.config.schema.scalars import (
    Flag,
    Given,
    LogFormatName,
    NonNegative,
    OnFailureName,
    Percent,
    Positive,
    Text,
    TransportName,
    Workers,
)

DEFAULT_LISTEN = "unix:${XDG_RUNTIME_DIR:=/run}/extproc/extproc.sock"
"""Default of `sidecar.listen`: in the runtime directory of the user's session or, for a service, of the system. It is a
reference like any other in the file, and is expanded with them."""

ABSOLUTE_PATTERN = r"^/[!-~]*$"
SOCKET_MODES = ("0600", "0660")
"""A world-writable socket would give the keys to any user."""


def _directory(value: str) -> str:
    if re.fullmatch(ABSOLUTE_PATTERN, value) is None:
        raise ValueError("expected the absolute path of a directory, without spaces")
    return value.rstrip("/")


def _file(value: str) -> str:
    if re.fullmatch(ABSOLUTE_PATTERN, value) is None:
        raise ValueError("expected the absolute path of a file, without spaces")
    return value


def _socket_mode(value: object) -> object:
    if value not in SOCKET_MODES:  # 0600 without quotes is an integer to YAML
        raise ValueError('expected "0600" (owner only) or "0660" (owner and group), quoted')
    return value


Directory = Annotated[str, AfterValidator(_directory), WithJsonSchema({"type": "string", "pattern": ABSOLUTE_PATTERN})]
File = Annotated[str, AfterValidator(_file), WithJsonSchema({"type": "string", "pattern": ABSOLUTE_PATTERN})]
SocketMode = Annotated[str, BeforeValidator(_socket_mode), WithJsonSchema({"enum": list(SOCKET_MODES)})]


class TlsTable(Table):
    """The certificates and keys of both sides for mutual TLS between sidecar and Envoy."""

    ca: File
    cert: File
    key: File
    client_cert: File
    client_key: File
    server_name: Annotated[HostName | None, Given] = None


class SidecarTable(Table):
    """The sidecar. *listen* is used by `serve`; `up` creates a private socket of its own."""

    listen: Listen = DEFAULT_LISTEN
    socket_mode: SocketMode = "0600"
    socket_group: Annotated[Text | None, Given] = None
    tls: Annotated[TlsTable | None, Given] = None
    insecure: Flag = False
    workers: Workers = 1
    admin: HostPort = "127.0.0.1:1064"
    max_body_bytes: Positive = 64 * 1024 * 1024
    log_format: LogFormatName = LogFormat.TEXT
    on_failure: OnFailureName = OnFailure.REJECT
    transport: Annotated[TransportName | None, Given] = None

    @field_validator("workers")
    @classmethod
    def _each_has_an_address(cls, value: int, info: ValidationInfo) -> int:
        if "listen" in info.data:
            last = str(worker_addresses(parse_address(info.data["listen"]), value)[-1])
            try:
                check_listen(last)
            except ValueError as error:
                raise ValueError(f"the last of {value} workers would listen on {last}: {error}") from None
        return value

    @field_validator("transport")
    @classmethod
    def _can_speak_tls(cls, value: Transport | None, info: ValidationInfo) -> Transport | None:
        if value is Transport.LEAN and info.data.get("tls") is not None:
            raise ValueError("lean does not support TLS, which sidecar.tls requires: set grpcio, or remove the key")
        return value


class RetryBudgetTable(Table):
    """The limit of concurrent retries: a percentage of the requests in flight, with a minimum.

    Off by default: each failover is a retry, and in a provider's outage every request needs one.
    """

    percent: Percent = 20.0
    min_concurrency: NonNegative = 10


class EnvoyTable(Table):
    """The Envoy that `up` starts and `render` describes."""

    admin: Annotated[AdminAddress | None, Given] = None
    retry_budget: Annotated[RetryBudgetTable | None, Given] = None
    secrets: Directory = "/etc/envoy/secrets"
