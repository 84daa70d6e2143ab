from __future__ import annotations

from pathlib import Path

import pytest

from extproc.addresses import AddressError, TcpAddress, UnixAddress, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/extproc.sock", UnixAddress(Path("/run/extproc.sock"))),
        ("unix:extproc.sock", UnixAddress(Path("extproc.sock"))),
        ("127.0.0.1:0", TcpAddress("127.0.0.1", 0)),
        ("localhost:50051", TcpAddress("localhost", 50051)),
        ("[::1]:65535", TcpAddress("::1", 65535)),
    ],
)
def test_an_address_is_read_and_written(text: str, address: UnixAddress | TcpAddress) -> None:
    """What is printed for people can be put into a configuration."""
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "50051", ":50051", "localhost:", "localhost:http", "localhost:65536", "unix:", f"unix:/{'a' * 107}"]
)
def test_anything_else_is_no_address(text: str) -> None:
    """The message begins with what was given."""
    with pytest.raises(AddressError) as caught:
        parse_address(text)

    assert str(caught.value).startswith(f"{text}: expected ")
