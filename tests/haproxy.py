"""A real HAProxy with the configuration of the documentation, on a loopback port."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3

import dashboard
from tests.programs import needed

CONFIGURATION = Path(dashboard.__file__).parent.parent / "docs/how-to/hosting/haproxy.cfg"
WITHIN_S = 20.0


def configuration(port: int, machines: Mapping[str, int]) -> str:
    """The documented configuration before ports of this machine, without encryption."""
    text = CONFIGURATION.read_text()
    servers = "".join(f"    server {name} 127.0.0.1:{at}\n" for name, at in machines.items())
    changes = {
        r"    bind :443 ssl .*\n": f"    bind 127.0.0.1:{port}\n",
        r"(    server .*\n)+": servers,
        r"set-header X-Forwarded-Proto https": "set-header X-Forwarded-Proto http",
    }
    for pattern, replacement in changes.items():
        text, count = re.subn(pattern, replacement, text)
        assert count == 1, pattern
    return text


@contextmanager
def running(folder: Path, port: int, machines: Mapping[str, int]) -> Iterator[str]:
    """Its address, as soon as one machine is ready behind it; ended afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "haproxy.cfg"
    file.write_text(configuration(port, machines))
    process = subprocess.Popen([needed("haproxy"), "-db", "-q", "-f", str(file)])
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + WITHIN_S
        while True:
            try:
                if (
                    urllib3.request("GET", f"{url}/readyz", retries=False, timeout=2.0).status
                    == 200
                ):
                    break
            except urllib3.exceptions.HTTPError:
                pass
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(WITHIN_S)
