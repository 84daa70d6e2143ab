"""Access to the sidecar of `serve`: each of its clients receives the providers' keys."""

from __future__ import annotations

import os
import signal
import socket
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml
from support.gateway.small import KEY
from support.ports import reserved_ports
from support.sidecar.certificates import Certificates

if TYPE_CHECKING:
    from pathlib import Path

    from support.gateway.commands import Home
    from support.gateway.small import SmallGateway

NOBODY = 65534


def configure(gateway: SmallGateway, **sidecar: object) -> None:
    """Let the file of *gateway* say *sidecar*."""
    table = yaml.safe_load(gateway.config.read_text())
    table["sidecar"] = sidecar
    gateway.config.write_text(yaml.safe_dump(table))


def mode_of(path: Path) -> int:
    """Return the permissions of *path*."""
    return stat.S_IMODE(path.stat().st_mode)


def may_connect(path: Path, *, user: int) -> bool:
    """Tell whether a process of *user* can connect to the socket at *path*."""
    pid = os.fork()
    if pid == 0:  # it makes system calls and goes
        code = 2
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
            code = 0
        except PermissionError:
            code = 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in {0, 1}
    return code == 0


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_by_default_it_listens_where_only_its_user_can_come_in(home: Home, gateway: SmallGateway, mask: int) -> None:
    """In a directory of its own, in the session's one for such things; whatever mask it is started with."""
    configure(gateway, workers=2)
    place = home.directory / "extproc"
    place_of_session = replace_environ(home, XDG_RUNTIME_DIR=str(home.directory))
    before = os.umask(mask)
    try:
        with place_of_session.running("serve", gateway.config, until="ready") as sidecar:
            assert f'listen="unix:{place}/extproc.0.sock unix:{place}/extproc.1.sock"' in sidecar.output
            assert {path.name: mode_of(path) for path in place.iterdir()} == {
                "extproc.0.sock": 0o600,
                "extproc.1.sock": 0o600,
            }
            assert mode_of(place) == 0o700
            assert place_of_session.run("ready", gateway.config).code == 0
    finally:
        os.umask(before)


def replace_environ(home: Home, **more: str) -> Home:
    """Return *home* with *more* in the environment of its commands."""
    return replace(home, more=more)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_cannot_connect(home: Home, gateway: SmallGateway) -> None:
    """Even when the directory lets everybody in."""
    home.directory.chmod(0o755)
    path = home.directory / "x.sock"
    with home.running("serve", gateway.config, "--listen", f"unix:{path}", until="ready"):
        assert not may_connect(path, user=NOBODY)
        assert may_connect(path, user=0)

        path.chmod(0o666)
        assert may_connect(path, user=NOBODY), "else the test would show nothing"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a socket to any group")
def test_a_socket_may_be_its_groups(home: Home, gateway: SmallGateway) -> None:
    """For an Envoy that runs as another user."""
    home.directory.chmod(0o755)
    path = home.directory / "own" / "x.sock"
    configure(gateway, listen=f"unix:{path}", socket_mode="0660", socket_group=str(NOBODY))

    with home.running("serve", gateway.config, until="ready"):
        assert (mode_of(path), path.stat().st_gid) == (0o660, NOBODY)
        assert (mode_of(path.parent), path.parent.stat().st_gid) == (0o770, NOBODY)


@pytest.mark.parametrize(
    ("listen", "sidecar", "said"),
    [
        ("127.0.0.1:0", {}, "a TCP address needs sidecar.tls"),
        ("nonsense", {}, "expected unix:/path or host:port"),
        ("0.0.0.0:0", {"insecure": True}, "sidecar.insecure is for 127.0.0.1, ::1 and localhost only"),
    ],
)
def test_the_command_line_opens_no_door(
    home: Home, gateway: SmallGateway, listen: str, sidecar: dict[str, object], said: str
) -> None:
    """What the file must not say, the option must not either."""
    configure(gateway, **sidecar)

    refused = home.run("serve", gateway.config, "--listen", listen)

    assert refused.code == 2
    assert said in " ".join(refused.err.split())


def test_an_insecure_sidecar_says_so_at_each_start(home: Home, gateway: SmallGateway) -> None:
    configure(gateway, listen="127.0.0.1:0", insecure=True)

    for _ in range(2):
        with home.running("serve", gateway.config, until="ready") as sidecar:
            assert "WARNING configuration place=sidecar.insecure" in sidecar.output


