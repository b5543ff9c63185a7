"""A real nginx with the site of the documentation, on ports of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dashboard
from tests.certificates import Certificate
from tests.conftest import unused_port
from tests.programs import needed
from tests.waits import WITHIN_S

REPOSITORY = Path(dashboard.__file__).parent.parent
SITE = REPOSITORY / "docs" / "how-to" / "hosting" / "nginx.conf"
SEVERAL = REPOSITORY / "deploy" / "nginx.conf"

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


def several(addresses: Iterable[str] | None = None) -> str:
    """The documented site before several machines, which may be at other addresses (with ports)."""
    upstream = SEVERAL.read_text()
    if addresses is not None:
        servers = "".join(f"    server {one} max_fails=1 fail_timeout=2s;\n" for one in addresses)
        upstream, count = re.subn(r"(    server .*\n)+", servers, upstream)
        assert count == 1
    site, count = re.subn(r"upstream lamella \{.*?\n\}\n", "", SITE.read_text(), flags=re.DOTALL)
    assert count == 1
    return upstream + site


def site(
    upstream: str | None,
    certificate: Certificate,
    http: int,
    https: int,
    text: str | None = None,
) -> str:
    """The documented site before `upstream`, a socket file or an address with a port; None as in `text`."""
    text = SITE.read_text() if text is None else text
    changes = {}
    if upstream is not None:
        server = f"unix:{upstream}" if upstream.startswith("/") else upstream
        changes[r"server unix:\S*/run/lamella\.sock;"] = f"server {server};"
    changes |= {
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


def configured(made: Nginx, text: str) -> Path:
    """A configuration file with a site."""
    made.folder.mkdir()
    config = made.folder / "nginx.conf"
    # As root, its worker would be another account, which may not connect to the test's socket.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(MAIN.format(folder=made.folder, user=user, site=text))
    return config


@contextmanager
def running(
    folder: Path, upstream: str | None, certificate: Certificate, text: str | None = None
) -> Iterator[Nginx]:
    """nginx with the documented site, or another `text` of it, ready to answer, ended afterwards."""
    made = Nginx(unused_port(), unused_port(), folder)
    config = configured(made, site(upstream, certificate, made.http, made.https, text))
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
