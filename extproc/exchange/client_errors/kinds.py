"""The errors that a client gets: one table for the sidecar's and for Envoy's own responses.

The texts are constant: Envoy's own would show addresses and the internal listeners.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

Body: TypeAlias = "Mapping[str, str | Body | None]"
"""An error as JSON has it, of strings, objects and null."""

_CLIENTS_FAULT: Final = "invalid_request_error"
_OUR_FAULT: Final = "server_error"


@value
class ErrorKind:
    """An error by its kind: programs branch on type and code, people read the message.

    *openai* and *anthropic* are the type that each API knows it by (platform.openai.com/docs/guides/error-codes,
    docs.claude.com/en/api/errors); OpenAI's has a *code* as well.
    """

    code: str
    message: str
    openai: str = _CLIENTS_FAULT
    anthropic: str = _CLIENTS_FAULT

    def saying(self, message: str) -> ErrorKind:
        """Return the same kind with what is known of this one case."""
        return replace(self, message=message)

    def body(self, *, anthropic: bool, request_id: str = "") -> Body:
        """Return the error in the shape of Anthropic's API or of OpenAI's."""
        type_ = self.anthropic if anthropic else self.openai
        return error_body(anthropic=anthropic, type_=type_, message=self.message, code=self.code, request_id=request_id)


def error_body(
    *,
    anthropic: bool,
    type_: str,
    message: str,
    code: str | None = None,
    param: str | None = None,
    request_id: str = "",
) -> Body:
    """Return an error in Anthropic's shape, which has no place for *code* and *param*, or in OpenAI's.

    OpenAI's has all four fields, absent ones as null: SDKs read them all.
    """
    if not anthropic:
        return {"error": {"message": message, "type": type_, "param": param, "code": code}}
    body: Body = {"type": "error", "error": {"type": type_, "message": message}}
    return {**body, "request_id": request_id} if request_id else body


def request_id_headers(request_id: str, *, anthropic: bool) -> tuple[tuple[str, str], ...]:
    """Return the headers by which a client's SDK learns the *request_id*: Anthropic's has a name of its own for it."""
    known = (("x-request-id", request_id),)
    return (*known, ("request-id", request_id)) if anthropic else known


BODY_TOO_LARGE: Final = ErrorKind(
    "request_too_large", "The request body is larger than this gateway accepts.", anthropic="request_too_large"
)
HEADERS_TOO_LARGE: Final = ErrorKind(
    "headers_too_large", "The request's headers are larger, or more, than this gateway accepts."
)
NOT_UNDERSTOOD: Final = ErrorKind("bad_request", "This is not a request that this gateway understands.")
NO_WEBSOCKET: Final = ErrorKind(
    "websocket_not_supported",
    "This gateway does not switch protocols: it speaks no WebSocket. Send the request as an ordinary one over HTTP; in "
    "Codex' config.toml, `supports_websockets = false` in the gateway's [model_providers.NAME] does so from the start.",
)
METHOD_NOT_ALLOWED: Final = ErrorKind("method_not_allowed", "This gateway takes no requests of this method.")
ORIGIN_NOT_ALLOWED: Final = ErrorKind(
    "origin_not_allowed",
    "This gateway is not to be called by pages of this origin: its configuration does not name it in "
    "listeners[0].cors.allow_origins.",
    anthropic="permission_error",
)
OVERDUE_REQUEST: Final = ErrorKind(
    "request_timeout", "The request has not arrived within this gateway's time limit.", anthropic="timeout_error"
)
PROVIDER_TIMEOUT: Final = ErrorKind(
    "timeout", "The model provider did not respond in time.", _OUR_FAULT, "timeout_error"
)
GATEWAY_TIMEOUT: Final = ErrorKind(
    "timeout", "No response within this gateway's time limit.", _OUR_FAULT, "timeout_error"
)
CONNECTION_ERROR: Final = ErrorKind(
    "connection_error",
    "The connection to the model provider failed before its response was complete.",
    _OUR_FAULT,
    "api_error",
)
OVERLOADED: Final = ErrorKind(
    "overloaded", "The gateway cannot take the request now. Try again shortly.", _OUR_FAULT, "overloaded_error"
)
POLICY_UNAVAILABLE: Final = ErrorKind(
    "policy_unavailable",
    "This gateway cannot decide where to send the request at the moment: no policy worker is available.",
    _OUR_FAULT,
    "overloaded_error",
)
NO_MORE_ATTEMPTS: Final = ErrorKind(
    "retry_exhausted",
    "All retry attempts exhausted: this gateway cannot make another one at the moment.",
    "retry_exhausted",
    "retry_exhausted",
)
GATEWAY_ERROR: Final = ErrorKind("gateway_error", "This gateway has failed.", _OUR_FAULT, "api_error")


def body_over(limit: int) -> ErrorKind:
    """Return `BODY_TOO_LARGE` with the *limit*, in bytes: so that a client can keep to it."""
    return BODY_TOO_LARGE.saying(f"The request body is larger than the {limit:,} bytes that this gateway accepts.")
