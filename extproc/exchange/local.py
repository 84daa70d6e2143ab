"""The responses of the gateway itself, which call no provider: the list of models, and greetings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from extproc.exchange.attempt_record import Result
from extproc.exchange.client_errors import errors
from extproc.exchange.events import ImmediateResponse
from extproc.exchange.headers import VERSION
from extproc.exchange.url.paths import MODELS, api_of_unsupported_path, operation_of
from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.exchange.events import Headers
    from extproc.exchange.url.paths import Operation
    from extproc.policy.catalog import Catalog
    from extproc.policy.target import Api, Target

_JSON: Final = (("content-type", "application/json"),)
_READS: Final = frozenset({"GET", "HEAD"})

# What people and clients look at to see whether the gateway is up: Claude Code requests `/api/hello` at its start.
_GREETING: Final = ImmediateResponse(200, _JSON, b'{"message": "hello"}')
_NOTHING: Final = ImmediateResponse(204, (), b"")
_GREETINGS: Final[Mapping[str, ImmediateResponse]] = {"/": _GREETING, "/api/hello": _GREETING, "/favicon.ico": _NOTHING}

_EPOCH: Final = "1970-01-01T00:00:00Z"
"""What stands for the date of a model's release, which the shapes require and the gateway does not know."""


@value
class LocalResponse:
    """The response to a request that needs no provider, in the shape of *api*."""

    api: Api
    response: ImmediateResponse
    result: Result


def operation_or_response(headers: Headers, catalog: Catalog) -> Operation | LocalResponse:
    """Return the operation that a request with these *headers* stands for, or our response to it."""
    method, path = headers.get(":method", ""), headers.get(":path", "/")
    anthropic = VERSION in headers
    operation = operation_of(path, method=method, anthropic=anthropic)
    api = api_of_unsupported_path(path, anthropic=anthropic) if operation is None else operation.api
    response = local_response(method, path, operation, api, catalog)
    if response is not None:
        return LocalResponse(api, response, Result.LOCAL)
    if operation is None:
        return LocalResponse(
            api, errors.path_not_supported(api, request_id=headers.get("x-request-id", "")), Result.REFUSED
        )
    return operation


def local_response(
    method: str, path: str, operation: Operation | None, api: Api, catalog: Catalog
) -> ImmediateResponse | None:
    """Return the response to a request that needs no provider; None for every other one.

    *operation* and *api* are what *path* stands for. The response to HEAD has no body.
    """
    if method not in _READS:
        return None
    if operation is None:
        response = _GREETINGS.get(path.partition("?")[0])
    elif operation.resource == MODELS:
        response = _models(api, catalog)
    elif operation.resource.startswith(f"{MODELS}/"):
        response = _model(unquote(operation.resource.removeprefix(f"{MODELS}/")), api, catalog)
    else:
        return None
    return (
        ImmediateResponse(response.status, response.headers, b"")
        if response is not None and method == "HEAD"
        else response
    )


def listed(api: Api, catalog: Catalog) -> Iterator[tuple[str, Target]]:
    """Yield the models that a client of *api* may name, and the target of each: ids, then names and aliases.

    A wildcard is not among them: what it stands for is unknown; nor are second names that clients may use for
    what is listed already: the model without its provider.
    """
    for target in catalog.targets.values():
        if api in target.apis:
            yield target.id, target
    for name, target_id in catalog.names.items():
        target = catalog[target_id]
        if api in target.apis and name not in {target.id, target.id.partition("/")[2]}:
            yield name, target


def _models(api: Api, catalog: Catalog) -> ImmediateResponse:
    data = [_shape(name, target, api) for name, target in listed(api, catalog)]
    if not api.of_anthropic:
        return _ok({"object": "list", "data": data})
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return _ok({"data": data, "has_more": False, "first_id": first, "last_id": last})


def _model(named: str, api: Api, catalog: Catalog) -> ImmediateResponse | None:
    """Return what there is to say of a configured model; None: its provider may know one of that name."""
    target = catalog.find(named)
    return None if target is None or api not in target.apis else _ok(_shape(named, target, api))


def _shape(name: str, target: Target, api: Api) -> dict[str, object]:
    """Return a model as *api* shows it (the Models resources of OpenAI's and of Anthropic's API reference)."""
    if api.of_anthropic:
        return {"type": "model", "id": name, "display_name": name, "created_at": _EPOCH}
    return {"id": name, "object": "model", "created": 0, "owned_by": target.provider}


def _ok(body: object) -> ImmediateResponse:
    return ImmediateResponse(200, _JSON, json.dumps(body).encode())
