"""The three scripted providers that stand behind a gateway, and their entries in its configuration."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from extproc.mock.server import MockProvider
from support.gateway import credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from extproc.mock.record import Call

Json: TypeAlias = "Mapping[str, object]"

P = "openai/gpt-4o"
S = "anthropic/claude-3-5-sonnet"
T = "mistral/mistral-large"

IMPATIENCE_MS = 400
"""How long the impatient gateway of the tests waits for response headers."""

EARLY = 0.05
"""Seconds by which a time limit of Envoy's may be early: it counts from when its loop has last woken up."""

KEPT = 1024 * 1024
"""How much of a body a provider of the tests keeps, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Providers:
    """Three providers: primary, second and third."""

    p: MockProvider
    s: MockProvider
    t: MockProvider

    @property
    def each(self) -> tuple[MockProvider, MockProvider, MockProvider]:
        """The providers, in the order of the configuration."""
        return self.p, self.s, self.t

    def play(self, *, p: str = "200", s: str = "200", t: str = "200") -> None:
        """Begin a script at each provider, and forget what they got."""
        for provider, script in zip(self.each, (p, s, t), strict=True):
            provider.play(script)

    @property
    def calls(self) -> list[Call]:
        """The requests that all of them got, in order of arrival."""
        return sorted((call for provider in self.each for call in provider.calls), key=lambda call: call.arrived)

    @property
    def order(self) -> str:
        """Who was called, in order: `PST`."""
        for provider in self.each:
            assert provider.log.begun == provider.log.completed, f"{provider.name} got a request that never ended"
        named = [(call.arrived, provider.name) for provider in self.each for call in provider.calls]
        return "".join(name for _, name in sorted(named))

    def models(self, only: str, policy: Json | None, of_p: Json) -> list[Json]:
        """Return model_providers with those of *only*; P has *policy* as its retry_policy, and what *of_p* adds."""
        retry_policy = {} if policy is None else {"retry_policy": policy}
        entries = {
            "P": a_model(P, self.p, credentials.P_KEY, **retry_policy, **of_p),
            "S": a_model(S, self.s, credentials.S_KEY),
            "T": a_model(T, self.t, credentials.T_KEY),
        }
        return [entries[name] for name in only]


def a_model(model: str, provider: MockProvider, key: str | None, **more: object) -> Json:
    """Return an item of model_providers that leads to *provider*."""
    credential = {} if key is None else {"access_key": key}
    return {"model": model, "base_url": provider.url, **credential, **more}


@asynccontextmanager
async def refusing(provider: MockProvider) -> AsyncIterator[None]:
    """Have *provider* refuse connections while the context lasts."""
    await provider.refuse()
    try:
        yield
    finally:
        await provider.listen()


@asynccontextmanager
async def running_providers(*, kept: int = KEPT) -> AsyncIterator[Providers]:
    """Run the three providers; each answers 200 until told otherwise, and keeps so many bytes of a body."""
    async with AsyncExitStack() as stack:
        p, s, t = [await stack.enter_async_context(MockProvider(name=name, kept=kept)) for name in "PST"]
        yield Providers(p, s, t)
