"""Who can reach what we listen on, and what is refused because of that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.config.files import TLS, Table, a_file, gateway, problems, warnings

from extproc.addresses import parse_address
from extproc.config.gateway import Transport
from extproc.tls_files import TlsFiles

FILES = TlsFiles(
    "/tls/ca.pem", "/tls/sidecar.pem", "/tls/sidecar.key", "/tls/envoy.pem", "/tls/envoy.key", server_name=""
)
LOOPBACK = ["127.0.0.1:50051", "127.9.9.9:0", "[::1]:50051", "localhost:50051"]
BEYOND = ["0.0.0.0:50051", "[::]:50051", "10.0.0.1:50051", "extproc:50051", "localhost.example:1", "[fe80::1]:1"]


@pytest.mark.parametrize(
    ("environ", "listen"),
    [
        ({}, "unix:/run/extproc/extproc.sock"),
        ({"XDG_RUNTIME_DIR": ""}, "unix:/run/extproc/extproc.sock"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, "unix:/run/user/1000/extproc/extproc.sock"),
    ],
)
@pytest.mark.parametrize("sidecar", [None, {"workers": 1}])
def test_by_default_it_is_a_socket_of_the_users_own(
    environ: dict[str, str], listen: str, sidecar: Table | None
) -> None:
    """In the session's directory for such things, which the XDG Base Directory Specification names."""
    document = a_file() if sidecar is None else a_file(sidecar=sidecar)

    assert gateway(document, environ).sidecar.listen == parse_address(listen)


def test_a_session_directory_that_is_too_long_is_reported() -> None:
    assert problems(a_file(), {"XDG_RUNTIME_DIR": "/" + "x" * 100}) == [
        "sidecar.listen: expected unix: and a path of at most 107 bytes without spaces"
    ]


@pytest.mark.parametrize("listen", LOOPBACK + BEYOND)
def test_a_port_without_tls_is_refused(listen: str) -> None:
    """Whoever speaks to it would be handed the keys."""
    (problem,) = problems(a_file(sidecar={"listen": listen}))

    assert problem.startswith("sidecar.listen: a TCP address needs sidecar.tls, or ")


@pytest.mark.parametrize("listen", LOOPBACK)
def test_on_loopback_it_may_be_insecure_by_ones_own_word(listen: str) -> None:
    """And it is said each time."""
    document = a_file(sidecar={"listen": listen, "insecure": True})

    assert problems(document) == []
    assert warnings(document) == [
        "sidecar.insecure: any process on this host that connects to the sidecar receives the providers' keys"
    ]


@pytest.mark.parametrize("listen", BEYOND)
def test_beyond_loopback_it_never_may(listen: str) -> None:
    """A name is not looked up: it could lead elsewhere tomorrow."""
    (problem,) = problems(a_file(sidecar={"listen": listen, "insecure": True}))

    assert problem.startswith("sidecar.listen: sidecar.insecure is for 127.0.0.1, ::1 and localhost only, ")


@pytest.mark.parametrize(
    ("listen", "name"), [("10.0.0.1:1", "10.0.0.1"), ("[::1]:1", "::1"), ("sidecar.test:1", "sidecar.test")]
)
def test_with_tls_it_may_be_anywhere(listen: str, name: str) -> None:
    """Its certificate is for the host that is listened on, unless the file says so."""
    document = a_file(sidecar={"listen": listen, "tls": TLS})

    assert warnings(document) == []
    assert gateway(document).sidecar.tls == replace(FILES, server_name=name)
    named = a_file(sidecar={"listen": listen, "tls": {**TLS, "server_name": "sidecar.internal"}})
    assert gateway(named).sidecar.tls == replace(FILES, server_name="sidecar.internal")


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1"])
def test_no_certificate_is_for_every_address(listen: str) -> None:
    """Envoy would refuse whatever it is shown."""
    (problem,) = problems(a_file(sidecar={"listen": listen, "tls": TLS}))

    assert problem.startswith("sidecar.tls.server_name: is required, because sidecar.listen is a wildcard address")
    assert problems(a_file(sidecar={"listen": listen, "tls": {**TLS, "server_name": "sidecar.test"}})) == []


def test_secure_and_insecure_at_once_is_a_contradiction() -> None:
    assert problems(a_file(sidecar={"listen": "127.0.0.1:1", "tls": TLS, "insecure": True})) == [
        "sidecar.insecure: contradicts sidecar.tls: use one of the two"
    ]


