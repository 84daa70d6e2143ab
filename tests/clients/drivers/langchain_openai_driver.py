"""The langchain-openai package."""

from contract import KEY, PROMPT, Asked, run
from langchain_openai import ChatOpenAI


def ask(asked: Asked) -> str:
    settings = {"max_retries": 0} if asked.off else {}
    model = ChatOpenAI(model=asked.model, base_url=asked.address, api_key=KEY, **settings)
    return model.invoke(PROMPT).text


run(ask)
