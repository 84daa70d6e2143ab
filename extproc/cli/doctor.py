"""`extproc doctor`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from extproc.cli.address_option import ADDRESS
from extproc.cli.config_argument import CONFIG, load_config
from extproc.config.errors import ConfigError
from extproc.doctor.diagnose import diagnose
from extproc.doctor.finding import Severity
from extproc.doctor.reading.file import read_file
from extproc.doctor.reading.live import read_live
from extproc.exits import BadConfig, NoEnvoy
from extproc.gateway.registry import Runs
from extproc.system.http_endpoint import Endpoint, Port, endpoint_at
from extproc.system.ports import reachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extproc.config.gateway import Gateway
    from extproc.doctor.finding import Finding
    from extproc.doctor.model.envoy import EnvoyConfig

TABLE = """\b
Exit codes:
  0    nothing found
  1    warnings only: something costs time, connections or calls, or cannot be checked
  2    errors: a failover is lost, or a request is sent to the wrong place (or a usage error)
  3    CONFIG or the file of --envoy is missing or invalid
  4    no Envoy responds at --admin
"""
_CODES = {Severity.WARNING: 1, Severity.ERROR: 2}
_STATS = "/stats?filter=%5E(cluster%7Chttp)%5C."


class _Admin(click.ParamType[Endpoint]):
    """Envoy's admin endpoint: `unix:/path`, or a URL, with or without the scheme."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Endpoint:
        text = str(value)
        if text.startswith("unix:"):
            return endpoint_at(ADDRESS.convert(text, param, ctx))
        try:
            url = urlsplit(text if "://" in text else f"http://{text}")
            host, port = url.hostname, url.port
        except ValueError:
            host, port, url = None, None, urlsplit("")
        if host is None or url.scheme != "http" or url.path.strip("/") or url.query or url.username is not None:
            self.fail("expected http://host:port or unix:/path", param, ctx)
        return Port(reachable(host), port or 80)


@click.command(epilog=TABLE)
@CONFIG
@click.option(
    "--envoy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The file that your Envoy is started with, YAML or JSON.",
)
@click.option(
    "--admin",
    type=_Admin(),
    metavar="ADDRESS",
    help="The admin endpoint of your running Envoy, http://host:port or unix:/path.  [default, without --envoy: that "
    "of the `up` of CONFIG, or the one that CONFIG names]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of {severity, check, place, problem, fix}.")
def doctor(*, config: Path, envoy: Path | None, admin: Endpoint | None, as_json: bool) -> None:
    """Report what in your own Envoy's configuration would lose or misdirect a request of CONFIG.

    Each finding has its place in the configuration, the problem and the fix. A running Envoy also has its version,
    dynamic configuration, and what it has lost since its start. Header values are never shown.
    """
    if envoy is not None and admin is not None:
        raise click.UsageError("--envoy and --admin exclude each other: a file, or a running Envoy")
    gateway = load_config(config).gateway
    envoy_config = _from_admin(admin or _admin_endpoint(config, gateway)) if envoy is None else _from_file(envoy)
    findings = diagnose(envoy_config, gateway)
    click.echo(_as_json(findings) if as_json else _as_text(findings))
    sys.exit(max((_CODES[finding.severity] for finding in findings), default=0))


def _from_file(file: Path) -> EnvoyConfig:
    try:
        return read_file(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadConfig(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{file}: is not UTF-8 text") from error
    except ConfigError as error:
        raise BadConfig("\n".join(f"{file}: {problem}" for problem in error.problems)) from error


def _admin_endpoint(config: Path, gateway: Gateway) -> Endpoint:
    run = Runs.of_user(os.environ).find(config)
    address = gateway.envoy_admin if run is None else run.admin
    if address is None:
        raise NoEnvoy(
            f"{config} sets no admin endpoint: set that of your Envoy with --admin, or its file with --envoy."
        )
    return endpoint_at(address)


def _from_admin(admin: Endpoint) -> EnvoyConfig:
    try:
        return read_live(
            config_dump=_body(admin, "/config_dump"),
            server_info=_body(admin, "/server_info"),
            stats=_body(admin, _STATS),
        )
    except ConfigError as error:
        raise NoEnvoy(f"{admin}: {error}") from error


def _body(admin: Endpoint, path: str) -> str:
    response = admin.request("GET", path)
    if response is None and not admin.is_accessible():
        raise NoEnvoy(f"{admin}: permission denied; run as the user of your Envoy.")
    if response is None or response[0] != 200:
        result = "no response" if response is None else f"status {response[0]}"
        raise NoEnvoy(
            f"{admin}: {path.partition('?')[0]}: {result}. Set the admin endpoint of your Envoy with --admin, or its "
            "file with --envoy."
        )
    return response[1]


def _as_json(findings: Sequence[Finding]) -> str:
    return json.dumps(
        [
            {
                "severity": finding.severity,
                "check": finding.check,
                "place": finding.place,
                "problem": finding.problem,
                "fix": finding.fix,
            }
            for finding in findings
        ],
        indent=2,
    )


def _as_text(findings: Sequence[Finding]) -> str:
    lines = [
        f"{finding.severity}: {finding.place}\n  {finding.problem}\n  {finding.fix} [{finding.check}]\n"
        for finding in findings
    ]
    return "\n".join([*lines, _sum(findings)])


def _sum(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Nothing found."
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    counts = ((errors, "error"), (len(findings) - errors, "warning"))
    return ", ".join(f"{count} {what}" + "s" * (count != 1) for count, what in counts if count) + "."
