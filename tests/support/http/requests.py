"""What clients of the gateway send."""

from __future__ import annotations

import json

from support.gateway import credentials
from support.gateway.providers import P

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
EMBEDDINGS = "/v1/embeddings"


def a_body(model: str | None = None, **fields: object) -> bytes:
    """Return the body of an ordinary chat request; for P unless *model* names another."""
    return json.dumps({"model": model or P, "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def a_clients_headers() -> dict[str, str]:
    """Return the headers of an ordinary request: a client has a credential of its own, which concerns no provider."""
    return {"content-type": "application/json", "authorization": f"Bearer {credentials.CLIENT_KEY}"}
