"""What the body of a provider's error says that its status and headers do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from extproc.exchange.body.json_depth import is_too_deep
from extproc.exchange.retry_after import read_duration
from extproc.json_values import items, members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.policy.units import Millis

LONGEST: Final = 16 * 1024
"""Bytes of an error that are worth reading: a longer one holds more than a code and a wait."""

# Errors after which waiting does not help, nor asking with the same key: their `code` or `type`. From
# - OpenAI, "Error codes", and what its API says of an account without a means of payment,
# - Moonshot (platform.moonshot.ai/docs): "suspended due to insufficient balance",
# - Zhipu (docs.bigmodel.cn/cn/api/api-code): an account that is not active, does not exist, is locked, in arrears, or
#   locked for a violation; the day's calls, or the plan's share, that are used up; a plan that has expired,
# - Alibaba (help.aliyun.com/en/model-studio/error-code).
_ACCOUNT: Final = frozenset(
    {
        *("insufficient_quota", "billing_not_active", "billing_hard_limit_reached"),
        "exceeded_current_quota_error",
        *("1110", "1111", "1112", "1113", "1121", "1304", "1308", "1309", "1310"),
        "Arrearage",
    }
)
_KEY_INVALID: Final = "API_KEY_INVALID"
"""Google: the reason in a `google.rpc.ErrorInfo` of a 400 (googleapis, google/api/error_reason.proto)."""

_KEY_MESSAGES: Final = ("API key not valid", "API Key not found", "API key expired", "Please pass a valid API key")
"""Google: how the message begins where there is no such reason. Its OpenAI-compatible endpoint gives no details."""

_NO_BALANCE: Final = "Your credit balance is too low"
"""Anthropic: how the message of a 400 begins whose type is `invalid_request_error`, as for a client's mistake."""

_NO_MODEL: Final = frozenset(
    {
        "model_not_found",  # OpenAI, Groq and others
        "DeploymentNotFound",  # Azure OpenAI
        "resource_not_found_error",  # Moonshot
        "1211",  # Zhipu
    }
)

_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"


def read_error(body: bytes) -> Mapping[str, object]:
    """Return the error that *body* holds; an empty one where it holds none that can be read.

    Every API puts it under `error`; Google's OpenAI-compatible endpoint puts that into a list of one. Nothing is read
    that is longer than `LONGEST`, or nested without end.
    """
    if not body or len(body) > LONGEST or is_too_deep(body):
        return {}
    try:
        document: object = json.loads(body)
    except ValueError:
        return {}
    if len(items(document)) == 1:
        (document,) = items(document)
    return members(members(document).get("error"))


def account_is_refused(error: Mapping[str, object]) -> bool:
    """Return whether *error* says that this key, or its account, is of no use: waiting will not help.

    A 429 may be for too many requests, or for a quota or a balance that is used up; a 400 for a mistake of the
    client's, or for a key that is not valid. Only the body distinguishes them.
    """
    message = error.get("message")
    return (
        not _ACCOUNT.isdisjoint(_names(error))
        or any(detail.get("reason") == _KEY_INVALID for detail in _details(error))
        or (isinstance(message, str) and message.startswith((_NO_BALANCE, *_KEY_MESSAGES)))
    )


def model_is_unknown(error: Mapping[str, object]) -> bool:
    """Return whether the *error* of a 404 says that the provider has no such model, or not for this account.

    Anthropic, Ollama and Google say of everything that it is not found; what, only the message does: `model: NAME`,
    `model "NAME" not found`, `models/NAME is not found`.
    """
    names = _names(error)
    if not _NO_MODEL.isdisjoint(names):
        return True
    message = error.get("message")
    about_model = isinstance(message, str) and message.startswith("model")
    return about_model and ("not_found_error" in names or error.get("status") == "NOT_FOUND")


def repeated_headers(error: Mapping[str, object]) -> Mapping[str, str]:
    """Return the headers that *error* repeats: OpenRouter says the reset of a limit nowhere else.

    They stand under `metadata.headers` (openrouter.ai/docs/api/reference/limits).
    """
    headers = members(members(error.get("metadata")).get("headers"))
    return {name.lower(): str(value) for name, value in headers.items() if isinstance(value, str | int)}


def retry_delay(error: Mapping[str, object]) -> Millis | None:
    """Return the wait that *error* asks for, in milliseconds; None when it asks for none.

    Google says it nowhere else: a `google.rpc.RetryInfo` among the details (google/rpc/error_details.proto), whose
    `retryDelay` is a duration as protobuf's JSON mapping writes it: `34s`, `34.074824224s`.
    """
    for detail in _details(error):
        if detail.get("@type") == _RETRY_INFO:
            delay = detail.get("retryDelay")
            return read_duration(delay) if isinstance(delay, str) else None
    return None


def _names(error: Mapping[str, object]) -> frozenset[str]:
    """Return what *error* calls itself: a code may be a number, as at Zhipu."""
    return frozenset(str(name) for name in (error.get("code"), error.get("type")) if isinstance(name, str | int))


def _details(error: Mapping[str, object]) -> list[Mapping[str, object]]:
    return [members(one) for one in items(error.get("details"))]
