"""The llama-index-llms-openai-like package."""

from contract import KEY, PROMPT, Asked, run
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike


def ask(asked: Asked) -> str | None:
    settings = {"max_retries": 0} if asked.off else {}
    model = OpenAILike(model=asked.model, api_base=asked.address, api_key=KEY, is_chat_model=True, **settings)
    return model.chat([ChatMessage(role="user", content=PROMPT)]).message.content


run(ask)
