"""Mutual TLS between Envoy and sidecar: both sides show a certificate of one authority."""

from __future__ import annotations

import logging
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import grpc

from extproc.system.errors import ListenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from extproc.tls_files import TlsFiles

_READ_BY_OTHERS = stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP

_log = logging.getLogger(__name__)

_Stamp: TypeAlias = "tuple[tuple[int, int, int], ...]"


def check_server_files(files: TlsFiles) -> None:
    """Make sure that a server can be started with *files*, without having gRPC loaded for it.

    Raises:
        ListenError: one of them cannot be used; names its key in the configuration.
    """
    _check(files, cert=("cert", files.cert), key=("key", files.key), purpose=ssl.PROTOCOL_TLS_SERVER)


def keys_in_reach(files: TlsFiles) -> Iterator[str]:
    """Yield the name in the configuration of each private key that others than its owner and group can get at."""
    for name, file in (("key", files.key), ("client_key", files.client_key)):
        try:
            mode = Path(file).stat().st_mode
        except OSError:  # Envoy's own key need not be on the sidecar's host
            continue
        if mode & _READ_BY_OTHERS:
            yield name


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return a server's credentials: its certificate, and the authority that clients' certificates must be from.

    Files that change are taken in with the next connection, as a whole; what cannot be used is logged, and
    the server continues with what it has.

    Raises:
        ListenError: they cannot be used.
    """
    identity = _Identity(files)
    return grpc.dynamic_ssl_server_credentials(
        identity.read(),
        identity.renewed,  # type: ignore[arg-type]  # None is "no change" to gRPC, which its types do not know
        require_client_authentication=True,
    )


def channel_credentials(files: TlsFiles) -> tuple[grpc.ChannelCredentials, Sequence[tuple[str, str]]]:
    """Return what Envoy needs to be served, and the channel options by which it insists on the sidecar's name.

    Raises:
        ListenError: the files cannot be used.
    """
    cert, key = ("client_cert", files.client_cert), ("client_key", files.client_key)
    _check(files, cert=cert, key=key, purpose=ssl.PROTOCOL_TLS_CLIENT)
    ca, chain, private = (Path(file).read_bytes() for file in (files.ca, files.client_cert, files.client_key))
    options = (("grpc.ssl_target_name_override", files.server_name),)
    return grpc.ssl_channel_credentials(ca, private, chain), options


class _Identity:
    """A server's certificate, its key and the authority. Mutable: remembers which files it has taken in."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._seen: _Stamp | None = None

    def read(self) -> grpc.ServerCertificateConfiguration:
        """Return what the files hold.

        Raises:
            ListenError: they cannot be used.
        """
        self._seen = self._stamp()
        check_server_files(self._files)
        try:
            ca, chain, key = (Path(file).read_bytes() for file in self._names)
        except OSError as error:
            raise ListenError(f"sidecar.tls: {error.filename}: {error.strerror}") from error
        return grpc.ssl_server_certificate_configuration([(key, chain)], ca)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what the files hold if that is new, else None; asked at each connection."""
        seen = self._seen
        if self._stamp() == seen:
            return None
        try:
            found = self.read()
        except ListenError as error:
            _log.warning("certificate_not_renewed", extra={"fields": {"problem": str(error)}})
            return None
        _log.info("certificate_renewed", extra={"fields": {"file": self._files.cert}})
        return found

    @property
    def _names(self) -> tuple[str, str, str]:
        return self._files.ca, self._files.cert, self._files.key

    def _stamp(self) -> _Stamp | None:
        """Return what changes when a file does; None while one is missing."""
        try:
            found = [Path(file).stat() for file in self._names]
        except OSError:
            return None
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)


def _check(files: TlsFiles, *, cert: tuple[str, str], key: tuple[str, str], purpose: int) -> None:
    context = ssl.SSLContext(purpose)
    for name, file in (("ca", files.ca), cert, key):
        try:
            Path(file).read_bytes()
        except OSError as error:
            raise ListenError(f"sidecar.tls.{name}: {file}: {error.strerror}") from error
    try:
        context.load_verify_locations(files.ca)
    except ssl.SSLError as error:
        raise ListenError(f"sidecar.tls.ca: {files.ca}: holds no certificate in PEM form") from error
    try:
        context.load_cert_chain(cert[1], key[1], password="")  # never asked for at the terminal
    except (ssl.SSLError, ValueError) as error:
        raise ListenError(
            f"sidecar.tls.{key[0]}: {key[1]}: is not the private key, without a password, of the certificate in "
            f"{cert[1]}, both in PEM form"
        ) from error
