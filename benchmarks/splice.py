"""Time to find and replace the model in request bodies: medians in milliseconds, and what is allowed."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from time import perf_counter

from extproc.exchange.body.model_field import ModelSpans, read, splice

SENTENCES = (
    "Please summarise the following report in three sentences.",
    'She said "no" and left.\n',
    "Größe und Preis: 12 €, naïve café.",
    "The quick brown fox jumps over the lazy dog, again and again.",
    "def f(x):\n    return x + 1\n",
    "日本語のテキストです。",
    r"C:\temp\file.txt is the path,",
    "and then we went to the market to buy apples and pears. ",
    "- item one\n- item two\n",
    "It is what it is; nothing more can be said about that.",
)
ROLES = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class Case:
    """A body, and how long reading and splicing it may take."""

    name: str
    body: bytes
    allowed_ms: float | None = None


def a_message(number: int) -> str:
    """Return the text of a chat message; each tenth with all that is not ASCII as escapes."""
    text = " ".join(SENTENCES[(number * 7 + part * 3) % len(SENTENCES)] for part in range(6))
    return json.dumps({"role": ROLES[number % 2], "content": text}, ensure_ascii=number % 10 == 0)


def a_tool(number: int) -> dict[str, object]:
    """Return a tool definition with a parameter of the name that is looked for."""
    properties = {
        "model": {"type": "string", "description": 'The "model" to use', "enum": ["a", "b"]},
        "filter": {"type": "object", "properties": {"model": {"type": "string"}}},
    }
    parameters = {"type": "object", "properties": properties, "required": ["model"]}
    return {"type": "function", "function": {"name": f"tool_{number}", "parameters": parameters}}


def a_chat(size: int, *, tools: int = 0) -> bytes:
    """Return a chat request of about *size* bytes."""
    messages: list[str] = []
    length = 0
    while length < size:
        messages.append(a_message(len(messages)))
        length += len(messages[-1].encode()) + 2
    rest = json.dumps({"tools": [a_tool(number) for number in range(tools)], "temperature": 0.7, "stream": True})
    return f'{{"model": "gpt-4o", "messages": [{", ".join(messages)}], {rest[1:]}'.encode()


def an_image(size: int) -> bytes:
    """Return a chat request with one image of *size* bytes in base64."""
    url = "data:image/png;base64," + "iVBORw0KGgoAAAAN" * (size // 16)
    content = [{"type": "text", "text": "What is this?\n"}, {"type": "image_url", "image_url": {"url": url}}]
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": content}]}).encode()


def milliseconds(body: bytes, *, runs: int) -> tuple[float, float]:
    """Return median and minimum of the time that reading and splicing *body* takes."""
    times = []
    for _ in range(runs):
        began = perf_counter()
        found = read(body)
        assert isinstance(found, ModelSpans)
        spliced = splice(body, found, "claude-3-5-sonnet")
        times.append((perf_counter() - began) * 1000)
        assert spliced is not None
        assert len(spliced) == len(body) + 11
    return statistics.median(times), min(times)


def main() -> None:
    """Print a line for each kind of body."""
    megabyte = 1_000_000
    cases = (
        Case("2 KB chat", a_chat(2_000)),
        Case("1 MB chat", a_chat(megabyte), 5),
        Case('1 MB chat, tools with nested "model"', a_chat(megabyte - 60_000, tools=120), 5),
        Case("20 MB, one base64 string", an_image(20 * megabyte), 50),
    )
    for case in cases:
        median, best = milliseconds(case.body, runs=30 if len(case.body) > megabyte * 2 else 200)
        allowed = "" if case.allowed_ms is None else f"   allowed {case.allowed_ms:g} ms"
        print(f"{case.name:38} {len(case.body):>10,} bytes   median {median:7.3f} ms   best {best:7.3f} ms{allowed}")


if __name__ == "__main__":
    main()
