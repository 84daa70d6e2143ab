from __future__ import annotations

import pytest

from extproc.bootstrap.proto import split_host_port


@pytest.mark.parametrize(
    ("text", "parts"),
    [("localhost:80", ("localhost", 80)), ("[::1]:80", ("::1", 80)), ("192.0.2.1:0", ("192.0.2.1", 0))],
)
def test_an_address_has_a_host_and_a_port(text: str, parts: tuple[str, int]) -> None:
    """Those of IPv6 are in brackets, which Envoy does not want."""
    assert split_host_port(text) == parts


@pytest.mark.parametrize("text", ["localhost", "localhost:", "localhost:http", ""])
def test_anything_else_is_refused(text: str) -> None:
    """With the text in the message: it comes from a configuration and is no secret."""
    with pytest.raises(ValueError, match=f"got '{text}'"):
        split_host_port(text)
