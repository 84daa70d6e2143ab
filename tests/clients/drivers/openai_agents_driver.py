"""The openai-agents package: it speaks the Responses API."""

from agents import Agent, OpenAIResponsesModel, Runner, set_tracing_disabled
from contract import KEY, PROMPT, Asked, run
from openai import AsyncOpenAI


def ask(asked: Asked) -> str:
    settings = {"max_retries": 0} if asked.off else {}
    client = AsyncOpenAI(base_url=asked.address, api_key=KEY, **settings)
    agent = Agent(name="greeter", model=OpenAIResponsesModel(model=asked.model, openai_client=client))
    return Runner.run_sync(agent, PROMPT).final_output


set_tracing_disabled(disabled=True)
run(ask)
