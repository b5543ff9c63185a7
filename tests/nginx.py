"""A real nginx with the site of the documentation, on ports of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dashboard
from tests.certificates import Certificate
from tests.conftest import unused_port
from tests.programs import needed

SITE = Path(dashboard.__file__).parent.parent / "docs" / "how-to" / "hosting" / "nginx.conf"
WITHIN_S = 30.0

MAIN = """
daemon off;
pid {folder}/nginx.pid;
{user}
worker_processes 1;
error_log {folder}/error.log notice;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Its ports of 127.0.0.1 for HTTP and HTTPS, and the folder with its logs."""

    http: int
    https: int
    folder: Path


def site(
    upstream: str, certificate: Certificate, http: int, https: int, text: str | None = None
) -> str:
    """The documented site before `upstream`, a socket file or an address with a port."""
    text = SITE.read_text() if text is None else text
    server = f"unix:{upstream}" if upstream.startswith("/") else upstream
    changes = {
        r"server unix:\S*/run/lamella\.sock;": f"server {server};",
        r"listen \[::\]:(80|443)[^;]*;\n": "",
        r"listen 80;": f"listen 127.0.0.1:{http};",
        r"listen 443 ": f"listen 127.0.0.1:{https} ",
        r"/etc/ssl/certs/scans\.example\.pem": str(certificate.certfile),
        r"/etc/ssl/private/scans\.example\.key": str(certificate.keyfile),
    }
    for pattern, replacement in changes.items():
        text, count = re.subn(pattern, replacement, text)
        assert count, pattern
    return text


@contextmanager
def running(
    folder: Path, upstream: str, certificate: Certificate, text: str | None = None
) -> Iterator[Nginx]:
    """nginx with the documented site, or another `text` of it, ready to answer, ended afterwards."""
    folder.mkdir()
    made = Nginx(unused_port(), unused_port(), folder)
    config = folder / "nginx.conf"
    # As root, its worker would be another account, which may not connect to the test's socket.
    user = "user root;" if os.geteuid() == 0 else ""
    text = site(upstream, certificate, made.http, made.https, text)
    config.write_text(MAIN.format(folder=folder, user=user, site=text))
    process = subprocess.Popen([needed("nginx"), "-p", str(folder), "-c", str(config)])
    try:
        end = time.monotonic() + WITHIN_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", made.https)) == 0:
                    break
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield made
    finally:
        process.terminate()
        process.wait(WITHIN_S)
        print((folder / "error.log").read_text())
