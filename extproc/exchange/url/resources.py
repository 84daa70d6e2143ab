"""The supported paths: the resources of OpenAI's and Anthropic's APIs, and below which prefixes clients look for them.

A path is one of `BASES` followed by a resource. Conversations are in `API_OF`: any provider that supports the API can
serve them. All else that is known is in `KEPT`: it is about something that one provider keeps, and no other is called.
What is in neither is not supported: an unknown path is sent nowhere, for it would carry a key.

Sources: the resources of OpenAI's and Anthropic's Python SDKs (openai 3.57, anthropic 2.14), which are generated from
platform.openai.com/docs/api-reference and platform.claude.com/docs/en/api.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from extproc.policy.target import Api

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "/v1"

OFFICIAL: Final = ("", "/openai", "/anthropic")
"""What may stand before `VERSION`: nothing; Azure's and Groq's prefix; what gateways call Anthropic's API. Without the
version, too: some SDKs take it as a part of the base URL and users leave it out."""

VENDORS: Final = ("/api/v1", "/v1beta/openai", "/api/paas/v4", "/compatible-mode/v1")
"""Prefixes that an SDK of OpenRouter, Gemini, Zhipu or Qwen adds to another host: the provider table has them."""

# A base URL that ends in the version, given to an SDK that adds it, says it twice.
BASES: Final = (
    *(root + version for root in OFFICIAL for version in ("", VERSION, 2 * VERSION)),
    *(root + version for root in VENDORS for version in ("", VERSION)),
)

BASE_SEGMENTS: Final = tuple(dict.fromkeys(segment for base in BASES for segment in base.split("/") if segment))
"""What `BASES` are made of."""

MESSAGES: Final = "/messages"
"""The Messages API; what lies below it is Anthropic's too."""

API_OF: Final[Mapping[str, Api]] = MappingProxyType(
    {
        "/chat/completions": Api.CHAT,
        "/completions": Api.COMPLETIONS,
        "/responses": Api.RESPONSES,
        "/embeddings": Api.EMBEDDINGS,
        "/moderations": Api.MODERATIONS,
        "/images/generations": Api.IMAGES,
        "/images/edits": Api.IMAGES,
        "/images/variations": Api.IMAGES,
        "/audio/speech": Api.AUDIO,
        "/audio/transcriptions": Api.AUDIO,
        "/audio/translations": Api.AUDIO,
        MESSAGES: Api.MESSAGES,
        f"{MESSAGES}/count_tokens": Api.MESSAGES,
    }
)

MESSAGES_PATHS: Final = tuple(path for path, api in API_OF.items() if api is Api.MESSAGES)
"""Where the Messages API is."""

DEPLOYED: Final = frozenset(path for path, api in API_OF.items() if api is not Api.MESSAGES)
"""What may follow `/deployments/MODEL` (learn.microsoft.com/azure/ai-services/openai/reference)."""

_BOTH: Final = None
"""Both vendors have it: the request's headers show which is meant."""

# By the first segment of the path, or by the first two. The administration of an account (`/organization/…`,
# `/organizations/…`, `/projects/…`) is left out: it is the operator's, and no part of an application.
KEPT: Final[Mapping[str, Api | None]] = MappingProxyType(
    {
        **dict.fromkeys(("/agents", "/files", "/models", "/skills", "/vaults"), _BOTH),
        **dict.fromkeys(
            (
                "/assistants",
                "/audio/voice_consents",
                "/audio/voices",
                "/batches",
                "/chat/completions",  # below it: stored completions
                "/chatkit",
                "/containers",
                "/content_provenance_checks",
                "/conversations",
                "/decisions",
                "/evals",
                "/fine_tuning",
                "/live",
                "/realtime",
                "/responses",  # below it: stored responses, and what counts or compacts them
                "/safety",
                "/threads",
                "/uploads",
                "/vector_stores",
                "/videos",
                "/webhook_endpoints",
                "/webhook_event_types",
                # docs.mistral.ai/api
                "/batch",
                "/chat/classifications",
                "/chat/moderations",
                "/classifications",
                "/fim",
                "/libraries",
                "/ocr",
                # docs.vllm.ai/en/latest/serving/openai_compatible_server; Together has the first one, too
                "/rerank",
                "/classify",
                "/detokenize",
                "/pooling",
                "/score",
                "/tokenize",
            ),
            Api.OTHER,
        ),
        **dict.fromkeys(
            (
                "/complete",
                "/deployment_runs",
                "/deployments",
                "/dreams",
                "/environments",
                "/memory_stores",
                f"{MESSAGES}/batches",
                "/sessions",
                "/tunnels",
                "/user_profiles",
            ),
            Api.ANTHROPIC,
        ),
    }
)
