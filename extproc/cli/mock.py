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
Scripts are steps with commas between them; the last step stays:
  200                            always a good answer
  429(retry_after=2), 200        rate-limited once, then good
  reset, silence(3), 503, 200    broken, silent for 3 s, overloaded, then good
  200(sse=5, gap=0.1)            stream five events, 0.1 s apart
  429, 200, loop                 every other request is rate-limited
  200; gpt-4o: 429, 200          a script of its own for one model
"""


@click.command(epilog=f"{_EXAMPLES}\n{TABLE}")
@click.option("--script", default="200", show_default=True, help="What to answer, in turn; see below.")
@click.option("--port", default=0, show_default="any free one", type=click.IntRange(0, 65535))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--name", default="mock", show_default=True, help="Its name in what it prints and answers.")
def mock(*, script: str, port: int, host: str, name: str) -> None:
    """Run a made-up provider that speaks the OpenAI and Anthropic APIs and answers by a script.

    The first line that it prints tells its address; then comes one line a request. Ctrl-C or SIGTERM ends it.
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
