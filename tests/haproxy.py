"""A real HAProxy with the configuration of the documentation, on a loopback port."""

from __future__ import annotations

import importlib.util
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import urllib3

import dashboard
from tests.programs import needed
from tests.waits import WITHIN_S

DEMO = Path(dashboard.__file__).parent.parent / ".ci" / "cluster_demo.py"


def demo() -> ModuleType:
    """The program of `make cluster-demo`."""
    spec = importlib.util.spec_from_file_location("cluster_demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def running(
    folder: Path, port: int, machines: Mapping[str, int], host: str = "127.0.0.1"
) -> Iterator[str]:
    """Its address, as soon as one machine is ready behind it; ended afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "haproxy.cfg"
    file.write_text(demo().configuration(port, machines, host))
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
