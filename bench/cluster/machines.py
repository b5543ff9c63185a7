"""Nodes, a Redis and an HAProxy on this machine, as `make cluster-demo` has them."""

from __future__ import annotations

import json
import os
import re
import runpy
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import redis

from bench.cluster.node import MODULE, variables
from bench.cluster.sleeping import DecodeTime
from dashboard.benchmarking.client import Client
from dashboard.benchmarking.server import Server, free_port, serving
from dashboard.errors import SetupError
from dashboard.storage.private_directory import ensure_private_directory

TOP: Final = Path(__file__).resolve().parents[2]
DEMO: Final = TOP / ".ci" / "cluster_demo.py"
WITHIN_S: Final = 30.0

Routing = Literal["slab", "random"]


class Decoded(NamedTuple):
    """A brick that a node began to decode: its file, name, first voxel, and what for."""

    file: str
    key: str
    start: list[int]
    purpose: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its server and the log of what it decodes."""

    name: str
    server: Server
    log: Path

    def decoded(self) -> list[Decoded]:
        """The bricks that it began to decode; not those of the first slab of a file, which make it known."""
        if not self.log.exists():
            return []
        lines = (Decoded(*json.loads(line)) for line in self.log.read_text().splitlines())
        return [one for one in lines if one.start[0]]


@dataclass(frozen=True)
class Machines:
    """Nodes that share a store, behind a load balancer at `port`."""

    nodes: Sequence[Node]
    port: int
    store: Store
    folder: Path

    @contextmanager
    def balanced(self, routing: Routing = "slab", count: int | None = None) -> Iterator[int]:
        """The load balancer before all nodes, or the first ones, as long as the block runs; its port."""
        ports = {node.name: node.server.port for node in self.nodes[:count]}
        text: str = runpy.run_path(str(DEMO))["configuration"](self.port, ports)
        if routing == "random":
            text, found = re.subn(
                r"balance url_param slab\n +hash-type consistent", "balance random", text
            )
            assert found == 1
        file = self.folder / "haproxy.cfg"
        file.write_text(text)
        with _running([program("haproxy"), "-db", "-q", "-f", str(file)]) as process:
            _wait_until(lambda: _is_ready(self.port), process)
            # Each is checked once a second.
            time.sleep(1.5)
            yield self.port


class Store:
    """A Redis on this machine."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.url = f"redis://127.0.0.1:{port}"
        self.client = redis.Redis(host="127.0.0.1", port=port)

    def forget_plans(self) -> None:
        """Remove the plans of all viewers, so that nothing more is decoded for those of before."""
        found = list(self.client.scan_iter("lamella:v1:plans*", 1000))
        if found:
            self.client.delete(*found)


@contextmanager
def store(folder: Path) -> Iterator[Store]:
    """A Redis without a disk."""
    port = free_port()
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--appendonly", "no", "--loglevel", "warning", "--dir", str(folder)]
    with _running(command) as process:
        started = Store(process, port)
        _wait_until(lambda: _answers(started), process)
        yield started


@contextmanager
def machines(
    names: Sequence[str],
    data: Sequence[str],
    folder: Path,
    decode_time: DecodeTime | None = None,
    settings: dict[str, str] | None = None,
) -> Iterator[Machines]:
    """Nodes of these names over `data`, idle; no load balancer runs yet. Those with a `decode_time` sleep."""
    folder = ensure_private_directory(folder)
    port, token = free_port(), secrets.token_urlsafe(24)
    with ExitStack() as stack:
        shared = stack.enter_context(store(folder))

        def start(name: str) -> Node:
            own = ensure_private_directory(folder / name)
            log, cores = own / "decoded", own / "cores"
            cores.mkdir(exist_ok=True)
            given = {
                "LAMELLA_CLUSTER": shared.url,
                "LAMELLA_NODE": name,
                "LAMELLA_BALANCER": f"http://127.0.0.1:{port}",
                "LAMELLA_NODE_TOKEN": token,
                "LAMELLA_PUBLIC": "1",
                # As small as nodes get, since all are on one machine.
                "LAMELLA_WEB_PROCESSES": "1",
                "LAMELLA_CHILDREN": "1",
                "PYTHONPATH": str(TOP),
                **variables(
                    log, None if decode_time is None else replace(decode_time, cores=cores)
                ),
                **(settings or {}),
            }
            server = stack.enter_context(serving(data, own, given, MODULE))
            return Node(name, server, log)

        # As many at a time as there are processors. The kernel ends a node with the thread that has started it.
        pool = stack.enter_context(ThreadPoolExecutor(len(os.sched_getaffinity(0))))
        nodes = list(pool.map(start, names))
        yield Machines(nodes, port, shared, folder)


def ask(port: int, path: str, **query: str) -> Any:
    """The JSON of an answer."""
    with Client(port) as client:
        return client.json(path, **query)


def program(name: str) -> str:
    """The path of a program, also where Debian has what is for root; raises `SetupError`."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        raise SetupError(f"{name} is needed: install it (Debian: apt-get install {name}).")
    return found


def _answers(started: Store) -> bool:
    try:
        return bool(started.client.ping())
    except redis.RedisError:
        return False


def _is_ready(port: int) -> bool:
    try:
        with Client(port, 2.0) as client:
            return client.status("/readyz") == 200
    except OSError:
        return False


def _wait_until(holds: Any, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + WITHIN_S
    while not holds():
        if process.poll() is not None or time.monotonic() > end:
            raise SetupError(f"{process.args!r} could not be started; its lines are above.")
        time.sleep(0.05)


@contextmanager
def _running(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
