"""The parts of the file about our own processes: the sidecar and the Envoy that `up` starts and `render` describes."""

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
"""Where the sidecar listens unless the file says otherwise: in the directory for sockets of this user's session or, for
a service, of the system. It is a reference like any other in the file, and is resolved with them."""

ABSOLUTE_PATTERN = r"^/[!-~]*$"
SOCKET_MODES = ("0600", "0660")
"""A socket that everybody could write to would hand everybody the keys."""


def _directory(value: str) -> str:
    if re.fullmatch(ABSOLUTE_PATTERN, value) is None:
        raise ValueError("expected the absolute path of a directory, without spaces")
    return value.rstrip("/")


def _file(value: str) -> str:
    if re.fullmatch(ABSOLUTE_PATTERN, value) is None:
        raise ValueError("expected the absolute path of a file, without spaces")
    return value


def _socket_mode(value: object) -> object:
    if value not in SOCKET_MODES:  # 0600 without quotes is another number to YAML
        raise ValueError('expected "0600" (the owner alone) or "0660" (its group, too), in quotes')
    return value


Directory = Annotated[str, AfterValidator(_directory), WithJsonSchema({"type": "string", "pattern": ABSOLUTE_PATTERN})]
File = Annotated[str, AfterValidator(_file), WithJsonSchema({"type": "string", "pattern": ABSOLUTE_PATTERN})]
SocketMode = Annotated[str, BeforeValidator(_socket_mode), WithJsonSchema({"enum": list(SOCKET_MODES)})]


class TlsTable(Table):
    """The files of both sides by which sidecar and Envoy prove to each other who they are (mutual TLS)."""

    ca: File
    cert: File
    key: File
    client_cert: File
    client_key: File
    server_name: Annotated[HostName | None, Given] = None


class SidecarTable(Table):
    """The sidecar itself. *listen* is what `serve` uses; `up` makes a private socket of its own."""

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
            raise ValueError("lean cannot speak TLS, which sidecar.tls asks for: set grpcio, or leave it out")
        return value


class RetryBudgetTable(Table):
    """How many retries Envoy allows at once: a share of the requests under way, but never less than a few.

    Only when it is asked for: each failover is a retry, and in a provider's outage every request is one.
    """

    percent: Percent = 20.0
    min_concurrency: NonNegative = 10


class EnvoyTable(Table):
    """The Envoy that `up` starts and `render` describes."""

    admin: Annotated[AdminAddress | None, Given] = None
    retry_budget: Annotated[RetryBudgetTable | None, Given] = None
    secrets: Directory = "/etc/envoy/secrets"
