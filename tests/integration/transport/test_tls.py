"""Mutual TLS with a real gRPC server: who is served, who is refused, and what happens when certificates are renewed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.sidecar.certificates import NAME, Certificates
from support.sidecar.ext_proc import ScriptedSession, request_headers
from support.sidecar.server import a_channel, ask, running

from extproc.addresses import Address, TcpAddress
from extproc.exchange.events import ContinueProcessing
from extproc.system.errors import ListenError
from extproc.transport.tls import channel_credentials, check_server_files, keys_in_reach

if TYPE_CHECKING:
    from pathlib import Path

ANY_PORT = TcpAddress("127.0.0.1", 0)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def health(channel: grpc.aio.Channel) -> str:
    """Return what is answered to Envoy's question, or why nothing is."""
    async with channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


async def shown(address: Address, certificates: Certificates) -> str:
    """Return the serial number of the certificate that a new connection to *address* is shown."""
    assert isinstance(address, TcpAddress)

    def ask_for_it() -> str:
        files = certificates.files()
        context = ssl.create_default_context(cafile=files.ca)
        context.load_cert_chain(files.client_cert, files.client_key)
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection((address.host, address.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as connection,
        ):
            found = connection.getpeercert()
            assert found is not None
            return str(found["serialNumber"])

    return await asyncio.to_thread(ask_for_it)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", [NAME, "127.0.0.1"])
async def test_who_has_a_certificate_of_the_authority_is_served(certificates: Certificates, name: str) -> None:
    """By any of the names that the sidecar's certificate is for."""
    tls = certificates.files(name=name)
    async with running([ScriptedSession(ContinueProcessing())], listen=ANY_PORT, tls=tls) as sidecar:
        answer = await ask(sidecar.stream(), request_headers())

        assert answer.WhichOneof("response") == "request_headers"


@pytest.mark.asyncio
async def test_who_has_none_is_refused(certificates: Certificates) -> None:
    """Whoever it is on this host: nothing, another authority's, one that is not for clients, no TLS at all."""
    async with running([], listen=ANY_PORT, tls=certificates.files()) as sidecar:
        address = sidecar.server.address
        ca = (certificates.directory / "ca.pem").read_bytes()
        nameless = grpc.aio.secure_channel(
            str(address), grpc.ssl_channel_credentials(ca), options=[("grpc.ssl_target_name_override", NAME)]
        )

        assert await health(nameless) == "UNAVAILABLE"
        assert await health(a_channel(address, certificates.files(client="stranger"))) == "UNAVAILABLE"
        assert await health(a_channel(address, certificates.files(client="sidecar"))) == "UNAVAILABLE"
        assert await health(a_channel(address)) == "UNAVAILABLE"
        assert await health(a_channel(address, certificates.files())) == "SERVING"


@pytest.mark.asyncio
async def test_a_client_insists_on_the_sidecars_certificate(certificates: Certificates) -> None:
    """Prompts are not for whoever has taken the port."""
    async with running([], listen=ANY_PORT, tls=certificates.files()) as sidecar:
        address = sidecar.server.address

        assert await health(a_channel(address, certificates.files(ca="other-ca"))) == "UNAVAILABLE"
        assert await health(a_channel(address, certificates.files(name="envoy.test"))) == "UNAVAILABLE"


@pytest.mark.asyncio
async def test_a_renewed_certificate_is_shown_to_the_next_connection(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """No restart, and no connection is lost; it is reported once."""
    caplog.set_level("INFO")
    tls = certificates.files()
    async with running([ScriptedSession(ContinueProcessing())], listen=ANY_PORT, tls=tls) as sidecar:
        before = await shown(sidecar.server.address, certificates)
        under_way = sidecar.stream()
        await under_way.write(request_headers())
        certificates.renew()

        after = await shown(sidecar.server.address, certificates)

        assert after != before
        assert await shown(sidecar.server.address, certificates) == after
        assert await under_way.read() is not grpc.aio.EOF
    assert [record.message for record in caplog.records] == ["certificate_renewed"]


@pytest.mark.asyncio
@pytest.mark.parametrize("half", [".pem", ".key"])
async def test_half_a_renewal_waits_for_the_other_half(
    certificates: Certificates, caplog: pytest.LogCaptureFixture, half: str
) -> None:
    """A certificate without its key would refuse everybody."""
    async with running([], listen=ANY_PORT, tls=certificates.files()) as sidecar:
        before = await shown(sidecar.server.address, certificates)
        certificates.put("renewed", half, to="sidecar")

        assert await shown(sidecar.server.address, certificates) == before
        assert [record.message for record in caplog.records] == ["certificate_not_renewed"]
        assert await shown(sidecar.server.address, certificates) == before
        assert len(caplog.records) == 1

        certificates.renew()

        assert await shown(sidecar.server.address, certificates) != before


@pytest.mark.asyncio
async def test_a_certificate_that_has_gone_is_still_used(certificates: Certificates) -> None:
    async with running([], listen=ANY_PORT, tls=certificates.files()) as sidecar:
        before = await shown(sidecar.server.address, certificates)
        (certificates.directory / "sidecar.pem").unlink()

        assert await shown(sidecar.server.address, certificates) == before


@pytest.mark.parametrize(("key", "file"), [("ca", "ca.pem"), ("cert", "sidecar.pem"), ("key", "sidecar.key")])
def test_a_file_that_is_missing_is_named(certificates: Certificates, key: str, file: str) -> None:
    path = certificates.directory / file
    path.unlink()

    with pytest.raises(ListenError, match=f"^sidecar.tls.{key}: {path}: No such file or directory$"):
        check_server_files(certificates.files())


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("ca.pem", "sidecar.tls.ca: {path}: holds no certificate in PEM form"),
        ("sidecar.key", "sidecar.tls.key: {path}: is not the private key, without a password, of the certificate in "),
    ],
)
def test_a_file_that_holds_something_else_is_named(certificates: Certificates, file: str, said: str) -> None:
    """What it holds is never shown."""
    path = certificates.directory / file
    path.write_text("sk-secret")

    with pytest.raises(ListenError) as refused:
        check_server_files(certificates.files())

    assert str(refused.value).startswith(said.format(path=path))
    assert "sk-secret" not in str(refused.value)


def test_a_key_of_another_certificate_is_named(certificates: Certificates) -> None:
    files = replace(certificates.files(), client_key=certificates.files(client="stranger").client_key)

    with pytest.raises(ListenError, match=r"^sidecar.tls.client_key: .*stranger.key: is not the private key"):
        channel_credentials(files)


def test_a_key_that_others_can_read_is_known(certificates: Certificates) -> None:
    files = certificates.files()
    assert list(keys_in_reach(files)) == []

    for mode, found in ((0o640, []), (0o644, ["key"]), (0o660, ["key"]), (0o606, ["key"])):
        (certificates.directory / "sidecar.key").chmod(mode)
        assert list(keys_in_reach(files)) == found
    (certificates.directory / "envoy.key").unlink()
    assert list(keys_in_reach(files)) == ["key"]
