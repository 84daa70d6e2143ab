"""`extproc demo`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from extproc.cli.config_argument import load_config
from extproc.cli.demo_traffic import DEMO_MODEL, send_requests
from extproc.cli.exit_codes import TABLE
from extproc.cli.reporting import show
from extproc.exits import ExitCode, Failure
from extproc.gateway.envoy_binary import EnvoyBinary, find_envoy
from extproc.gateway.hot_restart.coordinator import Envoys
from extproc.gateway.launch import Launch
from extproc.gateway.run import run_until_stopped, shut_down
from extproc.gateway.start import private_directory, start
from extproc.system.child_processes import ChildProcesses, StopRequested
from extproc.system.ports import free_port, is_free

_USUAL_PORT = 12000
_START = 30.0
_POLL = 0.05

_PROVIDERS = {
    "openai": "429(retry_after=1), 200, loop",
    "anthropic": "200, 200(sse=5, gap=0.05), 200",
}
"""The mock providers and their scripts: the first returns 429 to every other request."""

_CONFIG = """\
# What `extproc demo` runs: two mock providers, the first of which returns 429 to every other request.
version: v0.4.0
listeners:
  - {{ type: model, name: demo, address: 127.0.0.1, port: {port} }}
model_providers:
  - model: openai/gpt-4o
    access_key: mock-key-of-openai
    base_url: {openai}
    default: true
    retry_policy:
      fallback_models: [anthropic/claude-3-5-sonnet]
      on_status_codes:
        - {{ codes: [429], strategy: different_provider, max_attempts: 2 }}
  - model: anthropic/claude-3-5-sonnet
    access_key: mock-key-of-anthropic
    base_url: {anthropic}
"""


@click.command(epilog=TABLE)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    show_default="12000, or a free port if that is in use",
    help="The gateway's port on the loopback address.",
)
@click.option("--once", is_flag=True, help="Exit after printing the table instead of keeping the gateway running.")
@click.option(
    "--envoy-binary",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="EXTPROC_ENVOY_BINARY",
    show_envvar=True,
    help="The Envoy to start, as for `up`.",
)
def demo(*, port: int | None, once: bool, envoy_binary: Path | None) -> None:
    """Demonstrate a failover: start a gateway with two mock providers, and send requests while one is rate-limited.

    Prints for each request the number of attempts, the target that responded and the duration; then the gateway keeps
    running, for requests of your own, until Ctrl-C. No request leaves this machine.
    """
    envoy = find_envoy(envoy_binary)
    if port is None:
        port = _USUAL_PORT if is_free("127.0.0.1", _USUAL_PORT) else free_port()
    with private_directory() as name, ChildProcesses() as children:
        code = _run(Path(name), children, envoy, port=port, once=once)
    sys.exit(code)


def _run(directory: Path, children: ChildProcesses, envoy: EnvoyBinary, *, port: int, once: bool) -> ExitCode:
    urls = _start_providers(directory, children)
    config = directory / "gateway.yaml"
    config.write_text(_CONFIG.format(port=port, **urls))
    launch = Launch(config, load_config(config).gateway, envoy, "warning", 1, 1, _START, grace=5).in_directory(
        directory
    )
    envoys = Envoys(launch, children, directory, show)
    event = start(launch, children, directory, show)
    if event is not None:
        return shut_down(event, envoys)
    click.echo(send_requests(launch.edge))
    if once:
        return ExitCode.OK
    click.echo(f"""
The gateway keeps running, configured by {config}. Try it, more than once:

  curl -i {launch.edge}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "{DEMO_MODEL}", "messages": [{{"role": "user", "content": "Hello"}}]}}'

Ctrl-C stops it.""")
    return run_until_stopped(envoys)


def _start_providers(directory: Path, children: ChildProcesses) -> dict[str, str]:
    """Start the mock providers and return the URL of each."""
    for name, script in _PROVIDERS.items():
        command = [sys.executable, "-m", "extproc", "mock", "--name", name, "--script", script]
        children.start(f"mock provider {name}", command, output=directory / name)
    deadline = time.monotonic() + _START
    while not all((directory / name).read_text().endswith("\n") for name in _PROVIDERS):
        event = children.wait(_POLL)
        if isinstance(event, StopRequested):
            raise click.exceptions.Exit(ExitCode.OK)
        if event is not None or time.monotonic() > deadline:
            raise Failure(f"the mock providers have not started within {_START:g} s{f': {event}' if event else ''}.")
    return {name: (directory / name).read_text().split()[-1] for name in _PROVIDERS}
