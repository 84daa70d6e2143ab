"""A gateway in front of three scripted providers: what nearly every test on a real Envoy needs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx
import yaml

from support.envoy.admin import Admin
from support.gateway.providers import KEPT, Providers, running_providers
from support.gateway.up import TROUBLE, Up, running_up
from support.http.requests import CHAT, a_body, a_clients_headers
from support.ports import reserved_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

    from support.gateway.providers import Json


_USERS = count()


@dataclass(frozen=True, slots=True)
class Gateway(Providers):
    """A running gateway, a client of it, and the providers behind it."""

    url: str
    port: int
    admin: Admin
    up: Up
    client: httpx.AsyncClient

    async def chat(
        self,
        model: str | None = None,
        *,
        path: str = CHAT,
        headers: Mapping[str, str] | None = None,
        **fields: object,
    ) -> httpx.Response:
        """Send an ordinary request with a client's headers, and return the whole answer.

        Each is one of its own: what everybody has just failed is not sent again. Give a *user* to repeat one.
        """
        fields.setdefault("user", f"user-{next(_USERS)}")
        return await self.client.post(
            path, content=a_body(model, **fields), headers={**a_clients_headers(), **(headers or {})}
        )


@asynccontextmanager
async def running_gateway(
    *,
    policy: Json | None = None,
    only: str = "PST",
    models: Callable[[Providers], Sequence[Json]] | None = None,
    of_p: Json | None = None,
    listener: Json | None = None,
    sidecar: Json | None = None,
    envoy: Json | None = None,
    top: Json | None = None,
    kept: int = KEPT,
    trouble: Collection[str] = TROUBLE,
) -> AsyncIterator[Gateway]:
    """Start three providers and a gateway that knows those of *only*, or *models*.

    *policy* is P's retry_policy; *of_p*, *listener*, *sidecar*, *envoy* and *top* are further keys of those parts of
    the file; *kept* is how much of a body the providers keep, *trouble* what the gateway must not write. Unless that is
    given, Envoy must not have done without the sidecar either.
    """
    async with running_providers(kept=kept) as providers:
        with TemporaryDirectory(prefix="extproc-test-") as directory, reserved_ports(2) as ports:
            edge, sidecar_admin = ports
            admin = f"{directory}/admin.sock"
            config = {
                "version": "v0.4.0",
                "listeners": [
                    {"type": "model", "name": "test", "address": "127.0.0.1", "port": edge, **(listener or {})}
                ],
                "model_providers": list(models(providers) if models else providers.models(only, policy, of_p or {})),
                "sidecar": {"admin": f"127.0.0.1:{sidecar_admin}", **(sidecar or {})},
                "envoy": {"admin": f"unix:{admin}", **(envoy or {})},
                **(top or {}),
            }
            file = Path(directory) / "gateway.yaml"
            file.write_text(yaml.safe_dump(config, sort_keys=False))
            url = f"http://127.0.0.1:{edge}"
            async with (
                httpx.AsyncClient(
                    base_url=url, timeout=30, trust_env=False, limits=httpx.Limits(max_connections=None)
                ) as client,
                running_up(file, url, trouble=trouble) as up,
            ):
                asked = Admin(admin)
                yield Gateway(providers.p, providers.s, providers.t, url, edge, asked, up, client)
                if trouble is TROUBLE:
                    assert await asked.stat("http.attempt.ext_proc.failure_mode_allowed") == 0, "the sidecar was away"
