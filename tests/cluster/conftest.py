"""Three real machines on loopback, with a real Redis and a real HAProxy, over one folder with a volume."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
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
from tests.waits import WITHIN_S

SHAPE, CHUNKS = (160, 256, 256), (8, 64, 64)
FILE, DATASET = "data/volume.h5", "/volume"
NAMES = ("a", "b", "c")
TOKEN = "token of the machines".replace(" ", "-")


def open_to_all(cluster: Cluster, name: str) -> dict[str, str]:
    """The settings of machines without sign-in."""
    return {"LAMELLA_PUBLIC": "1"}


class Cluster:
    """The machines, each as `lamella serve`; `url` is that of the load balancer.

    `settings` gives the variables of a machine, by its name, and `host` its address, by its number.
    """

    def __init__(
        self,
        folder: Path,
        redis: RedisServer,
        stack: ExitStack,
        names: tuple[str, ...] = NAMES,
        settings: Callable[[Cluster, str], dict[str, str]] = open_to_all,
        host: str = "127.0.0.1",
    ) -> None:
        self.redis = redis
        self._host = host
        self.folder = folder
        self.names = names
        self._stack = stack
        self._settings = settings
        self.ports = {name: unused_port() for name in names}
        self._port = unused_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.servers: dict[str, Server] = {}
        self.values = np.random.default_rng(5).integers(0, 4000, SHAPE, dtype="<u2")
        files.write(
            folder / "data" / "volume.h5",
            volume=(self.values, {"chunks": CHUNKS, "compression": "gzip"}),
        )
        for name in names:
            self.start(name)
        self._balancer = stack.enter_context(ExitStack())
        self._start_balancer()

    def _start_balancer(self) -> None:
        self._balancer.enter_context(
            haproxy.running(self.folder / "haproxy", self._port, self.ports, self._host)
        )
        self.wait_for(self.names)

    def end_balancer(self) -> None:
        """End the load balancer."""
        self._balancer.close()

    def restart_balancer(self) -> None:
        """End the load balancer, if it runs, and start it anew."""
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
            "LAMELLA_HOST": self._host.format(self.names.index(name) + 1),
            "LAMELLA_BALANCER": self.url,
            "LAMELLA_NODE_TOKEN": TOKEN,
            "LAMELLA_WEB_PROCESSES": "1",
            "LAMELLA_CHILDREN": "1",
            **self._settings(self, name),
        }
        data = str(self.folder / "data")
        self.servers[name] = self._stack.enter_context(
            serving(self.folder / name, self.ports[name], "serve", data, **environment)
        )

    def kill(self, name: str) -> None:
        """End a machine as a power cut does."""
        self.signal(name, signal.SIGKILL)
        self.servers[name].process.wait(WITHIN_S)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a machine."""
        for pid in descendants(self.servers[name].process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def wait_for(self, names: tuple[str, ...], within_s: float = WITHIN_S) -> None:
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
        return self.get("/api/v1/slice", **self.asked(index), **more)

    @staticmethod
    def asked(index: int) -> dict[str, str]:
        """The query of a slice across the first axis."""
        return {
            "file": FILE,
            "dataset": DATASET,
            "selection": f"{index},:,:",
            "slab": slab(index),
        }

    def stats(self, **query: str) -> dict[str, Any]:
        """The figures of all machines."""
        _, _, body = self.get("/api/v1/stats", **({"window": "all"} | query))
        found: dict[str, Any] = json.loads(body)
        return found


def slab(index: int) -> str:
    """The slab of a slice across the first axis."""
    return slab_of(FILE, DATASET, {0: index}, CHUNKS)


class Load:
    """Viewers that look at slices all the time, and what they got."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stop = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.lost: list[str] = []
        # Of each slice: when it was there, how long it took (s), and the machine that it is from.
        self.answers: list[tuple[float, float, str]] = []

    @property
    def longest_s(self) -> float:
        """The longest wait."""
        return max((took for _, took, _ in self.answers), default=0.0)

    def view(self, viewer: int) -> None:
        """Look at slices until the end."""
        index = viewer * 37
        while not self._stop.wait(0.03):
            index += 1
            began = time.monotonic()
            try:
                found = self._cluster.slice(index % SHAPE[0], viewer=f"load{viewer}")
                status, headers, body = found
            except urllib3.exceptions.HTTPError as error:
                # Cut off in its body, which the page repeats once.
                self.lost.append(repr(error))
                continue
            now = time.monotonic()
            self.statuses[status] += 1
            if status == 200:
                self.answers.append((now, now - began, headers["X-Served-By"]))
                assert len(body) == SHAPE[1] * SHAPE[2] * 2

    @contextmanager
    def running(self, viewers: int = 4) -> Iterator[None]:
        """Look at slices within a block."""
        with ThreadPoolExecutor(viewers) as pool:
            done = [pool.submit(self.view, viewer) for viewer in range(viewers)]
            try:
                yield
            finally:
                self._stop.set()
            for one in done:
                one.result()


def eventually(holds: Callable[[], bool], within_s: float = WITHIN_S) -> float:
    """How long it took until something holds (s)."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s
        time.sleep(0.1)
    return time.monotonic() - began


def descendants(pid: int) -> list[int]:
    """A process and all that it has started; a child may end at any moment."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(found for child in children for found in descendants(int(child)))]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "data").mkdir()
    with redis_server.running(folder / "redis") as redis, ExitStack() as stack:
        yield Cluster(folder, redis, stack)
