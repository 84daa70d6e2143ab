"""Addresses on the command line."""

from __future__ import annotations

import click

from extproc.addresses import Address, AddressError, parse_address


class _Address(click.ParamType[Address]):
    """`unix:/path` or `host:port`."""

    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        try:
            return parse_address(str(value))
        except AddressError as error:
            self.fail(str(error), param, ctx)


ADDRESS = _Address()
