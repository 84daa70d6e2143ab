"""Errors of our own, in the shape that the client's SDK knows from the API it uses.

The texts are for the developer who reads a stack trace: what is wrong and what to do. They hold no addresses, no
keys, and of the client's own words only a short piece.
"""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from extproc import names
from extproc.exchange.body.encoding import CODINGS
from extproc.exchange.body.media import FORM
from extproc.exchange.client_errors.kinds import (
    BODY_TOO_LARGE,
    CONNECTION_ERROR,
    GATEWAY_ERROR,
    OVERLOADED,
    PROVIDER_TIMEOUT,
    ErrorKind,
    body_over,
    error_body,
    request_id_headers,
)
from extproc.exchange.events import ImmediateResponse
from extproc.exchange.url.resources import API_OF, VERSION
from extproc.policy.outcome import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extproc.exchange.body.encoding import Undecodable
    from extproc.exchange.body.model_field import Malformed
    from extproc.policy.target import Api

_LONGEST_NAME: Final = 200

# What OpenAI calls an error of that status, and what Anthropic does.
_TYPES: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        404: ("invalid_request_error", "not_found_error"),
        429: ("rate_limit_error", "rate_limit_error"),
    }
)
_CLIENTS_FAULT: Final = ("invalid_request_error", "invalid_request_error")
_OUR_FAULT: Final = ("server_error", "api_error")


def error_response(
    api: Api,
    *,
    status: int,
    type_: str,
    message: str,
    code: str | None = None,
    param: str | None = None,
    request_id: str = "",
) -> ImmediateResponse:
    """Return an error in *api*'s own shape; Anthropic's has no place for *code* and *param*."""
    anthropic = api.of_anthropic
    body = error_body(anthropic=anthropic, type_=type_, message=message, code=code, param=param, request_id=request_id)
    headers = [("content-type", "application/json")]
    if request_id:
        headers += request_id_headers(request_id, anthropic=anthropic)
    return ImmediateResponse(status, tuple(headers), json.dumps(body).encode())


def malformed_body(api: Api, malformed: Malformed, *, request_id: str = "") -> ImmediateResponse:
    """Refuse a body that announces JSON, or a form, and is none."""
    message = f"The request body is not valid {malformed.expected}: {malformed.problem}."
    code = "invalid_form" if malformed.expected == FORM else "invalid_json"
    return _error(api, 400, message, code=code, request_id=request_id)


def no_model(api: Api, *, request_id: str = "") -> ImmediateResponse:
    """Refuse a request that names no model where no default is configured."""
    message = (
        "The request names no model: give the name of one as the string `model` in the JSON body, as the part `model` "
        f"of a form, or in the header {names.HINT}."
    )
    return _error(api, 400, message, code="missing_model", param="model", request_id=request_id)


def model_not_found(api: Api, named: str, serving: Iterable[str], *, request_id: str = "") -> ImmediateResponse:
    """Refuse a request that names a model which is not configured; those that could serve it are *serving*."""
    message = f"The model `{_short(named)}` is not configured in this gateway. {_those(api, serving)}"
    return _error(api, 400, message, code="model_not_found", param="model", request_id=request_id)


def api_not_supported(api: Api, named: str, serving: Iterable[str], *, request_id: str = "") -> ImmediateResponse:
    """Refuse a request that names a model whose provider does not speak *api*."""
    message = f"The model `{_short(named)}` cannot be used through this API ({api}). {_those(api, serving)}"
    return _error(api, 400, message, code="model_not_found", param="model", request_id=request_id)


def _short(named: str) -> str:
    return named if len(named) <= _LONGEST_NAME else f"{named[:_LONGEST_NAME]}…"


def _those(api: Api, serving: Iterable[str]) -> str:
    models = ", ".join(serving)
    return f"Models that can: {models}." if models else f"No configured model supports this API ({api})."


