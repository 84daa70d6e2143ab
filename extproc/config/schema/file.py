"""The schema of the configuration file. It is compiled into a `Gateway` once, at start."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from extproc.config.providers import BEDROCK, BEDROCK_REFUSED, INTERFACES
from extproc.config.schema.addresses import Address, HttpHost, IpAddress
from extproc.config.schema.header_fields import AccessKey, HeaderName, HeaderValue
from extproc.config.schema.origins import Origin
from extproc.config.schema.processes import EnvoyTable, SidecarTable
from extproc.config.schema.retry_policy import RetryPolicyTable, Table
from extproc.config.schema.scalars import Duration, Flag, Given, PortNumber, Text, any_case

MODEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*/(\*|[!-)+-~]+)$"
CLUSTER_PATTERN = r"^[!-~]{1,255}$"


def _model(value: str) -> str:
    if re.fullmatch(MODEL_PATTERN, value) is None:
        raise ValueError("expected provider/model, or provider/* for any model of that provider")
    if value.partition("/")[0].lower() in BEDROCK:
        raise ValueError(BEDROCK_REFUSED)
    return value


def _interface(value: str) -> str:
    if value in BEDROCK:
        raise ValueError(BEDROCK_REFUSED)
    if value not in INTERFACES:
        raise ValueError(f"expected one of {', '.join(INTERFACES)}")
    return value


def _cluster(value: str) -> str:
    if re.fullmatch(CLUSTER_PATTERN, value) is None:
        raise ValueError("must be printable ASCII without spaces, at most 255 characters")
    return value


def _listener_type(value: object) -> object:
    if isinstance(value, str) and value in {"prompt", "agent"}:
        raise ValueError("only listeners of type model are supported; remove this one")
    return value


def _policy_given(value: object) -> object:
    if value is None:
        raise ValueError("is empty: write {} for retries with all defaults, or remove the key to disable retries")
    return value


ModelName = Annotated[
    str,
    AfterValidator(_model),
    WithJsonSchema(
        {"type": "string", "pattern": MODEL_PATTERN, "not": {"pattern": f"^({any_case(sorted(BEDROCK))})/"}}
    ),
]
Interface = Annotated[str, AfterValidator(_interface), WithJsonSchema({"enum": list(INTERFACES)})]
ClusterName = Annotated[str, AfterValidator(_cluster), WithJsonSchema({"type": "string", "pattern": CLUSTER_PATTERN})]
Headers = dict[HeaderName, HeaderValue]


class CorsTable(Table):
    """The web pages that may call the gateway from a browser (CORS)."""

    allow_origins: Annotated[list[Origin], Field(min_length=1)]


class ListenerTable(Table):
    """The listener that clients connect to."""

    type: Annotated[Literal["model"], BeforeValidator(_listener_type)]
    name: Text = "model"
    port: PortNumber = 12000
    address: IpAddress = "127.0.0.1"
    timeout: Duration = Field(default=600_000, json_schema_extra={"default": "600s"})
    cors: Annotated[CorsTable | None, Given] = None


class TimeoutsTable(Table):
    """Time limits of one target's connections."""

    connect: Duration = Field(default=5_000, json_schema_extra={"default": "5s"})
    first_byte: Duration | None = None
    idle: Duration = Field(default=45_000, json_schema_extra={"default": "45s"})
    between_bytes: Duration | None = None


class ProviderTable(Table):
    """One target: a model at a provider."""

    model: ModelName
    name: Annotated[Text | None, Given] = None
    access_key: Annotated[AccessKey | None, Given] = None
    access_keys: Annotated[Annotated[list[AccessKey], Field(min_length=1)] | None, Given] = None
    base_url: Annotated[Address | None, Given] = None
    default: Flag = False
    passthrough_auth: Flag = False
    http_host: Annotated[HttpHost | None, Given] = None
    provider_interface: Annotated[Interface | None, Given] = None
    headers: Headers = Field(default_factory=dict)
    cluster: Annotated[ClusterName | None, Given] = None
    timeouts: TimeoutsTable = TimeoutsTable()
    retry_policy: Annotated[RetryPolicyTable | None, BeforeValidator(_policy_given)] = None

    @property
    def prefix(self) -> str:
        """The provider: the part before the first slash."""
        return self.model.partition("/")[0]

    @property
    def bare_model(self) -> str:
        """The provider's name of the model."""
        return self.model.partition("/")[2]

    @property
    def is_wildcard(self) -> bool:
        """Whether the entry is a wildcard for all models of its provider."""
        return self.bare_model == "*"

    @property
    def keys(self) -> tuple[str, ...]:
        """The configured keys in plain text: never to be logged or shown."""
        secrets = self.access_keys or ([] if self.access_key is None else [self.access_key])
        return tuple(secret.get_secret_value() for secret in secrets)

    @field_validator("access_keys")
    @classmethod
    def _instead_of_access_key(cls, value: list[AccessKey] | None, info: ValidationInfo) -> list[AccessKey] | None:
        if info.data.get("access_key") is not None:
            raise ValueError("access_key is set, too: use one of the two")
        return value

    @field_validator("default")
    @classmethod
    def _no_wildcard(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - the validated value
        if value and info.data.get("model", "").endswith("/*"):
            raise ValueError("a wildcard cannot be the default, because it names no model")
        return value


class AliasTable(Table):
    """Another name for a model."""

    target: Text


class ConfigTable(Table):
    """The file. Its old key `llm_providers` is renamed before validation."""

    version: Literal["v0.1", "v0.1.0", "0.1-beta", "0.2.0", "v0.3.0", "v0.4.0"]
    listeners: Annotated[list[ListenerTable], Field(min_length=1)] = Field(
        default_factory=lambda: [ListenerTable(type="model")]
    )
    model_providers: Annotated[list[ProviderTable], Field(min_length=1)]
    model_aliases: dict[Text, AliasTable] = Field(default_factory=dict)
    sidecar: SidecarTable = SidecarTable()
    envoy: EnvoyTable = EnvoyTable()
