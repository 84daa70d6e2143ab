"""The built-in providers: address, credentials and supported APIs.

Paths are what replaces the `/v1` of the client's path. Every provider takes `Authorization: Bearer`, but for Azure
OpenAI (`api-key`) and Anthropic's Messages API (`x-api-key`), which follows from the request's path.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from extproc.exchange.upstream import CredentialStyle
from extproc.policy.target import Api

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHAT = frozenset({Api.CHAT, Api.OTHER})
_CHAT_RESPONSES = _CHAT | {Api.RESPONSES}
_CHAT_EMBEDDINGS = _CHAT | {Api.EMBEDDINGS}
_MESSAGES = frozenset({Api.MESSAGES, Api.ANTHROPIC})
_OPENAI = frozenset(Api) - _MESSAGES
"""`OTHER` and `ANTHROPIC` are what a provider keeps: selection keeps them with the one they were sent to."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the table. *base_url* is None where every customer has an address of their own.

    *compatible* are those of *apis* that it offers to clients of another vendor: not what it is made for.
    """

    base_url: str | None
    apis: frozenset[Api] = _OPENAI
    compatible: frozenset[Api] = frozenset()
    path: str = "/v1"  # `{model}` stands for the model's name
    query: str = ""
    credential: CredentialStyle = CredentialStyle.BEARER
    needs_key: bool = True


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "openai": Provider("https://api.openai.com"),
        # platform.claude.com/docs/en/api/openai-sdk: chat only, at /v1, with the key as a bearer token; "primarily
        # intended to test and compare".
        "anthropic": Provider("https://api.anthropic.com", apis=_CHAT | _MESSAGES, compatible=_CHAT),
        # docs.mistral.ai/api: audio is transcription, moderations have the same path.
        "mistral": Provider("https://api.mistral.ai", apis=_CHAT_EMBEDDINGS | {Api.MODERATIONS, Api.AUDIO}),
        # api-docs.deepseek.com: "/v1" and no prefix are the same.
        "deepseek": Provider("https://api.deepseek.com", apis=_CHAT),
        # console.groq.com/docs/openai, .../docs/responses-api
        "groq": Provider("https://api.groq.com", apis=_CHAT_RESPONSES | {Api.AUDIO}, path="/openai/v1"),
        # ai.google.dev/gemini-api/docs/openai
        "gemini": Provider(
            "https://generativelanguage.googleapis.com",
            apis=_CHAT_EMBEDDINGS | {Api.IMAGES},
            path="/v1beta/openai",
        ),
        # docs.x.ai/docs/api-reference
        "xai": Provider("https://api.x.ai", apis=_CHAT_RESPONSES | {Api.COMPLETIONS, Api.IMAGES}),
        # docs.together.ai/docs/inference/openai-compatibility: no moderations, no responses.
        "together_ai": Provider(
            "https://api.together.ai", apis=_CHAT_EMBEDDINGS | {Api.COMPLETIONS, Api.IMAGES, Api.AUDIO}
        ),
        # platform.kimi.ai/docs/api/overview
        "moonshotai": Provider("https://api.moonshot.ai", apis=_CHAT_RESPONSES),
        # docs.bigmodel.cn/api-reference
        "zhipu": Provider("https://open.bigmodel.cn", apis=_CHAT_EMBEDDINGS | {Api.IMAGES}, path="/api/paas/v4"),
        # alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope; the address outside of China
        # is dashscope-intl.aliyuncs.com.
        "qwen": Provider(
            "https://dashscope.aliyuncs.com", apis=_CHAT_EMBEDDINGS | {Api.RESPONSES}, path="/compatible-mode/v1"
        ),
        # openrouter.ai/docs/api/reference/overview
        "openrouter": Provider(
            "https://openrouter.ai", apis=_CHAT_EMBEDDINGS | {Api.COMPLETIONS, Api.RESPONSES}, path="/api/v1"
        ),
        # vercel.com/docs/ai-gateway/sdks-and-apis: OpenAI's and Anthropic's, both at /v1.
        "vercel": Provider("https://ai-gateway.vercel.sh", apis=_CHAT_EMBEDDINGS | _MESSAGES | {Api.RESPONSES}),
        # docs.digitalocean.com/products/inference/how-to/si-endpoints; its /v1/messages wants a bearer token.
        "digitalocean": Provider("https://inference.do-ai.run", apis=_CHAT_EMBEDDINGS | {Api.RESPONSES, Api.IMAGES}),
        "xiaomi": Provider("https://api.xiaomimimo.com", apis=_CHAT),
        # docs.ollama.com/api/openai-compatibility: on the same host, without a key.
        "ollama": Provider(
            "http://localhost:11434",
            apis=_CHAT_EMBEDDINGS | _MESSAGES | {Api.COMPLETIONS, Api.RESPONSES},
            needs_key=False,
        ),
        # learn.microsoft.com/azure/ai-services/openai/reference: the deployment is in the path. A base_url with a
        # path of its own (".../openai/v1") is the newer API, which has neither deployments nor versions in its URLs.
        "azure_openai": Provider(
            None,
            apis=_OPENAI - {Api.MODERATIONS, Api.RESPONSES},
            path="/openai/deployments/{model}",
            query="api-version=2024-10-21",
            credential=CredentialStyle.API_KEY,
        ),
    }
)

INTERFACES: Mapping[str, Provider] = MappingProxyType({**PROVIDERS, "claude": PROVIDERS["anthropic"]})
"""What `provider_interface` may name."""

BEDROCK = frozenset({"amazon_bedrock", "bedrock", "aws_bedrock", "amazon", "aws"})
BEDROCK_REFUSED = (
    "Amazon Bedrock needs another wire format (Converse, with requests signed by AWS): it cannot be used here"
)
