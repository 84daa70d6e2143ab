"""Envoy's own admin endpoint: what it counts, which clusters it has."""

from __future__ import annotations

from dataclasses import dataclass

import httpx


def filter_of(name: str) -> str:
    """Return the path at which the admin endpoint shows the counter or gauge *name*, and nothing else."""
    return f"/stats?filter=^{name.replace('.', '%5C.')}$"


def counter_in(text: str) -> int:
    """Return the one value in *text*; fail when Envoy has none of that name, which would else be taken for zero."""
    (line,) = text.splitlines()
    return int(line.rpartition(": ")[2])


@dataclass(frozen=True, slots=True)
class Admin:
    """The admin endpoint of a running Envoy."""

    path: str  # of its socket

    async def stat(self, name: str) -> int:
        """Return a counter or gauge; fail when Envoy has none of that name, which would else be taken for zero."""
        return counter_in((await self._get(filter_of(name))).text)

    async def requests_by_port(self) -> dict[int, dict[str, int]]:
        """Return how many requests went to each port of this host, by the cluster they were sent under."""
        found: dict[int, dict[str, int]] = {}
        for cluster in (await self._get("/clusters?format=json")).json()["cluster_statuses"]:
            for host in cluster.get("host_statuses", []):
                port = host["address"].get("socket_address", {}).get("port_value")
                sent = next((int(stat.get("value", 0)) for stat in host["stats"] if stat["name"] == "rq_total"), 0)
                if port is not None:
                    found.setdefault(port, {})[cluster["name"]] = sent
        return found

    async def config(self) -> str:
        """Return everything that Envoy is configured with, as text."""
        return (await self._get("/config_dump?include_eds")).text

    async def option(self, name: str) -> object:
        """Return what Envoy was started with, by the name that it tells it under."""
        options: dict[str, object] = (await self._get("/server_info")).json()["command_line_options"]
        return options[name]

    async def _get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=self.path), timeout=10) as client:
            return (await client.get(f"http://envoy{path}")).raise_for_status()
