"""Envoy's SDS secret files: the secret header values of the default target."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

from extproc.bootstrap.degraded.target import default_apis, default_target
from extproc.exchange.headers import secret_headers
from extproc.policy.target import Api

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.config.gateway import Gateway


def secrets_of(gateway: Gateway) -> Mapping[str, str]:
    """Return the headers, by name, that Envoy must add by itself for *gateway*. Their values are secret."""
    target = default_target(gateway)
    if target is None:
        return MappingProxyType({})
    upstream = gateway.upstreams.of(target)
    secrets = secret_headers(upstream, Api.OTHER)
    if Api.MESSAGES in default_apis(gateway, target):
        secrets |= secret_headers(upstream, Api.MESSAGES)
    return MappingProxyType(secrets)


def secret_files(gateway: Gateway) -> Mapping[str, str]:
    """Return what Envoy must find in the directory of its secrets: the text of each file, by its name."""
    return MappingProxyType({secret_file(name): _text(name, value) for name, value in secrets_of(gateway).items()})


def secret_file(name: str) -> str:
    """Return what the file is called that holds the value of the header *name*."""
    return f"{name}.yaml"


def _text(name: str, value: str) -> str:
    """Return a secret as Envoy's SDS reads it from a file.

    Envoy takes in another one at once when it is moved over this one (`path_config_source`).
    """
    secret = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": name,
        "generic_secret": {"secret": {"inline_string": value}},
    }
    return yaml.safe_dump({"resources": [secret]}, sort_keys=False, allow_unicode=True)
