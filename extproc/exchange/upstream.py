"""Where and how an attempt is sent: the wire facts of one target."""

from __future__ import annotations

from dataclasses import field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.policy.target import Target, TargetId
    from extproc.policy.units import Millis


class CredentialStyle(StrEnum):
    """Which headers carry a key."""

    BEARER = "bearer"  # authorization: Bearer KEY
    API_KEY = "api_key"  # api-key: KEY (Azure OpenAI)


@value
class Upstream:
    """One target on the wire. Holds keys: its repr leaves them out.

    The path sent is *path_prefix* followed by the client's path without its leading `/v1`.
    """

    cluster: str  # Envoy cluster name
    authority: str  # Host sent to the provider
    model: str  # the name sent: the target's without its provider prefix
    path_prefix: str = "/v1"  # replaces "/v1" of the client's path: "/openai/v1", "/api/paas/v4", ""
    query: str = ""  # added to the query string: "api-version=2024-10-21"
    credential_style: CredentialStyle = CredentialStyle.BEARER
    keys: tuple[str, ...] = field(default=(), repr=False)
    passthrough: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    first_byte: Millis | None = None  # timeouts.first_byte; None: the policy's attempt_timeout


@value
class Upstreams:
    """The wire facts of every target, wildcards (`provider/*`) included."""

    by_id: Mapping[TargetId, Upstream]
    wildcards: Mapping[str, Upstream] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, target: Target) -> Upstream:
        """Return the wire facts of *target*."""
        if not target.wildcard:
            return self.by_id[target.id]
        model = target.id.partition("/")[2]
        wildcard = self.wildcards[target.provider]
        return replace(wildcard, model=model, path_prefix=wildcard.path_prefix.replace("*", quote(model, safe="")))