def test_tls_on_a_socket_is_reported_to_be_without_use() -> None:
    assert warnings(a_file(sidecar={"tls": TLS})) == [
        "sidecar.tls: is not used: sidecar.listen is a Unix socket, which only its owner can access"
    ]


def test_the_lean_transport_has_no_tls() -> None:
    assert problems(a_file(sidecar={"listen": "127.0.0.1:1", "tls": TLS, "transport": "lean"})) == [
        "sidecar.transport: lean does not support TLS, which sidecar.tls requires: set grpcio, or remove the key"
    ]


@pytest.mark.parametrize(
    ("sidecar", "transport"),
    [
        ({"listen": "unix:/s"}, Transport.LEAN),
        ({"listen": "unix:/s", "transport": "grpcio"}, Transport.GRPCIO),
        ({"listen": "127.0.0.1:1", "insecure": True}, Transport.GRPCIO),
        ({"listen": "127.0.0.1:1", "insecure": True, "transport": "lean"}, Transport.LEAN),
        ({"listen": "127.0.0.1:1", "tls": TLS}, Transport.GRPCIO),
    ],
)
def test_the_transport_follows_from_the_address(sidecar: dict[str, object], transport: Transport) -> None:
    """Unless it is chosen: between machines the library has what ours has not."""
    assert gateway(a_file(sidecar=sidecar)).sidecar.transport is transport


@pytest.mark.parametrize("missing", sorted(TLS))
def test_both_sides_need_their_files(missing: str) -> None:
    files = {name: file for name, file in TLS.items() if name != missing}

    assert problems(a_file(sidecar={"listen": "127.0.0.1:1", "tls": files})) == [f"sidecar.tls.{missing}: is required"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("ca", "ca.pem", "expected the absolute path of a file, without spaces"),
        ("key", "/a b", "expected the absolute path of a file, without spaces"),
        ("server_name", "a/b", "expected a host name or an IP address, as in the certificate"),
    ],
)
def test_envoy_and_sidecar_must_find_the_files_wherever_they_are_started(key: str, value: str, said: str) -> None:
    assert problems(a_file(sidecar={"listen": "127.0.0.1:1", "tls": {**TLS, key: value}})) == [
        f"sidecar.tls.{key}: {said}"
    ]


@pytest.mark.parametrize("mode", ["0666", "0777", "0644", "660", 0o660, 660, "", True])
def test_a_socket_is_never_world_writable(mode: object) -> None:
    """Without quotes YAML makes another number of it."""
    assert problems(a_file(sidecar={"socket_mode": mode})) == [
        'sidecar.socket_mode: expected "0600" (owner only) or "0660" (owner and group), quoted'
    ]


@pytest.mark.parametrize(
    ("listen", "admin"),
    [
        ("unix:/run/extproc/extproc.sock", "unix:/run/extproc/envoy-admin.sock"),
        ("unix:/srv/x.sock", "unix:/srv/envoy-admin.sock"),
        ("unix:x.sock", "unix:envoy-admin.sock"),
        ("127.0.0.1:1", None),
    ],
)
def test_envoys_admin_endpoint_is_beside_the_sidecar(listen: str, admin: str | None) -> None:
    """Or nowhere: there is no other directory that is sure to be there."""
    assert gateway(a_file(sidecar={"listen": listen, "tls": TLS})).envoy_admin == (admin and parse_address(admin))


@pytest.mark.parametrize("admin", ["unix:/srv/admin.sock", "127.0.0.1:9901"])
def test_the_file_may_say_where_the_admin_endpoint_is(admin: str) -> None:
    assert gateway(a_file(envoy={"admin": admin})).envoy_admin == parse_address(admin)


@pytest.mark.parametrize("admin", ["unix:", "unix:relative.sock", "unix:/a b", "unix:/" + "x" * 107])
def test_envoy_needs_the_whole_path_of_a_socket(admin: str) -> None:
    assert problems(a_file(envoy={"admin": admin})) == [
        "envoy.admin: expected unix: and an absolute path of at most 107 bytes without spaces"
    ]


@pytest.mark.parametrize(
    ("admin", "who"),
    [
        ("127.0.0.1:9901", "any process on this host"),
        ("[::1]:9901", "any process on this host"),
        ("0.0.0.0:9901", "any host that can connect"),
        ("[::]:9901", "any host that can connect"),
        ("10.0.0.1:9901", "any host that can connect"),
    ],
)
def test_an_admin_endpoint_with_a_port_is_warned_of(admin: str, who: str) -> None:
    (warning,) = warnings(a_file(envoy={"admin": admin}))

    assert warning.startswith(f"envoy.admin: {who} can stop Envoy there and read its configuration; only the owner ")
