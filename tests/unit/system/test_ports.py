import socket

import pytest

from extproc.exits import Failure
from extproc.system.ports import free_port, is_free, reachable, require_free


def test_a_port_in_use_is_an_error_with_the_setting_to_change() -> None:
    """Envoy would share the port without a word, so we look first, and say where to change it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(Failure) as refused:
            require_free("127.0.0.1", port, what="gateway.yaml: envoy.admin")

    assert str(refused.value) == f"gateway.yaml: envoy.admin: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_listener_on_every_address_takes_the_port_on_each() -> None:
    """0.0.0.0 and 127.0.0.1 are one port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not is_free("0.0.0.0", listener.getsockname()[1])


def test_a_socket_shared_by_reuse_port_counts_as_taken() -> None:
    """That is how another Envoy holds it."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        assert not is_free("127.0.0.1", listener.getsockname()[1])


def test_remembered_connections_do_not_hold_a_port() -> None:
    """A gateway that has just ended can be started again at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as client:
            accepted, _ = listener.accept()
            accepted.close()  # the server closes first: its side stays in TIME_WAIT
            assert client.recv(1) == b""

    assert is_free(*address)


def test_a_free_port_is_free() -> None:
    """It was listened on a moment ago, and can be again."""
    assert is_free("127.0.0.1", free_port())


@pytest.mark.parametrize(
    ("address", "host"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.0.0.7", "10.0.0.7"), ("localhost", "localhost")],
)
def test_a_listener_is_reached_by_an_address_one_can_connect_to(address: str, host: str) -> None:
    """Nobody can connect to `all addresses`."""
    assert reachable(address) == host
