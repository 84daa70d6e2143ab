"""The clients that are tried, and what their users have to know of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HERE = Path(__file__).parent


class Speaks(StrEnum):
    """Which providers a client needs behind the gateway."""

    OPENAI = "openai"  # OpenAI's APIs: chat completions or responses
    MESSAGES = "messages"  # Anthropic's Messages API


@dataclass(frozen=True, slots=True)
class Client:
    """One client. Its driver and the pins of its environment are the files that are named like it."""

    name: str
    package: str
    off: str  # the setting that stops its own retries, as Markdown; or why there is none
    apis: Speaks = Speaks.OPENAI
    path: str = "/v1"  # of the base URL that it is given
    also: tuple[str, ...] = ()  # further packages of its environment
    can_stop: bool = True  # its own retries
    note: str = ""  # what else its users should know, as Markdown

    @property
    def pins(self) -> Path:
        """Where the exact versions of everything in its environment stand."""
        return HERE / "environments" / self.name

    @property
    def is_node(self) -> bool:
        """Whether it comes from npm; else it comes from PyPI."""
        return (self.pins / "package.json").exists()

    @property
    def driver(self) -> Path:
        """The program that asks through it: in JavaScript for npm's libraries, else in Python."""
        stem = HERE / "drivers" / f"{self.name.replace('-', '_')}_driver"
        return next(path for path in (stem.with_suffix(".mjs"), stem.with_suffix(".py")) if path.exists())


_PYTHON = "`max_retries=0`"
_NODE = "`maxRetries: 0`"

CLIENTS = (
    Client("openai-python", "openai", _PYTHON),
    Client("anthropic-python", "anthropic", _PYTHON, Speaks.MESSAGES, path=""),
    Client("mistralai", "mistralai", "it has none, unless given a `retry_config`", path="", can_stop=False),
    Client("groq", "groq", _PYTHON, path="", note="it adds `/openai/v1` to its base URL by itself."),
    Client("together", "together", _PYTHON),
    Client("litellm", "litellm", _PYTHON, note="the model is `openai/` and then the gateway's name of it."),
    Client("langchain-openai", "langchain-openai", _PYTHON),
    Client("llama-index", "llama-index-llms-openai-like", _PYTHON),
    Client(
        "pydantic-ai",
        "pydantic-ai-slim",
        "`OpenAIProvider(openai_client=AsyncOpenAI(…, max_retries=0))`",
        also=("pydantic-ai-slim[openai]",),
    ),
    Client("openai-agents", "openai-agents", "`AsyncOpenAI(…, max_retries=0)`"),
    Client("aider", "aider-chat", "nothing: they go on for a minute", can_stop=False),
    Client("openai-node", "openai", _NODE),
    Client("anthropic-node", "@anthropic-ai/sdk", _NODE, Speaks.MESSAGES, path=""),
    Client("ai-sdk", "ai", _NODE, also=("@ai-sdk/openai-compatible",)),
    Client("langchain-js", "@langchain/openai", _NODE, also=("@langchain/core",)),
    Client(
        "codex",
        "@openai/codex",
        "`request_max_retries = 0` and `stream_max_retries = 0` under `[model_providers.NAME]`",
        note='With `wire_api = "responses"`; there is no other any more.',
    ),
    Client(
        "claude-code",
        "@anthropic-ai/claude-code",
        "`CLAUDE_CODE_MAX_RETRIES=0`",
        Speaks.MESSAGES,
        path="",
        note="one of its requests is `HEAD /api/hello`, at its start, to which the gateway itself responds.",
    ),
)
