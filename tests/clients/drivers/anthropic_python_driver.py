"""The anthropic package."""

from anthropic import Anthropic
from contract import KEY, PROMPT, Asked, run


def ask(asked: Asked) -> str:
    settings = {"max_retries": 0} if asked.off else {}
    client = Anthropic(base_url=asked.address, api_key=KEY, **settings)
    answer = client.messages.create(model=asked.model, max_tokens=100, messages=[{"role": "user", "content": PROMPT}])
    return answer.content[0].text


run(ask)
