"""Jobs on a real Dask scheduler and worker, by TLS on loopback, and what becomes of them when these fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3

from tests import certificates, files
from tests.certificates import Certificate
from tests.cluster.conftest import eventually
from tests.conftest import Server, serving, unused_port
from tests.waits import WITHIN_S

pytestmark = pytest.mark.cluster

# Of a contiguous dataset a slab has four million voxels.
SHAPE, SLABS = (128, 512, 512), 8
VALUES = np.random.default_rng(13).integers(0, 200, SHAPE, dtype="u1")
HTTP = urllib3.PoolManager(retries=False)


@contextmanager
def program(folder: Path, name: str, *arguments: str, **environment: str) -> Iterator[Any]:
    """A command of Dask's, killed afterwards; its log is in `folder`."""
    log = folder / f"{name}-{time.monotonic_ns()}.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{name}", *arguments],
            stdout=stream,
            stderr=stream,
            env=os.environ | environment,
        )
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()
        print(log.read_text())


class Dask:
    """A scheduler and one worker with two threads, which have a certificate."""

    def __init__(self, folder: Path, port: int, certificate: Certificate) -> None:
        self.folder = folder
        self.port = port
        self.certificate = certificate
        self._stack = ExitStack()
        files_ = ("--tls-cert", str(certificate.certfile), "--tls-key", str(certificate.keyfile))
        self._tls = ("--tls-ca-file", str(certificate.certfile), *files_)

    def start(self) -> None:
        """Start both; returns when the worker is there."""
        here, url = ("--host", "tls://127.0.0.1"), f"tls://127.0.0.1:{self.port}"
        self.scheduler, _ = self._stack.enter_context(
            program(
                self.folder,
                "scheduler",
                *(*here, "--port", str(self.port), "--no-dashboard", "--no-show"),
                *self._tls,
            )
        )
        soon(lambda: answers(self.port))
        self.worker, log = self._stack.enter_context(
            program(
                self.folder,
                "worker",
                *(url, *here, "--nthreads", "2", "--no-nanny", "--no-dashboard"),
                *("--local-directory", str(self.folder), *self._tls),
                LAMELLA_DATA=str(self.folder / "data"),
                LAMELLA_CACHE_DIR=str(self.folder / "worker"),
            )
        )
        soon(lambda: "Registered to" in log.read_text())

    def end(self) -> None:
        """Kill what is left of both."""
        self._stack.close()


def soon(holds: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    eventually(holds, within_s)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


class Node:
    """A machine that has jobs done by Dask."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def log(self) -> str:
        return self._server.log.read_text()

    def ask(self, method: str, path: str, **how: Any) -> Any:
        response = HTTP.request(method, self._server.url + path, timeout=WITHIN_S, **how)
        assert response.status in (200, 202), response.data
        return response

    def count(self, dataset: str) -> str:
        """Have a dataset counted; returns the id of the job."""
        body = {"kind": "statistics", "file": "data/volume.h5", "dataset": dataset}
        return str(self.ask("POST", "/api/v1/jobs", json=body).json()["id"])

    def job(self, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/api/v1/jobs/{id_}").json()
        return found

    def done(self, id_: str) -> dict[str, Any]:
        """The result of a job, when it is done."""
        soon(lambda: self.job(id_)["state"] not in ("queued", "running"), 60.0)
        job = self.job(id_)
        assert (job["state"], job["done"]) == ("done", SLABS), job["message"]
        result: dict[str, Any] = job["result"]
        return result

    def slabs(self) -> tuple[int, int]:
        """(slabs that Dask has computed, those that the prefetch worker has)."""
        text = self.ask("GET", "/metrics").data.decode()
        found = dict(
            line.split(" ") for line in text.splitlines() if line.startswith("lamella_jobs")
        )
        names = "lamella_jobs_slabs_away_total", "lamella_jobs_slabs_total"
        away, here = (int(float(found.get(name, 0))) for name in names)
        return away, here


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    folder = tmp_path_factory.mktemp("dask")
    made = Dask(folder, unused_port(), certificates.make(folder))
    names = ("first", "second", "third")
    (folder / "data").mkdir()
    files.write(folder / "data" / "volume.h5", **{name: (VALUES, {}) for name in names})
    made.start()
    yield made
    made.end()


@pytest.fixture(scope="module")
def node(dask: Dask) -> Iterator[Node]:
    folder = dask.folder
    certificate = dask.certificate
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    environment = {
        "LAMELLA_DASK": f"tls://127.0.0.1:{dask.port}",
        f"{tls}CA_FILE": str(certificate.certfile),
        f"{tls}CLIENT__CERT": str(certificate.certfile),
        f"{tls}CLIENT__KEY": str(certificate.keyfile),
    }
    data = str(folder / "data")
    with serving(folder / "node", unused_port(), "serve", data, **environment) as server:
        made = Node(server)
        soon(lambda: "jobs are sent to the Dask scheduler" in made.log)
        yield made


def agrees(found: dict[str, Any]) -> None:
    """Statistics and histogram are those of NumPy."""
    assert (found["n"], found["missing"], found["seen"]) == (VALUES.size, 0, 1)
    assert found["sum"] == int(VALUES.sum(dtype="u8"))
    assert found["mean"] == pytest.approx(VALUES.mean(dtype="f8"), rel=1e-12)
    assert found["sd"] == pytest.approx(VALUES.std(dtype="f8"), rel=1e-12)
    assert found["median"] == np.median(VALUES)
    np.testing.assert_array_equal(found["counts"], np.histogram(VALUES, found["edges"])[0])


def test_a_volume_is_counted_by_dask(node: Node) -> None:
    agrees(node.done(node.count("/first")))
    away, here = 0, 0

    def all_counted() -> bool:
        nonlocal away, here
        away, here = node.slabs()
        return away + here == SLABS

    soon(all_counted)
    assert (away, here) == (SLABS, 0)


def test_a_scheduler_that_is_killed_costs_no_slice_and_no_job(node: Node, dask: Dask) -> None:
    away, _ = node.slabs()
    dask.worker.send_signal(signal.SIGSTOP)
    id_ = node.count("/second")
    soon(lambda: node.job(id_)["state"] == "running")
    dask.scheduler.kill()
    dask.scheduler.wait()
    took: list[float] = []
    while node.job(id_)["state"] == "running":
        began = time.monotonic()
        index = len(took) % SHAPE[0]
        query = f"file=data/volume.h5&dataset=/third&selection={index},:,:"
        node.ask("GET", f"/api/v1/slice?{query}")
        took.append(time.monotonic() - began)
        time.sleep(0.02)
    agrees(node.done(id_))
    assert len(took) >= 5
    assert max(took) < 1.0
    assert "is gone: jobs are done here" in node.log
    assert node.slabs()[0] == away
    # One that is there again has the next job.
    dask.end()
    dask.start()
    soon(lambda: node.log.count("jobs are sent to the Dask scheduler") == 2)
    agrees(node.done(node.count("/third")))
    soon(lambda: node.slabs()[0] > away)


def test_no_job_waits_for_a_scheduler_that_is_not_there(
    tmp_path: Path, node: Node, dask: Dask
) -> None:
    address = f"tcp://127.0.0.1:{unused_port()}"
    data = str(dask.folder / "data")
    with serving(tmp_path, unused_port(), "serve", data, LAMELLA_DASK=address) as server:
        alone = Node(server)
        agrees(alone.done(alone.count("/first")))
        assert "cannot be used" in alone.log
