"""A real Envoy on the rendered configuration, between a toy sidecar and toy providers."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import yaml

from extproc import names
from extproc.addresses import parse_address
from extproc.bootstrap.ca_bundle import CA_FILES
from extproc.bootstrap.render import bootstrap, to_yaml
from extproc.config.gateway import LogFormat
from support.config.compiled import a_cluster, a_gateway
from support.envoy.process import Envoy, running_envoy
from support.policy.builders import a_catalog, a_policy
from support.ports import reserved_ports
from support.toys.provider import Reply, ToyProvider
from support.toys.sidecar import ToySidecar
from support.waiting import DEADLINE, eventually_sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from extproc.config.gateway import Cluster

DEAD = "dead"
"""A cluster whose only host refuses connections."""


@dataclass(frozen=True, slots=True)
class World:
    """All that runs. Providers *a* and *b* are clusters of the same names."""

    url: str
    port: int
    envoy: Envoy
    sidecar: ToySidecar
    a: ToyProvider
    b: ToyProvider

    def post(
        self,
        plan: str,
        body: bytes = b"{}",
        headers: Mapping[str, str] | None = None,
        path: str = "/v1/chat/completions",
        **more: str,
    ) -> httpx.Response:
        """Send a request that is to try the clusters of *plan* in turn; return the answer."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return httpx.post(
            f"{self.url}{path}",
            content=body,
            headers={"plan": plan, **(headers or {}), **named},
            timeout=DEADLINE,
        )

    def forget(self) -> None:
        """Make it as new: nothing recorded, every provider answers with 200."""
        for provider in (self.a, self.b):
            provider.reply = Reply()
            provider.calls.clear()
        self.sidecar.streams.clear()

    def is_healthy(self) -> bool:
        """Tell whether the edge says that the sidecar is healthy."""
        return httpx.get(f"{self.url}/healthz", timeout=DEADLINE).status_code == 200


@contextmanager
def a_world(
    directory: Path,
    *,
    timeout: int = 300_000,
    body_limit: int = 32 << 20,
    origins: Sequence[str] = (),
    clusters: Sequence[Cluster] = (),
    more_workers: Sequence[str] = (),
    ca_file: str = CA_FILES[0],
    log_format: LogFormat = LogFormat.TEXT,
    changed: Callable[[str], str] = str,
) -> Iterator[World]:
    """Start everything, with what is rendered *changed*, wait until it is healthy, end it at last."""
    with ExitStack() as stack:
        sidecar = stack.enter_context(ToySidecar())
        a, b = stack.enter_context(ToyProvider()), stack.enter_context(ToyProvider())
        port, admin, dead = stack.enter_context(reserved_ports(3))
        gateway = a_gateway(
            port=port,
            admin=admin,
            clusters=[a_cluster("a", port=a.port), a_cluster("b", port=b.port), a_cluster(DEAD, port=dead), *clusters],
            timeout=timeout,
            body_limit=body_limit,
            catalog=a_catalog(policy=a_policy()),
            origins=origins,
            log_format=log_format,
        )
        workers = [parse_address(one) for one in (sidecar.address, *more_workers)]
        config = to_yaml(bootstrap(gateway, sidecar_addresses=workers, ca_file=ca_file))
        envoy = stack.enter_context(running_envoy(_with_all_headers(changed(config)), admin, directory))
        world = World(f"http://127.0.0.1:{port}", port, envoy, sidecar, a, b)
        eventually_sync(world.is_healthy, what=f"{names.EDGE_LISTENER} is healthy\n{envoy.log.read_text()}")
        yield world


def _with_all_headers(config: str) -> str:
    """Return *config* with an ext_proc that shows every header: tests tell the toy sidecar in some what to do."""
    tree = yaml.safe_load(config)
    (attempt,) = [one for one in tree["static_resources"]["listeners"] if one["name"] == names.ATTEMPT_LISTENER]
    ext_proc, *_ = attempt["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    del ext_proc["typed_config"]["forward_rules"]["allowed_headers"]
    return str(yaml.safe_dump(tree))


@contextmanager
def the_worker_dying(world: World, *, when: Callable[[], bool], heir: bool = False) -> Iterator[None]:
    """End the worker as soon as *when* holds; an *heir* takes its place when the edge has tried in vain a few times."""
    with ExitStack() as stack:

        def act() -> None:
            eventually_sync(when, what="the time to die has come")
            world.sidecar.die()
            if heir:
                eventually_sync(lambda: world.envoy.counter("http.attempt.no_cluster") >= 5, what="tries in vain")
                stack.enter_context(ToySidecar(world.sidecar.port))

        fate = threading.Thread(target=act)
        fate.start()
        yield
        fate.join()
