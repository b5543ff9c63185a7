"""Certificates of tests' own, made by OpenSSL."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.programs import needed

NAMES = ("localhost", "scans.example")


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for this machine, and its key."""

    certfile: Path
    keyfile: Path

    def client_context(self) -> ssl.SSLContext:
        """A client that trusts this certificate alone."""
        return ssl.create_default_context(cafile=str(self.certfile))


def make(folder: Path, name: str = "server", passphrase: str | None = None) -> Certificate:
    """A certificate for `NAMES` and 127.0.0.1, its key encrypted if there is a passphrase."""
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key")
    names = ",".join([*(f"DNS:{host}" for host in NAMES), "IP:127.0.0.1"])
    encrypted = ["-nodes"] if passphrase is None else ["-passout", f"pass:{passphrase}"]
    subprocess.run(
        [
            *(
                needed("openssl"),
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}"),
            *("-out", str(made.certfile), "-keyout", str(made.keyfile), *encrypted),
        ],
        check=True,
        capture_output=True,
    )
    return made
