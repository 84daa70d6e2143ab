from __future__ import annotations

from extproc.bootstrap.ca_bundle import CA_FILES, system_ca_file


def test_the_file_that_is_there_is_taken() -> None:
    """Systems keep their authorities in different places."""
    assert system_ca_file(lambda path: path == CA_FILES[2]) == CA_FILES[2]


def test_without_any_file_the_first_is_named() -> None:
    """Envoy then says which file is missing, once a provider needs TLS."""
    assert system_ca_file(lambda _path: False) == CA_FILES[0]
