"""The mistralai package: it retries only when it is told to."""

from contract import KEY, PROMPT, Asked, run
from mistralai.client import Mistral


def ask(asked: Asked) -> str:
    client = Mistral(server_url=asked.address, api_key=KEY)
    answer = client.chat.complete(model=asked.model, messages=[{"role": "user", "content": PROMPT}])
    return answer.choices[0].message.content


run(ask)