def test_by_mutual_tls_it_serves_who_has_a_certificate(home: Home, gateway: SmallGateway) -> None:
    """`ready` connects as Envoy does; with another authority's certificate it gets no response."""
    certificates = Certificates(home.directory)
    with reserved_ports(1) as (port,):
        configure(gateway, listen=f"127.0.0.1:{port}", tls=certificates.as_configured())
        with home.running("serve", gateway.config, until="ready") as sidecar:
            good = home.run("ready", gateway.config)
            certificates.put("stranger", ".pem", to="envoy")
            certificates.put("stranger", ".key", to="envoy")
            bad = home.run("ready", gateway.config)

            assert (good.code, good.out) == (0, f"serving: 127.0.0.1:{port}\n")
            assert (bad.code, bad.err) == (
                1,
                f"Error: 1 of 1 workers do not serve: 127.0.0.1:{port}: no response: UNAVAILABLE\n",
            )
            assert "WARNING" not in sidecar.output
            assert KEY not in sidecar.output


def test_with_tls_the_command_line_may_open_every_address(home: Home, gateway: SmallGateway) -> None:
    """Where Envoy finds the sidecar is another matter, and in the file."""
    certificates = Certificates(home.directory)
    configure(gateway, listen="sidecar.test:50051", tls=certificates.as_configured())

    with home.running("serve", gateway.config, "--listen", "0.0.0.0:0", until="ready") as sidecar:
        assert "WARNING" not in sidecar.output


def test_a_file_of_tls_that_cannot_be_used_is_reported_before_anything_starts(
    home: Home, gateway: SmallGateway
) -> None:
    certificates = Certificates(home.directory)
    configure(gateway, listen="127.0.0.1:0", tls=certificates.as_configured())
    key = home.directory / "sidecar.key"
    key.unlink()

    refused = home.run("serve", gateway.config)

    assert (refused.code, refused.err) == (
        3,
        f"Error: {gateway.config}: sidecar.tls.key: {key}: No such file or directory\n",
    )


def test_a_key_that_anyone_can_read_is_warned_of(home: Home, gateway: SmallGateway) -> None:
    certificates = Certificates(home.directory)
    configure(gateway, listen="127.0.0.1:0", tls=certificates.as_configured())
    (home.directory / "sidecar.key").chmod(0o644)

    with home.running("serve", gateway.config, until="ready") as sidecar:
        assert "WARNING configuration place=sidecar.tls.key" in sidecar.output


def test_a_directory_in_which_others_can_replace_the_socket_is_warned_of(home: Home, gateway: SmallGateway) -> None:
    place = home.directory / "shared"
    place.mkdir()
    place.chmod(0o777)

    with home.running("serve", gateway.config, "--listen", f"unix:{place}/x.sock", until="ready") as sidecar:
        assert "WARNING configuration place=sidecar.listen" in sidecar.output
        assert "its directory is world-writable" in sidecar.output


def test_a_second_one_is_refused_and_a_killed_one_replaced(home: Home, gateway: SmallGateway) -> None:
    """Its socket is still there, and nobody listens on it."""
    listen = f"unix:{home.directory}/x.sock"
    with home.running("serve", gateway.config, "--listen", listen, until="ready") as first:
        second = home.run("serve", gateway.config, "--listen", listen)
        assert (second.code, second.err) == (1, f"Error: {listen}: another process is listening there\n")

        processes = home.all_of("extproc-")
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)  # or a worker would see its supervisor go, and clear its socket away
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        first.process.wait()
    assert (home.directory / "x.sock").is_socket()
    with home.running("serve", gateway.config, "--listen", listen, until="ready"):
        pass


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("/proc/extproc/x.sock", 1, "/proc/extproc: there is no such directory, nor"),
        ("/sys/extproc/x.sock", 1, "/sys/extproc: there is no such directory, and it cannot be made: "),
        ("/nonexistent/extproc/x.sock", 1, "/nonexistent/extproc: there is no such directory, nor /nonexistent"),
        ("/" + "x" * 107, 2, "expected a path of 1 to 107 bytes after unix:"),
    ],
)
def test_a_place_where_no_socket_can_be_is_reported(
    home: Home, gateway: SmallGateway, path: str, code: int, said: str
) -> None:
    """With its path: a directory that cannot be made, or too long a name."""
    refused = home.run("serve", gateway.config, "--listen", f"unix:{path}")

    assert refused.code == code
    assert said in refused.err
    assert "Traceback" not in refused.err
