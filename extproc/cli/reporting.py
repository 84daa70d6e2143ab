"""Output of a gateway's notices: as sentences, or as JSON log lines."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from extproc.config.gateway import LogFormat
from extproc.exits import Failure
from extproc.observe.log import log_event, set_up_logging

if TYPE_CHECKING:
    from collections.abc import Generator

    from extproc.gateway.notices import Notice, Report


def show(notice: Notice) -> None:
    """Print *notice* on standard error, for people."""
    click.echo(f"Warning: {notice.text}" if notice.level == logging.WARNING else notice.text, err=True)


@contextmanager
def reports(style: LogFormat) -> Generator[Report]:
    """Provide the function that prints notices in the log format of the sidecar.

    The sidecar and Envoy write to the same standard error. With JSON, a failure is a JSON line, too.
    """
    if style is LogFormat.TEXT:
        yield show
        return
    set_up_logging(style, sys.stderr)
    try:
        yield log
    except Failure as failure:
        log_event("failed", {"problem": str(failure)}, level=logging.ERROR)
        raise click.exceptions.Exit(failure.exit_code) from failure


def log(notice: Notice) -> None:
    """Log *notice*."""
    log_event(notice.event, notice.fields, level=notice.level)
