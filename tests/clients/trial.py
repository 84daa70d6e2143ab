"""One client, one scenario: what it got, how often it asked, and what that cost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from clients.catalog import Speaks
from clients.environments import command
from support.gateway import credentials
from support.gateway.providers import a_model
from support.gateway.running import running_gateway

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clients.catalog import Client
    from support.gateway.providers import Json, Providers

DEADLINE = 150
"""Seconds after which a client is ended that is still trying."""

CALLS_A_REQUEST = 3
"""What the policy of the trials allows: one attempt and two retries."""

_MODELS = {
    Speaks.OPENAI: ("openai/gpt-4o", "groq/llama-3.3-70b-versatile"),
    Speaks.MESSAGES: ("anthropic/claude-sonnet-4-5", "vercel/claude-sonnet-4-5"),
}
_ANSWERS = ("Hello from S.", "S-1 S-2 S-3")
"""What the second provider says, whole and streamed."""

_ENVIRON = {
    "LANG": "C.UTF-8",
    "NO_PROXY": "127.0.0.1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it looks for a list of prices elsewhere, at every start
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the two providers answer, and whether the client retries by itself."""

    first: str
    second: str
    off: bool = False


LIMITED = Scenario("429", "200")
DOWN = Scenario("503", "503")
DOWN_OFF = Scenario("503", "503", off=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one scenario."""

    answered: bool  # by the second provider
    said: str  # the answer's text, or what the user reads instead of it
    seconds: float
    requests: int  # of the client at the gateway
    calls: int  # of the gateway at the providers
    in_time: bool = True  # False: ended at the deadline, and so the counts are

    @property
    def amplified(self) -> bool:
        """Whether providers were called more often than the policy allows."""
        return self.calls > CALLS_A_REQUEST * self.requests


async def measure(client: Client, directory: Path, scenario: Scenario) -> Measured:
    """Return what comes of *scenario* for *client*, whose environment is *directory*, at a gateway of its own."""
    primary, fallback = _MODELS[client.apis]
    async with running_gateway(models=lambda providers: _models(providers, primary, fallback)) as gateway:
        gateway.play(p=scenario.first, s=scenario.second)
        counter = "http.edge.downstream_rq_total"
        before = await gateway.admin.stat(counter)
        arguments = [gateway.url + client.path, primary, "off" if scenario.off else "default"]
        began = time.monotonic()
        outcome = await _drive([*command(client, directory), *arguments], directory)
        said = str(outcome.get("text", outcome.get("error")))
        return Measured(
            answered=outcome["ok"] is True and said.strip() in _ANSWERS,
            said=said.replace(f":{gateway.port}", ":12000"),
            seconds=float(str(outcome.get("seconds", time.monotonic() - began))),
            requests=await gateway.admin.stat(counter) - before,
            calls=sum(provider.log.completed for provider in gateway.each),
            in_time="seconds" in outcome,
        )


def _models(providers: Providers, primary: str, fallback: str) -> Sequence[Json]:
    policy = {"fallback_models": [fallback]}
    return [
        a_model(primary, providers.p, credentials.P_KEY, default=True, retry_policy=policy),
        a_model(fallback, providers.s, credentials.S_KEY),
    ]


async def _drive(arguments: Sequence[Path | str], directory: Path) -> Mapping[str, object]:
    """Run a driver to its end or the deadline, and return what it printed."""
    with TemporaryDirectory(prefix="extproc-client-") as home:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=directory,
            env={"PATH": os.environ["PATH"], "HOME": home, **_ENVIRON},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that all that it starts can be ended
        )
        try:
            async with asyncio.timeout(DEADLINE):
                printed, told = await process.communicate()
        except TimeoutError:
            return {"ok": False, "error": f"nothing yet after {DEADLINE} s"}
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    try:
        outcome: Mapping[str, object] = json.loads(printed.splitlines()[-1])
    except (IndexError, ValueError):
        return {"ok": False, "error": f"the driver failed: {told.decode(errors='replace')[-500:]}", "seconds": 0}
    return outcome
