"""Configuration files for tests, with defaults for all that a test is not about."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import yaml

from extproc.config.errors import ConfigError
from extproc.config.load import load_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extproc.config.gateway import Gateway
    from extproc.config.load import Loaded
    from extproc.policy.rules import Policy

Table: TypeAlias = "dict[str, object]"

P = "openai/gpt-4o"
S = "anthropic/claude-3-5-sonnet"
KEYS_OF_EXAMPLES: Mapping[str, str] = dict.fromkeys(
    ("OPENAI_API_KEY", "OPENAI_API_KEY_2", "ANTHROPIC_API_KEY", "GROQ_API_KEY"), "sk-test"
)
"""What the environment must have for the files in `configs/`."""

AT_POLICY = "model_providers[0].retry_policy"
TLS: Table = {
    "ca": "/tls/ca.pem",
    "cert": "/tls/sidecar.pem",
    "key": "/tls/sidecar.key",
    "client_cert": "/tls/envoy.pem",
    "client_key": "/tls/envoy.key",
}
"""Where the files of mutual TLS are, as `sidecar.tls` names them."""


def a_provider(model: str = P, **keys: object) -> Table:
    """Return an entry with a key of its own, unless *keys* bring or need none."""
    own_key = {} if keys.keys() & {"access_key", "access_keys", "passthrough_auth"} else {"access_key": "sk-test"}
    return {"model": model, **own_key, **keys}


def a_file(*providers: object, **top: object) -> Table:
    """Return a file with *providers*, or with one ordinary one."""
    return {"version": "v0.4.0", "model_providers": list(providers) or [a_provider()], **top}


def with_policy(policy: object, *others: Table) -> Table:
    """Return a file whose primary has *policy*; a second provider is there unless *others* are given."""
    return a_file(a_provider(retry_policy=policy), *(others or (a_provider(S),)))


def loaded(document: Table, environ: Mapping[str, str] | None = None) -> Loaded:
    """Return what *document* loads to."""
    return load_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), environ or {})


def gateway(document: Table, environ: Mapping[str, str] | None = None) -> Gateway:
    """Return the gateway that *document* describes."""
    return loaded(document, environ).gateway


def policy(table: object, *others: Table) -> Policy:
    """Return what *table* compiles to as the primary's policy."""
    (compiled,) = gateway(with_policy(table, *others)).catalog.policies.values()
    return compiled


def warnings(document: Table) -> list[str]:
    """Return the warnings about *document*."""
    return [str(warning) for warning in loaded(document).warnings]


def problems(document: Table | str, environ: Mapping[str, str] | None = None) -> Sequence[str]:
    """Return everything that is wrong with *document*; nothing when it may be used."""
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    try:
        load_text(text, environ or {})
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []
