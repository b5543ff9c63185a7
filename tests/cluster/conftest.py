"""Three real machines on loopback, with a real Redis and a real HAProxy, over one folder with a volume."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3
from numpy.typing import NDArray

from dashboard.addressing.slabs import slab_of
from tests import files, haproxy, redis_server
from tests.conftest import Server, serving, unused_port
from tests.redis_server import RedisServer

SHAPE, CHUNKS = (160, 256, 256), (8, 64, 64)
FILE, DATASET = "data/volume.h5", "/volume"
NAMES = ("a", "b", "c")
TOKEN = "token of the machines".replace(" ", "-")


class Cluster:
    """The machines, each as `lamella serve`; `url` is that of the load balancer."""

    def __init__(self, folder: Path, redis: RedisServer, stack: ExitStack) -> None:
        self.redis = redis
        self.folder = folder
        self._stack = stack
        self.ports = {name: unused_port() for name in NAMES}
        self._port = unused_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.servers: dict[str, Server] = {}
        self.values = np.random.default_rng(5).integers(0, 4000, SHAPE, dtype="<u2")
        files.write(
            folder / "data" / "volume.h5",
            volume=(self.values, {"chunks": CHUNKS, "compression": "gzip"}),
        )
        for name in NAMES:
            self.start(name)
        self._balancer = stack.enter_context(ExitStack())
        self._start_balancer()

    def _start_balancer(self) -> None:
        self._balancer.enter_context(
            haproxy.running(self.folder / "haproxy", self._port, self.ports)
        )
        self.wait_for(NAMES)

    def restart_balancer(self) -> None:
        """End the load balancer and start it anew."""
        self._balancer.close()
        self._start_balancer()

    def replace_file(self) -> NDArray[np.uint16]:
        """Put another file in the place of the volume; returns its values."""
        self.values = self.values[::-1].copy()
        new = self.folder / "new.h5"
        how = {"chunks": CHUNKS, "compression": "gzip"}
        files.write(new, volume=(self.values, how))
        new.replace(self.folder / "data" / "volume.h5")
        return self.values

    def start(self, name: str) -> None:
        """Start a machine."""
        environment = {
            "LAMELLA_CLUSTER": self.redis.url,
            "LAMELLA_NODE": name,
            "LAMELLA_BALANCER": self.url,
            "LAMELLA_NODE_TOKEN": TOKEN,
            "LAMELLA_WEB_PROCESSES": "1",
            "LAMELLA_CHILDREN": "1",
            "LAMELLA_PUBLIC": "1",
        }
        data = str(self.folder / "data")
        self.servers[name] = self._stack.enter_context(
            serving(self.folder / name, self.ports[name], "serve", data, **environment)
        )

    def kill(self, name: str) -> None:
        """End a machine as a power cut does."""
        process = self.servers[name].process
        process.kill()
        process.wait(10.0)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a machine."""
        for pid in descendants(self.servers[name].process.pid):
            os.kill(pid, number)

    def wait_for(self, names: tuple[str, ...], within_s: float = 15.0) -> None:
        """Wait until these machines, and no others, answer through the load balancer."""
        end = time.monotonic() + within_s
        while True:
            found = {self.answered_by(index) for index in range(0, SHAPE[0], CHUNKS[0])}
            if found == set(names):
                return
            assert time.monotonic() < end, found
            time.sleep(0.2)

    def answered_by(self, index: int) -> str:
        """The machine to which slices of this index go: the load balancer says which."""
        status, headers, _ = self.get("/healthz", slab=slab(index))
        assert status == 200
        return headers["X-Served-By"]

    def get(self, path: str, **query: str) -> tuple[int, Any, bytes]:
        """Status, headers and body of an answer through the load balancer; no try is repeated here."""
        response = urllib3.request(
            "GET", self.url + path, fields=query, retries=False, timeout=urllib3.Timeout(60.0)
        )
        return response.status, response.headers, response.data

    def slice(self, index: int, **more: str) -> tuple[int, Any, bytes]:
        """A slice across the first axis, as the page asks for it."""
        asked = {"file": FILE, "dataset": DATASET, "selection": f"{index},:,:"}
        return self.get("/api/v1/slice", **asked, slab=slab(index), **more)

    def stats(self, **query: str) -> dict[str, Any]:
        """The figures of all machines."""
        _, _, body = self.get("/api/v1/stats", **({"window": "all"} | query))
        found: dict[str, Any] = json.loads(body)
        return found


def slab(index: int) -> str:
    """The slab of a slice across the first axis."""
    return slab_of(FILE, DATASET, {0: index}, CHUNKS)


def descendants(pid: int) -> list[int]:
    """A process and all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in descendants(int(child)))]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "data").mkdir()
    with redis_server.running(folder / "redis") as redis, ExitStack() as stack:
        yield Cluster(folder, redis, stack)
