"""The endpoint of each target: provider row, address, cluster, path and credentials."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from extproc.config.errors import Problem
from extproc.config.providers import INTERFACES, PROVIDERS, Provider
from extproc.config.schema.addresses import BaseUrl, parse_base_url
from extproc.exchange.upstream import Upstream
from extproc.policy.target import Credential, Target, TargetId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.schema.file import ProviderTable


_OWNERS: Mapping[str, str] = {
    parse_base_url(provider.base_url).endpoint: prefix
    for prefix, provider in PROVIDERS.items()
    if provider.base_url is not None
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `model_providers` and its place in the file."""

    place: str
    table: ProviderTable


@dataclass(frozen=True, slots=True)
class ResolvedProvider:
    """An entry with the defaults of its provider's row."""

    entry: Entry
    row: Provider
    base_url: BaseUrl

    @property
    def table(self) -> ProviderTable:
        """The entry as in the file."""
        return self.entry.table

    @property
    def credential(self) -> Credential:
        """Whose credential is sent upstream; passthrough_auth takes precedence over keys."""
        if self.table.passthrough_auth:
            return Credential.CLIENT
        if self.table.keys:
            return Credential.OWN
        return Credential.MISSING if self._requires_key else Credential.NONE

    @property
    def owner(self) -> str | None:
        """The provider whose public address this is; None for a self-hosted server."""
        return _OWNERS.get(self.base_url.endpoint)

    @property
    def _requires_key(self) -> bool:
        """Whether a key is required: a vendor's endpoint always requires one, a self-hosted server may not."""
        has_public_address = self.row.base_url is not None
        return self.row.needs_key and (self.owner is not None or not has_public_address)


def resolve(entry: Entry) -> ResolvedProvider | Problem:
    """Return *entry* with its provider's defaults, or a problem."""
    table = entry.table
    interface = table.provider_interface
    row = PROVIDERS.get(table.prefix)
    if row is None and (interface is None or table.base_url is None):
        return Problem(
            f"{entry.place}.model",
            f"the provider is not one of {', '.join(PROVIDERS)}: "
            "any other provider needs both provider_interface and base_url",
        )
    if row is not None and interface is not None and INTERFACES[interface] != row:
        return Problem(
            f"{entry.place}.provider_interface",
            "contradicts the model's provider, which is built in: remove it, or give the provider another name",
        )
    row = INTERFACES[interface] if row is None and interface is not None else row
    if row is None or (table.base_url is None and row.base_url is None):
        return Problem(f"{entry.place}.base_url", "is required: each account of this provider has its own address")
    address = table.base_url or parse_base_url(row.base_url)
    return ResolvedProvider(entry, row, address)


def upstream_of(provider: ResolvedProvider, cluster: str) -> Upstream:
    """Return how requests to *provider*'s target are sent."""
    table, url = provider.table, provider.base_url
    # A deployment's name is part of the path; "*" is replaced later by the model that a request names.
    own_path = provider.row.path.replace("{model}", quote(table.bare_model, safe="*"))
    own_query = provider.row.query if url.path is None else ""
    credential = provider.credential
    return Upstream(
        cluster=cluster,
        authority=table.http_host or url.authority,
        model=table.bare_model,
        path_prefix=own_path if url.path is None else url.path,
        query=own_query if url.query is None else url.query,
        credential_style=provider.row.credential,
        keys=table.keys if credential is Credential.OWN else (),
        passthrough=credential is Credential.CLIENT,
        headers=_headers_of(table),
        first_byte=table.timeouts.first_byte,
    )


def _headers_of(table: ProviderTable) -> Mapping[str, str]:
    return MappingProxyType({name: value.get_secret_value() for name, value in table.headers.items()})


def target_of(provider: ResolvedProvider) -> Target:
    """Return *provider*'s target, as the policy sees it."""
    credential = provider.credential
    return Target(
        id=TargetId(provider.table.model),
        provider=provider.table.prefix,
        endpoint=provider.base_url.endpoint,
        apis=provider.row.apis,
        credential=credential,
        keys=len(provider.table.keys) if credential is Credential.OWN else 0,
        wildcard=provider.table.is_wildcard,
    )
