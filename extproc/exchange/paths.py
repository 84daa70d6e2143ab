"""What a client's path asks for, and the path to send to a provider instead."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from extproc.policy.model import Api

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from extproc.exchange.upstream import Upstream

_VERSION: Final = "/v1"

# Whole paths only where what lies below them belongs to one provider: stored answers, batches, files.
_API_OF_PATH: Final[Mapping[str, Api]] = MappingProxyType(
    {
        "/chat/completions": Api.CHAT,
        "/completions": Api.COMPLETIONS,
        "/responses": Api.RESPONSES,
        "/embeddings": Api.EMBEDDINGS,
        "/moderations": Api.MODERATIONS,
        "/messages": Api.MESSAGES,
        "/messages/count_tokens": Api.MESSAGES,
    }
)
MESSAGES_PATHS: Final = tuple(path for path, api in _API_OF_PATH.items() if api is Api.MESSAGES)
"""Where the Messages API is, without the leading `/v1`."""

_API_OF_FOLDER: Final[Mapping[str, Api]] = MappingProxyType({"images": Api.IMAGES, "audio": Api.AUDIO})


def api_of(path: str) -> Api:
    """Return what kind of conversation a request for *path* begins, with or without the leading `/v1`."""
    resource = _without_version(path.partition("?")[0]).rstrip("/")
    _, _, below = resource.partition("/")
    folder, _, name = below.partition("/")
    if name and folder in _API_OF_FOLDER:
        return _API_OF_FOLDER[folder]
    return _API_OF_PATH.get(resource, Api.OTHER)


def paths_of(apis: AbstractSet[Api]) -> tuple[str, ...]:
    """Return regular expressions for the paths, without their query, by which `api_of` knows one of *apis*.

    `OTHER` has none: it is all the rest. They are several small ones, as Envoy 1.37 refuses large ones.
    """
    whole = [re.escape(path) for path, api in _API_OF_PATH.items() if api in apis]
    folders = [f"/{re.escape(folder)}/.*[^/]" for folder, api in _API_OF_FOLDER.items() if api in apis]
    return tuple(f"(?:{_VERSION})?{path}/*" for path in whole + folders)


def path_for(client_path: str, upstream: Upstream) -> str:
    """Return the `:path` that *upstream* gets for *client_path*.

    The client's query string stays as it is; the upstream's parameters follow it, but for those the client has given.
    """
    path, mark, query = client_path.partition("?")
    sent = upstream.path_prefix + _without_version(path) or "/"
    if not upstream.query:
        return sent + mark + query
    given = {_name(parameter) for parameter in query.split("&")}
    for parameter in upstream.query.split("&"):
        if _name(parameter) not in given:
            query = f"{query}&{parameter}" if query else parameter
            mark = "?"
    return sent + mark + query


def _without_version(path: str) -> str:
    return path.removeprefix(_VERSION) if path == _VERSION or path.startswith(f"{_VERSION}/") else path


def _name(parameter: str) -> str:
    return unquote_plus(parameter.partition("=")[0])
