"""What a client's path asks for, and the path to send to a provider instead."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from extproc.exchange.url.queries import query_for
from extproc.exchange.url.resources import API_OF, BASES, DEPLOYED, KEPT, OFFICIAL, VENDORS, VERSION
from extproc.policy.target import Api
from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from extproc.exchange.upstream import Upstream

MODELS: Final = "/models"
"""The resource that lists models; below it stands the name of one."""

_VENDOR_OF: Final[Mapping[str, Api]] = MappingProxyType({"/openai": Api.OTHER, "/anthropic": Api.ANTHROPIC})
"""The vendor's API that a prefix stands for, as far as one provider keeps the resource."""

_DEPLOYMENTS: Final = "/deployments/"
_MODELS_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_UNSAFE: Final = re.compile(r"[\x00-\x20/\\\x7f]|^\.{0,2}$")


@value
class Operation:
    """The operation of an API that a request's path stands for.

    *resource* is what follows a provider's own prefix (`/chat/completions`), *model* the name of a deployment that
    stands in the path.
    """

    api: Api
    resource: str
    model: str | None = None


_SUPPORTED: Final[Mapping[str, Operation]] = MappingProxyType(
    {base + resource: Operation(api, resource) for base in BASES for resource, api in API_OF.items()}
)
LONGEST_FIRST: Final = tuple(sorted(BASES, key=len, reverse=True))
"""`BASES`, in the order in which to look for them."""


def operation_of(path: str, *, method: str = "POST", anthropic: bool = False) -> Operation | None:
    """Return the operation that *path* stands for; None when it is not supported.

    *anthropic* says that the request looks like one to Anthropic's API, which shares some paths with OpenAI's.
    """
    plain = path.partition("?")[0].rstrip("/")
    return _SUPPORTED.get(plain) or _closer_look(plain, method, anthropic=anthropic)


def api_of_unsupported_path(path: str, *, anthropic: bool) -> Api:
    """Return the API whose errors the client of an unsupported *path* understands."""
    segments = path.partition("?")[0].split("/")
    return Api.ANTHROPIC if anthropic or "anthropic" in segments or "messages" in segments else Api.OTHER


def paths_of(apis: AbstractSet[Api]) -> tuple[str, ...]:
    """Return regular expressions for the paths, without their query, that ask for one of *apis*.

    What only one provider keeps has none. They are several small ones, as Envoy 1.37 refuses large ones.
    """
    official = f"(?:{'|'.join(filter(None, OFFICIAL))})?(?:{VERSION}){{0,2}}"
    vendors = [f"(?:{'|'.join(map(re.escape, some))})(?:{VERSION})?" for some in (VENDORS[::2], VENDORS[1::2])]
    resources = [resource for resource, api in API_OF.items() if api in apis]
    return tuple(
        f"{base}{f'(?:{_DEPLOYMENTS}.+)?' if resource in DEPLOYED else ''}{re.escape(resource)}/*"
        for resource in resources
        for base in (official, *vendors)
    )


def path_for(client_path: str, operation: Operation, upstream: Upstream) -> str:
    """Return the `:path` that *upstream* gets for a *client_path* that stands for *operation*."""
    # What Azure keeps is not below a deployment.
    prefix = upstream.path_prefix.partition(_DEPLOYMENTS)[0] if operation.api.kept else upstream.path_prefix
    sent = prefix + operation.resource
    query = query_for(client_path.partition("?")[2], upstream)
    return f"{sent}?{query}" if query else sent


def _closer_look(path: str, method: str, *, anthropic: bool) -> Operation | None:
    base = next(base for base in LONGEST_FIRST if path.startswith(base + "/") or not base)
    resource = path[len(base) :]
    if resource.startswith(_DEPLOYMENTS) and (deployed := _deployed(resource)) is not None:
        return deployed
    segments = resource.split("/")[1:]
    known = ("/" + "/".join(segments[:count]) for count in (1, 2))
    folder = next((one for one in known if one in KEPT), None)
    # The name of a model may hold slashes, however they are written; no other part of a path may.
    plain = unquote(resource).split("/")[1:] if folder == MODELS else map(unquote, segments)
    if folder is None or any(map(_UNSAFE.search, plain)):
        return None
    # Google's `/v1/models/NAME:generateContent`, with the client's prompt and key, is no resource of these APIs.
    if folder == MODELS and method not in _MODELS_METHODS:
        return None
    vendor = next((api for root, api in _VENDOR_OF.items() if base.startswith(root)), None)
    api = KEPT[folder] or vendor or (Api.ANTHROPIC if anthropic else Api.OTHER)
    return Operation(api, resource) if vendor in {None, api} else None


def _deployed(path: str) -> Operation | None:
    """Return the operation on the deployment that *path* names, whose name may hold slashes."""
    for segments in (2, 1):
        model, *rest = path.removeprefix(_DEPLOYMENTS).rsplit("/", segments)
        resource = "/" + "/".join(rest)
        if model and resource in DEPLOYED:
            return Operation(API_OF[resource], resource, unquote(model))
    return None
