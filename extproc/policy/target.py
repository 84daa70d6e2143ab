"""What a request may be sent to, and how far it may go from what it names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

TargetId = NewType("TargetId", str)
"""`provider/model`, as configured: unique."""


class Api(StrEnum):
    """The API that a request's path belongs to."""

    CHAT = "chat"  # /v1/chat/completions
    COMPLETIONS = "completions"  # /v1/completions
    RESPONSES = "responses"  # /v1/responses
    EMBEDDINGS = "embeddings"  # /v1/embeddings
    IMAGES = "images"  # /v1/images/…
    AUDIO = "audio"  # /v1/audio/…
    MODERATIONS = "moderations"  # /v1/moderations
    MESSAGES = "messages"  # /v1/messages, Anthropic's own
    OTHER = "other"  # what else OpenAI's API has, about something that one provider keeps: never sent to another
    ANTHROPIC = "anthropic"  # the same of Anthropic's API: batches of messages, files, skills

    @property
    def of_anthropic(self) -> bool:
        """Whether it is Anthropic's API rather than OpenAI's: other credentials, other shapes of errors."""
        return self in _ANTHROPICS

    @property
    def kept(self) -> bool:
        """Whether requests are about something that only one provider has."""
        return self in _KEPT


_ANTHROPICS = frozenset({Api.MESSAGES, Api.ANTHROPIC})
_KEPT = frozenset({Api.OTHER, Api.ANTHROPIC})


class Freedom(StrEnum):
    """How far a request may go from the target that it names."""

    ANYWHERE = "anywhere"  # to any target that can serve it
    THERE = (
        "there"  # it needs what that target's provider keeps for the owner of its first key: no other provider has it
    )
    ONCE = "once"  # it asks for no generation: one attempt, at once, and its response says nothing about others


class Credential(StrEnum):
    """Whose credential a target's requests carry."""

    OWN = "own"  # access_key or access_keys
    CLIENT = "client"  # passthrough_auth: the client's, as it came
    NONE = "none"  # an endpoint that asks for none
    MISSING = "missing"  # it asks for one and none is configured: never a candidate


@dataclass(frozen=True, slots=True)
class Target:
    """One configured model, as far as the rules care."""

    id: TargetId
    provider: str  # the part before the first "/"
    endpoint: str  # "scheme://host:port": what a block of scope endpoint is about
    apis: frozenset[Api]
    credential: Credential = Credential.OWN
    keys: int = 1  # how many access keys are rotated; 0 unless credential is OWN
    wildcard: bool = False  # stands for, or was made from, "provider/*": never a candidate

    @property
    def entry(self) -> str:
        """The configured entry: models of a wildcard share its keys and their rotation."""
        return f"{self.provider}/*" if self.wildcard else self.id
