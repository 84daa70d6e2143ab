"""The together package."""

from contract import KEY, PROMPT, Asked, run
from together import Together


def ask(asked: Asked) -> str | None:
    settings = {"max_retries": 0} if asked.off else {}
    client = Together(base_url=asked.address, api_key=KEY, **settings)
    answer = client.chat.completions.create(model=asked.model, messages=[{"role": "user", "content": PROMPT}])
    return answer.choices[0].message.content


run(ask)
