"""What must hold of every request that reaches a provider and of every answer that reaches a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extproc import names
from support.gateway import credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from extproc.mock.record import Call

_TOLD_TO_CLIENTS = {names.MODEL, names.ATTEMPTS, names.DEGRADED}


def check_sent(call: Call, *, key: str) -> None:
    """Check that *call* carries *key*, no other credential, and nothing that concerns the gateway alone."""
    assert call.header("authorization") == f"Bearer {key}"
    check_nothing_internal(call)
    others = [leak for leak in credentials.ALL if leak != key]
    for name, value in call.headers:
        assert not any(leak in value for leak in others), f"{name} carries a credential of somebody else"
    assert not any(leak.encode() in call.body for leak in credentials.ALL)


def check_nothing_internal(call: Call) -> None:
    """Check that no header of *call* is a matter between Envoy and the sidecar."""
    internal = [name for name, _ in call.headers if name.startswith(names.INTERNAL_PREFIXES)]
    assert internal == [], f"the provider was shown {internal}"


def check_answer(response: httpx.Response) -> None:
    """Check that *response* holds nothing internal and no credential."""
    internal = [
        name for name in response.headers if name.startswith(names.INTERNAL_PREFIXES) and name not in _TOLD_TO_CLIENTS
    ]
    assert internal == [], f"the client was shown {internal}"
    told = response.text + str(response.headers.multi_items())
    assert not any(leak in told for leak in credentials.ALL), "the client was shown a credential"


def check_delivered(response: httpx.Response, *, by: str, target: str, attempts: int) -> None:
    """Check that *response* is provider *by*'s good answer, and says who gave it after how many attempts."""
    assert response.status_code == 200, response.text
    assert response.headers["x-mock-provider"] == by
    assert response.headers[names.MODEL] == target
    assert response.headers[names.ATTEMPTS] == str(attempts)
    check_answer(response)


def check_exhausted(
    response: httpx.Response, *, status: int, attempts: list[tuple[str, str]], retry_after: range | None = range(2, 3)
) -> Mapping[str, object]:
    """Check that *response* is the answer when nothing more can be tried; return its error.

    *attempts* are the target and the error type of each; *retry_after* is where the seconds of the header must lie,
    None when there must be no such header; without any wait that is known, it is two seconds.
    """
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert response.headers["x-should-retry"] == "false"
    told = response.headers.get("retry-after")
    assert told is None if retry_after is None else int(told) in retry_after, f"Retry-After: {told}"
    error: Mapping[str, object] = response.json()["error"]
    assert str(error["message"]).startswith("All retry attempts exhausted")
    assert error["type"] == "retry_exhausted"
    assert error["attempts"] == [
        {"model": model, "error_type": error_type, "attempt": number}
        for number, (model, error_type) in enumerate(attempts, start=1)
    ]
    assert error["total_attempts"] == len(attempts)
    check_answer(response)
    return error


def check_openai_error(response: httpx.Response, *, status: int) -> Mapping[str, object]:
    """Check that *response* is an error in OpenAI's shape that the gateway made itself; return the error."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    error: Mapping[str, object] = response.json()["error"]
    assert error["message"]
    assert error["type"]
    check_answer(response)
    return error


def check_anthropic_error(response: httpx.Response, *, status: int) -> Mapping[str, object]:
    """Check that *response* is an error in Anthropic's shape that the gateway made itself; return the error."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert body["type"] == "error"
    assert body["request_id"] == response.headers["request-id"] == response.headers["x-request-id"]
    error: Mapping[str, object] = body["error"]
    assert error["message"]
    assert error["type"]
    check_answer(response)
    return error
