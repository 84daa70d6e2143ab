"""The litellm package: "openai/" before the model says which API it speaks."""

import litellm
from contract import KEY, PROMPT, Asked, run


def ask(asked: Asked) -> str | None:
    settings = {"max_retries": 0} if asked.off else {}
    answer = litellm.completion(
        model=f"openai/{asked.model}",
        api_base=asked.address,
        api_key=KEY,
        messages=[{"role": "user", "content": PROMPT}],
        **settings,
    )
    return answer.choices[0].message.content


litellm.suppress_debug_info = True
run(ask)
