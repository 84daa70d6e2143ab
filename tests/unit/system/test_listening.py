from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from support.ports import reserved_ports

from extproc.addresses import UnixAddress, parse_address
from extproc.system.errors import ListenError
from extproc.system.listening import exclusive_bind
from extproc.system.socket_files import SocketAccess, who_could_replace


def _claim(text: str) -> None:
    with exclusive_bind(parse_address(text)):
        pass


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a path for a socket; relative, because a temporary directory's name may be too long for one."""
    monkeypatch.chdir(tmp_path)
    return Path("extproc.sock")


def test_a_stale_socket_is_removed(place: Path) -> None:
    """A killed server leaves its socket behind; the next one must be able to start."""
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(place))

    _claim(f"unix:{place}")

    assert not place.exists()


def test_a_socket_in_use_is_left_alone(place: Path) -> None:
    """Another server's clients are not ours to take."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(place))
        other.listen(0)

        with pytest.raises(ListenError, match=f"unix:{place}: another process is listening there"):
            _claim(f"unix:{place}")

        assert place.is_socket()


def test_a_busy_socket_is_in_use_too(place: Path) -> None:
    """A listener whose queue is full does not respond, and still listens."""
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as client:
        other.bind(str(place))
        other.listen(0)
        client.connect(str(place))

        with pytest.raises(ListenError, match="another process is listening there"):
            _claim(f"unix:{place}")


def test_a_file_is_left_alone(place: Path) -> None:
    """Only what a server has left behind is removed."""
    place.write_text("precious")

    with pytest.raises(ListenError, match="not a socket"):
        _claim(f"unix:{place}")

    assert place.read_text() == "precious"


@pytest.mark.parametrize(
    ("access", "directory", "mode"), [(SocketAccess(), 0o700, 0o600), (SocketAccess(0o660), 0o770, 0o660)]
)
def test_the_sockets_own_directory_is_made_for_those_who_may_use_it(
    place: Path, access: SocketAccess, directory: int, mode: int
) -> None:
    """Whatever the mask of the process is."""
    inside = Path("made") / place
    mask = os.umask(0)
    try:
        with exclusive_bind(UnixAddress(inside), access), socket.socket(socket.AF_UNIX) as server:
            server.bind(str(inside))

            assert stat.S_IMODE(inside.stat().st_mode) == 0o600  # nobody comes in before it is the group's

        assert stat.S_IMODE(inside.parent.stat().st_mode) == directory
        assert stat.S_IMODE(inside.stat().st_mode) == mode
    finally:
        os.umask(mask)


def test_no_more_than_its_own_directory_is_made(place: Path) -> None:
    """Whose the others should be is not ours to guess."""
    with pytest.raises(ListenError, match=r"^missing/own: there is no such directory, nor missing to make it in$"):
        _claim(f"unix:missing/own/{place}")


def test_a_directory_that_is_a_file_is_reported(place: Path) -> None:
    place.write_text("precious")

    with pytest.raises(ListenError, match=f"^{place}: is not a directory, so no socket can be in it$"):
        _claim(f"unix:{place}/x.sock")


def test_an_unknown_group_is_an_error_and_the_socket_is_removed(place: Path) -> None:
    with (
        pytest.raises(ListenError, match=f"^unix:{place}: there is no group no-such-group$"),
        exclusive_bind(UnixAddress(place), SocketAccess(0o660, "no-such-group")),
        socket.socket(socket.AF_UNIX) as server,
    ):
        server.bind(str(place))

    assert not place.exists()


def test_a_socket_is_given_to_its_group(place: Path) -> None:
    """By its number as well: a container may have no name for it."""
    group = max(os.getgroups(), default=os.getegid())
    with exclusive_bind(UnixAddress(place), SocketAccess(0o660, str(group))), socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))

    assert (place.stat().st_gid, stat.S_IMODE(place.stat().st_mode)) == (group, 0o660)


@pytest.mark.parametrize(
    ("mode", "who"),
    [(0o700, None), (0o770, None), (0o1777, None), (0o777, "its directory is world-writable")],
)
def test_a_socket_in_a_world_writable_directory_could_be_replaced(place: Path, mode: int, who: str | None) -> None:
    """In one with the sticky bit, such as /tmp, only its owner can remove it."""
    Path("shared").mkdir()
    Path("shared").chmod(mode)

    assert who_could_replace(Path("shared") / place) == who


def test_a_missing_directory_is_no_warning(place: Path) -> None:
    assert who_could_replace(Path("missing") / place) is None


def test_what_is_bound_belongs_to_its_owner(place: Path) -> None:
    """Whoever can write to the socket can read every prompt. The mask is as before afterwards."""
    mask = os.umask(0o022)
    try:
        with exclusive_bind(UnixAddress(place)), socket.socket(socket.AF_UNIX) as server:
            server.bind(str(place))

        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(mask)


def test_a_port_in_use_is_reported() -> None:
    """With the reason that the system gives."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(ListenError, match=f"^{address}: Address already in use$"):
            _claim(address)


def test_a_free_port_is_fine() -> None:
    """And stays free."""
    with reserved_ports(1) as [port]:
        _claim(f"127.0.0.1:{port}")
        _claim(f"127.0.0.1:{port}")


def test_an_address_of_another_machine_is_reported() -> None:
    """192.0.2.0/24 is kept for documentation: nobody has it."""
    with pytest.raises(ListenError, match=r"^192\.0\.2\.1:50051: Cannot assign requested address$"):
        _claim("192.0.2.1:50051")


def test_a_name_that_means_nothing_is_reported() -> None:
    """`.invalid` never resolves (RFC 2606)."""
    with pytest.raises(ListenError, match=r"^host\.invalid:50051: "):
        _claim("host.invalid:50051")