def path_not_supported(api: Api, *, request_id: str = "") -> ImmediateResponse:
    """Refuse a path that no provider supports, and name those that are supported."""
    supported = ", ".join(VERSION + resource for resource in API_OF)
    message = (
        f"This path is not supported, and no provider was called. Supported: {supported}, {VERSION}/models, and what a "
        f"provider keeps ({VERSION}/files, {VERSION}/batches and the like)."
    )
    return _error(api, 404, message, code="unknown_path", request_id=request_id)


def body_too_large(api: Api, limit: int, *, request_id: str = "") -> ImmediateResponse:
    """Refuse a body of more than *limit* bytes."""
    return _of_kind(body_over(limit), api, 413, request_id=request_id)


def body_undecodable(api: Api, why: Undecodable, *, request_id: str = "") -> ImmediateResponse:
    """Refuse a body that may name a model and hides which: 415, or 413 if it would come to too much.

    It says what can be read, as RFC 9110 section 15.5.16 asks for.
    """
    message = f"The request body cannot be read: {why.problem}."
    if why.too_large:
        return _of_kind(BODY_TOO_LARGE.saying(message), api, 413, request_id=request_id)
    response = _error(api, 415, message, code="unsupported_body", request_id=request_id)
    return replace(response, headers=(*response.headers, ("accept-encoding", ", ".join(CODINGS))))


def body_mismatch(api: Api, *, request_id: str = "") -> ImmediateResponse:
    """Refuse to send a body that is not the one of the attempts before."""
    message = "The request body changed between two attempts, so it was not sent again. Send the request once more."
    return _error(api, 500, message, code="body_mismatch", request_id=request_id)


def state_unreadable(api: Api, *, request_id: str = "") -> ImmediateResponse:
    """Refuse to go on with a request of whose earlier attempts nothing can be known."""
    message = "The gateway lost track of this request's attempts, so it was not sent again. Send the request once more."
    return _error(api, 500, message, code="state_unreadable", request_id=request_id)


def no_response(api: Api, kind: Kind, status: int, *, request_id: str = "") -> ImmediateResponse:
    """Report that an attempt of this *kind* and *status* has brought no response from the provider."""
    match kind:
        case Kind.TIMEOUT:
            return _of_kind(PROVIDER_TIMEOUT, api, status, request_id=request_id)
        case Kind.CONNECTION_ERROR:
            return _of_kind(CONNECTION_ERROR, api, status, request_id=request_id)
        case Kind.HTTP | Kind.HIGH_LATENCY | Kind.FINAL:
            message = f"The model provider responded with HTTP status {status}, and the rest of its response was lost."
            return _error(api, status, message, code="response_lost", request_id=request_id)
        case _:
            return local_reply(api, status, request_id=request_id)


def redirected(api: Api, *, request_id: str = "") -> ImmediateResponse:
    """Report that a provider has redirected the request: following it would carry the prompt to an unknown host."""
    message = "The model provider responded with a redirect, which is not followed: its base_url here is wrong."
    return _error(api, 502, message, code="provider_redirect", request_id=request_id)


def local_reply(api: Api, status: int, *, request_id: str = "") -> ImmediateResponse:
    """Say in *api*'s shape what Envoy says by *status* alone: it has rejected the request."""
    match status:
        case 413:
            return _of_kind(BODY_TOO_LARGE, api, status, request_id=request_id)
        case 503:
            return _of_kind(OVERLOADED, api, status, request_id=request_id)
        case _:
            message = f"The gateway rejected the request (HTTP status {status})."
            return _error(api, status, message, code=GATEWAY_ERROR.code, request_id=request_id)


def _of_kind(kind: ErrorKind, api: Api, status: int, *, request_id: str) -> ImmediateResponse:
    type_ = kind.anthropic if api.of_anthropic else kind.openai
    return error_response(api, status=status, type_=type_, message=kind.message, code=kind.code, request_id=request_id)


def _error(
    api: Api, status: int, message: str, *, code: str, param: str | None = None, request_id: str
) -> ImmediateResponse:
    openai, anthropic = _TYPES.get(status, _CLIENTS_FAULT if status < 500 else _OUR_FAULT)
    type_ = anthropic if api.of_anthropic else openai
    return error_response(
        api, status=status, type_=type_, message=message, code=code, param=param, request_id=request_id
    )
