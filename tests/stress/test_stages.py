"""Each delay of a system call appears in the stage that the call belongs to, and in no other."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from dashboard.addressing.outcomes import Stage
from dashboard.telemetry.stages import SERVER_STAGES
from tests import files
from tests.conftest import serving, unused_port
from tests.delays import Delays

pytestmark = [pytest.mark.stress, pytest.mark.timeout(300)]

SHAPE = (24, 512, 512)
# A delay of a call, and of all of them together at least: an order of magnitude above what a cold slice takes.
DELAY_S = 0.15
COPIES = 24


@dataclass(frozen=True)
class Answer:
    """A slice's stages by name, with `queue` and `total`; `elapsed` is the client's time. All in ms."""

    times: dict[str, float]
    elapsed: float

    def stage(self, name: str) -> float:
        return self.times.get(name, 0.0)


@dataclass
class Setup:
    """A server with the delaying library, and names of files of each layout that nobody has opened yet."""

    port: int
    delays: Delays
    data: Path
    cache: Path
    unseen: dict[str, Iterator[str]]

    def slice(self, file: str, index: int = 3, form: str = "raw") -> Answer:
        """The slice at `index` of the dataset `x`."""
        query = urlencode(
            {"file": file, "dataset": "x", "selection": f"{index},:,:", "format": form}
        )
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.connect()
        began = time.monotonic()
        connection.request("GET", f"/api/v1/slice?{query}")
        answer = connection.getresponse()
        body = answer.read()
        elapsed = (time.monotonic() - began) * 1e3
        connection.close()
        assert answer.status == 200, body
        parts = (part.strip().split(";dur=") for part in answer.headers["Server-Timing"].split(","))
        return Answer({name: float(ms) for name, ms in parts}, elapsed)

    def cold(self, layout: str, form: str = "raw") -> Answer:
        """A slice of a file that nobody has opened."""
        return self.slice(next(self.unseen[layout]), form=form)

    def written(self) -> str:
        """A file of which one brick has been decoded and written to the cache."""

        def bricks() -> int:
            return len(list((self.cache / "bricks").rglob("*.val")))

        before = bricks()
        file = next(self.unseen["chunked"])
        self.slice(file)
        deadline = time.monotonic() + 30
        # Its lock is released when it is in the cache.
        while bricks() == before or list((self.cache / "locks").glob("*.lock")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return file


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("stages")
    values = np.random.default_rng(1).integers(0, 4000, SHAPE).astype("u2")
    layouts = {
        "chunked": {"chunks": (8, 128, 128), "compression": "gzip", "compression_opts": 1},
        "contiguous": {},
    }
    for layout, how in layouts.items():
        content = files.write(folder / f"{layout}.h5", x=(values, how)).read_bytes()
        for number in range(COPIES):
            path = folder / "data" / f"{layout}-{number}.h5"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    delays = Delays(folder / "delays")
    port = unused_port()
    environment = delays.environment | {"LAMELLA_WEB_THREADS": "1"}
    with serving(folder / "home", port, "serve", str(folder / "data"), **environment):
        names = {
            layout: iter([f"data/{layout}-{number}.h5" for number in range(COPIES)])
            for layout in layouts
        }
        found = Setup(port, delays, folder / "data", folder / "home" / "cache", names)
        # The first request of all starts an HDF5 worker.
        for layout in layouts:
            found.cold(layout)
        yield found


def more(base: Answer, slow: Answer) -> dict[str, float]:
    """How much longer each stage took (ms)."""
    return {name: slow.stage(name) - base.stage(name) for name in (*SERVER_STAGES, "total")}


@pytest.mark.parametrize("layout", ["chunked", "contiguous"])
@pytest.mark.parametrize("call", ["open", "stat", "pread"])
def test_a_slow_disk_of_the_files_is_read(setup: Setup, call: str, layout: str) -> None:
    base = setup.cold(layout)
    with setup.delays.of(call, setup.data, DELAY_S):
        slow = setup.cold(layout)
        assert setup.delays.count > 0
    attributed_to(Stage.READ, more(base, slow))


def test_a_slow_disk_of_the_files_is_read_also_for_the_window(setup: Setup) -> None:
    base = setup.cold("chunked", "u8")
    with setup.delays.of("pread", setup.data, DELAY_S):
        slow = setup.cold("chunked", "u8")
    attributed_to(Stage.READ, more(base, slow))


def test_a_slow_lock_is_wait(setup: Setup) -> None:
    base = setup.cold("chunked")
    with setup.delays.of("flock", setup.cache, 5 * DELAY_S):
        slow = setup.cold("chunked")
        assert setup.delays.count > 0
    attributed_to(Stage.WAIT, more(base, slow))


@pytest.mark.parametrize("call", ["stat", "pread"])
def test_a_slow_cache_disk_is_cache(setup: Setup, call: str) -> None:
    base = setup.slice(setup.written(), 4)
    file = setup.written()
    with setup.delays.of(call, setup.cache, DELAY_S):
        slow = setup.slice(file, 4)
        assert setup.delays.count > 0
    attributed_to(Stage.CACHE, more(base, slow))


def test_nobody_waits_for_a_brick_to_be_written(setup: Setup) -> None:
    base = setup.cold("chunked")
    setup.written()
    with setup.delays.of("pwrite", setup.cache / "partial", DELAY_S):
        slow = setup.cold("chunked")
        deadline = time.monotonic() + 30
        while setup.delays.count < 8 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert setup.delays.count >= 8
    delays = more(base, slow)
    print(delays)
    # The request waits for the file's usage record, which the viewer's access is written to.
    assert delays["total"] < 1.5 * DELAY_S * 1e3
    assert delays["total"] - delays["cache"] < 0.1 * DELAY_S * 1e3 + 20.0


def test_the_queue_for_a_thread_is_wait_and_not_the_network(setup: Setup) -> None:
    file = next(setup.unseen["chunked"])
    setup.slice(file)
    with setup.delays.of("pread", setup.data, 2 * DELAY_S):
        # Another brick of a known file is decoded in this process, and occupies its only thread.
        slow = threading.Thread(target=setup.slice, args=(file, 12))
        slow.start()
        time.sleep(DELAY_S)
        queued = setup.slice(file)
        slow.join()
    queue = queued.stage("queue")
    assert queue > DELAY_S * 1e3
    assert queued.stage("wait") >= 0.9 * queued.stage("total")
    assert queued.elapsed - queued.stage("total") < 20.0
    assert queued.stage("wait") >= queue


def attributed_to(stage: Stage, delays: dict[str, float]) -> None:
    """Assert that at least 90 % of the delay is in this stage, and at most 10 % in any other."""
    print(delays)
    total = delays.pop("total")
    assert total >= DELAY_S * 1e3
    assert delays.pop(stage) >= 0.9 * total
    assert max(delays.values()) <= 0.1 * total
