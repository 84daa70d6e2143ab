"""`extproc mock`."""

from __future__ import annotations

import asyncio

import click

from extproc.cli.exit_codes import TABLE
from extproc.exits import Failure
from extproc.mock.script import ScriptError, parse_script
from extproc.mock.server import serve
from extproc.system.stop_signals import StopRequests

_EXAMPLES = """\b
Scripts are steps separated by commas; the last step repeats:
  200                            always a successful response
  429(retry_after=2), 200        rate-limited once, then successful
  reset, silence(3), 503, 200    reset, silent for 3 s, overloaded, then successful
  200(sse=5, gap=0.1)            stream five events, 0.1 s apart
  429, 200, loop                 every other request is rate-limited
  200; gpt-4o: 429, 200          another script for one model
"""


@click.command(epilog=f"{_EXAMPLES}\n{TABLE}")
@click.option("--script", default="200", show_default=True, help="The responses, in order; see below.")
@click.option("--port", default=0, show_default="a free port", type=click.IntRange(0, 65535))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--name", default="mock", show_default=True, help="Its name in its output and responses.")
def mock(*, script: str, port: int, host: str, name: str) -> None:
    """Run a mock provider of the OpenAI and Anthropic APIs that responds by a script.

    It prints its address, then a line for each request. Ctrl-C or SIGTERM stops it.
    """
    try:
        parsed = parse_script(script)
    except ScriptError as error:
        raise click.BadParameter(str(error), param_hint="--script") from error

    async def until_stopped() -> None:
        await StopRequests.installed().run_until_stopped(serve(host, port, parsed, name, click.echo))

    try:
        asyncio.run(until_stopped())
    except OSError as error:
        raise Failure(f"cannot listen on {host}:{port}: {error.strerror}") from error
