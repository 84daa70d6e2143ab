"""The pydantic-ai package: its retries are those of the openai package inside."""

from contract import KEY, PROMPT, Asked, run
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def ask(asked: Asked) -> str:
    address = asked.address
    if asked.off:
        provider = OpenAIProvider(openai_client=AsyncOpenAI(base_url=address, api_key=KEY, max_retries=0))
    else:
        provider = OpenAIProvider(base_url=address, api_key=KEY)
    return Agent(OpenAIChatModel(asked.model, provider=provider)).run_sync(PROMPT).output


run(ask)
