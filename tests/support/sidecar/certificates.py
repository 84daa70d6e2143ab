"""Certificates of sidecar and Envoy, in a directory where a test can change them."""

from __future__ import annotations

import shutil
from pathlib import Path

from extproc.tls_files import TlsFiles

ORIGINALS = Path(__file__).parent / "tls"
NAME = "sidecar.test"
"""What the sidecar's certificate is for, beside 127.0.0.1."""


class Certificates:
    """The files of both sides in *directory*, keys for their owner alone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for original in ORIGINALS.glob("*.[pk]e[my]"):
            self.put(original.stem, original.suffix)

    def put(self, what: str, suffix: str, *, to: str | None = None) -> None:
        """Let the file of *what* be that of *to*, whole at once, as tools that renew certificates do."""
        file = self.directory / f"{to or what}{suffix}"
        draft = file.with_suffix(".draft")
        shutil.copyfile(ORIGINALS / f"{what}{suffix}", draft)
        draft.chmod(0o600)
        draft.replace(file)

    def renew(self) -> None:
        """Renew the sidecar's certificate."""
        for suffix in (".key", ".pem"):
            self.put("renewed", suffix, to="sidecar")

    def files(self, *, client: str = "envoy", ca: str = "ca", name: str = NAME) -> TlsFiles:
        """Return the files by which *client* asks, or is served, when it trusts *ca* and wants *name*."""

        def path(file: str) -> str:
            return str(self.directory / file)

        return TlsFiles(
            ca=path(f"{ca}.pem"),
            cert=path("sidecar.pem"),
            key=path("sidecar.key"),
            client_cert=path(f"{client}.pem"),
            client_key=path(f"{client}.key"),
            server_name=name,
        )

    def as_configured(self) -> dict[str, str]:
        """Return them as the configuration file names them."""
        files = self.files()
        return {
            "ca": files.ca,
            "cert": files.cert,
            "key": files.key,
            "client_cert": files.client_cert,
            "client_key": files.client_key,
            "server_name": files.server_name,
        }
