"""`up --detach` and `down`."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from support.gateway.commands import Home
    from support.gateway.small import SmallGateway


def test_detached_it_returns_when_healthy_and_down_ends_it(home: Home, gateway: SmallGateway) -> None:
    """Requests can be sent at once; `down` needs nothing but the file."""
    up = home.run("up", gateway.config, "--detach")
    assert up.code == 0
    assert f"base_url=http://127.0.0.1:{gateway.port}/v1" in up.out
    assert gateway.chat()[0] == 502

    down = home.run("down", gateway.config)

    assert (down.code, down.err.splitlines()[-1]) == (0, "stopped.")
    assert not home.processes


def test_envoys_admin_endpoint_is_its_users_alone(home: Home, gateway: SmallGateway) -> None:
    """Unless the file says where it is: a socket in the run's private directory, where the commands find it."""
    table = yaml.safe_load(gateway.config.read_text())
    del table["envoy"]
    gateway.config.write_text(yaml.safe_dump(table))

    up = home.run("up", gateway.config, "--detach")
    ports = ports_of(home.process("--restart-epoch"))
    restarted = home.run("restart", gateway.config)
    healthy = home.run("doctor", gateway.config)

    (directory,) = home.directory.glob("extproc-*")
    admin = directory / "admin.sock"
    assert f"Envoy's admin   unix:{admin}\n" in up.out
    assert [stat.S_IMODE(path.stat().st_mode) for path in (admin, directory)] == [0o600, 0o700]
    assert (restarted.code, healthy.code, healthy.out) == (0, 0, "Nothing found.\n")
    assert ports == {gateway.port}
    assert home.run("down", gateway.config).code == 0


def ports_of(pid: int) -> set[int]:
    """Return the ports on which process *pid* accepts connections."""
    process = Path(f"/proc/{pid}")
    held = set()
    for file in (process / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held.add(str(file.readlink()))
    tables = "".join((process / "net" / table).read_text() for table in ("tcp", "tcp6"))
    return {
        int(fields[1].rpartition(":")[2], 16)
        for fields in map(str.split, tables.splitlines())
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in held
    }


def test_one_file_is_up_once(home: Home, gateway: SmallGateway) -> None:
    """The second start says where the first is, and leaves it alone."""
    assert home.run("up", gateway.config, "--detach").code == 0

    again = home.run("up", gateway.config)

    assert again.code == 1
    assert (
        f"is already running at http://127.0.0.1:{gateway.port}: stop it with `extproc down {gateway.config}`."
        in again.err
    )
    assert gateway.chat()[0] == 502
    assert home.run("down").code == 0  # the only one need not be named


def test_down_asks_which_one_is_meant(home: Home, gateway: SmallGateway, other: SmallGateway) -> None:
    """Result the wrong one is worse than asking."""
    for one in (gateway, other):
        assert home.run("up", one.config, "--detach").code == 0

    unclear = home.run("down")

    assert unclear.code == 2
    assert str(gateway.config) in unclear.err
    assert str(other.config) in unclear.err
    assert [home.run("down", one.config).code for one in (gateway, other)] == [0, 0]


def test_nothing_to_end_is_no_error(home: Home, gateway: SmallGateway) -> None:
    """Scripts can always call `down`."""
    assert home.run("down").code == 0
    assert home.run("down", gateway.config).code == 0


def test_a_mistyped_file_is_an_error(home: Home) -> None:
    """Otherwise the gateway that was meant would stay up unnoticed."""
    assert home.run("down", "gatewy.yaml").code == 3


def test_a_detached_start_that_fails_says_why(home: Home, gateway: SmallGateway) -> None:
    """The message and exit code are those of the process in the background."""
    with home.running("mock", "--port", str(gateway.port), until="listening on"):
        refused = home.run("up", gateway.config, "--detach")

    assert refused.code == 1
    assert "listeners[].port: cannot listen on" in refused.err
