"""`make bench-gateway`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.contenders import BUSY, DOWN, GOOD, Ports, envoy_alone, gateway, providers
from gateway.load import script, wrk
from gateway.report import Rounds, Setting, doubts, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.contenders import Contender

_HERE = Path(__file__).resolve().parents[2]
_FIRST_PORT = 21_700
_PATHS: Mapping[str, str] = {"pass": GOOD, "429→200": BUSY, "503→200": DOWN}
_ALONE = "Envoy alone"


@click.command()
@click.option("--base", metavar="COMMIT", help="An older commit to compare with.")
@click.option("--sizes", default="2000", show_default=True, help="Bytes of prompt, separated by commas.")
@click.option("--clients", default="8,64", show_default=True, help="How many at once, separated by commas.")
@click.option("--paths", default="pass,503→200", show_default=True, help=f"Of {', '.join(_PATHS)}.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=3, show_default=True, help="Length of each round.")
@click.option("--anyway", is_flag=True, help="Print figures that are not to be trusted, too.")
def main(*, base: str | None, sizes: str, clients: str, paths: str, rounds: int, seconds: int, anyway: bool) -> None:
    """Measure requests through this checkout's gateway, an older one's, and Envoy alone, in turn.

    One worker, one Envoy thread each. Needs wrk and nginx (Debian has both). CPU is all of a contender's processes,
    per request; medians of the rounds. Exit code 1: the figures differ too much to be printed.
    """
    for tool in ("wrk", "nginx"):
        if shutil.which(tool) is None:
            raise click.ClickException(f"{tool} is not there: apt-get install wrk nginx-light")
    settings = [
        Setting(size, path, count)
        for size in map(int, sizes.split(","))
        for path in paths.split(",")
        for count in map(int, clients.split(","))
    ]
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = Ports(_FIRST_PORT, _FIRST_PORT + 1, _FIRST_PORT + 2)
        stack.enter_context(providers(directory, ports))
        contenders: list[Contender] = []
        if base is not None:
            source = directory / "base"
            _git("worktree", "add", "--detach", "--quiet", str(source), base)
            stack.callback(_git, "worktree", "remove", "--force", str(source))
            older = gateway(base, directory, source=source, port=_FIRST_PORT + 10, providers=ports)
            contenders.append(stack.enter_context(older))
        newer = gateway("this-build", directory, source=_HERE, port=_FIRST_PORT + 20, providers=ports)
        contenders.append(stack.enter_context(newer))
        contenders.append(stack.enter_context(envoy_alone(directory, port=_FIRST_PORT + 30, providers=ports)))
        results = measure(contenders, settings, directory, rounds=rounds, seconds=seconds)
    found = list(doubts(results))
    if not found or anyway:
        for line in table(results, [contender.name for contender in contenders]):
            click.echo(line)
    for doubt in found:
        click.echo(f"not to be trusted: {doubt}", err=True)
    sys.exit(1 if found else 0)


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(_HERE), *arguments], check=True)


def measure(
    contenders: Sequence[Contender], settings: Sequence[Setting], directory: Path, *, rounds: int, seconds: int
) -> dict[tuple[Setting, str], Rounds]:
    """Return what each of *contenders* did in each of *settings*, one after the other in every round."""
    results: dict[tuple[Setting, str], Rounds] = {}
    for setting in settings:
        lua = script(directory, model=_PATHS[setting.path], size=setting.size)
        able = [one for one in contenders if setting.path == "pass" or one.name != _ALONE]
        for contender in able:
            wrk(contender.port, lua, clients=setting.clients, seconds=1)
        for number in range(rounds):
            click.echo(f"{setting}: round {number + 1} of {rounds}", err=True)
            for contender in able:
                before = contender.seconds()
                load = wrk(contender.port, lua, clients=setting.clients, seconds=seconds)
                cpu = (contender.seconds() - before) * 1e6 / max(1, load.requests)
                kept = results.setdefault((setting, contender.name), Rounds())
                kept.cpu.append(cpu)
                kept.loads.append(load)
    return results


if __name__ == "__main__":
    main()
