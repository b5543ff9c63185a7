"""Each delay of a system call appears in the stage that the call belongs to, and in no other."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
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
from tests.waits import WITHIN_S

pytestmark = [pytest.mark.stress, pytest.mark.timeout(300)]

SHAPE = (24, 512, 512)
# A delay of a call, and of all of them together at least: an order of magnitude above what a cold slice takes.
DELAY_S = 0.15
ATTEMPTS = 6
NAMES = 300


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

    def brick_write_s(self) -> float:
        """How long it took to write all bricks so far (s)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/api/v1/stats?window=all")
        total_s: float = json.loads(connection.getresponse().read())["brick_write"]["total_s"]
        connection.close()
        return total_s

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
        self.wait(lambda: bricks() > before)
        self.await_writes()
        return file

    def await_writes(self) -> None:
        """Wait until no brick is written: its lock is released when it is in the cache."""
        self.wait(lambda: not list((self.cache / "locks").glob("*.lock")))

    def slow_reads(self) -> None:
        """Reads that make the server think that the files' disk is slow."""
        with self.delays.of("pread", self.data, DELAY_S / 3):
            self.cold("chunked")
        self.await_writes()

    def await_delays(self, count: int) -> None:
        """Wait until so many calls were delayed."""
        self.wait(lambda: self.delays.count >= count)

    def wait(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("stages")
    values = np.random.default_rng(1).integers(0, 4000, SHAPE).astype("u2")
    layouts = {
        "chunked": {"chunks": (8, 128, 128), "compression": "gzip", "compression_opts": 1},
        "contiguous": {},
    }
    for layout, how in layouts.items():
        path = files.write(folder / "data" / f"{layout}-0.h5", x=(values, how))
        for number in range(1, NAMES):
            path.with_name(f"{layout}-{number}.h5").hardlink_to(path)
    delays = Delays(folder / "delays")
    port = unused_port()
    environment = delays.environment | {"LAMELLA_WEB_THREADS": "1"}
    with serving(folder / "home", port, "serve", str(folder / "data"), **environment):
        names = {
            layout: iter([f"data/{layout}-{number}.h5" for number in range(NAMES)])
            for layout in layouts
        }
        found = Setup(port, delays, folder / "data", folder / "home" / "cache", names)
        # The first request of all starts an HDF5 worker.
        for layout in layouts:
            found.cold(layout)
        yield found


# Slices without and with delays.
Pair = tuple[Answer, Answer]


def assert_attributed(stage: Stage, measure: Callable[[], Pair], delay_s: float) -> None:
    """Assert that each delay is in this stage: less than one of them is in any other, or in none.

    A pause of the machine may be as long and fall into any stage, with the delays or without. It only adds to what
    a stage takes, and a wrong attribution is there in each attempt: the least times of all attempts are compared.
    """
    least: tuple[dict[str, float], ...] = {}, {}
    for attempt in range(ATTEMPTS):
        for so_far, answer in zip(least, measure(), strict=True):
            elsewhere = {name: answer.stage(name) for name in SERVER_STAGES if name != stage}
            elsewhere["rest"] = answer.stage("total") - answer.stage(stage)
            for name, ms in (elsewhere | {"total": answer.stage("total")}).items():
                so_far[name] = min(ms, so_far.get(name, math.inf))
        base, slow = least
        more = {name: slow[name] - base[name] for name in slow}
        print(attempt, more)
        total = more.pop("total")
        if max(more.values()) < delay_s * 1e3 <= total:
            return
    pytest.fail(f"Not all delays are in {stage}.")


@dataclass(frozen=True)
class Cold:
    """Cold slices, the second while `call` is delayed."""

    setup: Setup
    call: str
    below: Path
    layout: str = "chunked"
    form: str = "raw"
    delay_s: float = DELAY_S

    def __call__(self) -> Pair:
        base = self.setup.cold(self.layout, self.form)
        with self.setup.delays.of(self.call, self.below, self.delay_s):
            slow = self.setup.cold(self.layout, self.form)
            assert self.setup.delays.count > 0
        return base, slow


def paused(delayed: str) -> Callable[[], Pair]:
    """What is measured on a machine that pauses in each attempt, while a stage is delayed."""
    attempts = itertools.count()

    def answer(at: int, **more: float) -> Answer:
        times = dict.fromkeys(SERVER_STAGES, 5.0)
        times[SERVER_STAGES[at % len(SERVER_STAGES)]] += 400.0
        times |= {"total": sum(times.values()) + sum(more.values())}
        return Answer({name: ms + more.get(name, 0.0) for name, ms in times.items()}, 0.0)

    def measure() -> Pair:
        attempt = next(attempts)
        return answer(attempt + 1), answer(attempt, **{delayed: DELAY_S * 1e3})

    return measure


def test_pauses_of_the_machine_are_no_matter() -> None:
    for stage in (Stage.READ, Stage.WAIT, Stage.CACHE):
        assert_attributed(stage, paused(stage), DELAY_S)


@pytest.mark.parametrize(
    ("stage", "delayed"), [(Stage.READ, Stage.WAIT), (Stage.WAIT, Stage.READ), (Stage.READ, "none")]
)
def test_a_delay_in_another_stage_or_in_none_is_noticed(stage: Stage, delayed: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="Not all delays"):
        assert_attributed(stage, paused(delayed), DELAY_S)


@pytest.mark.parametrize("layout", ["chunked", "contiguous"])
@pytest.mark.parametrize("call", ["open", "stat", "pread"])
def test_a_slow_disk_of_the_files_is_read(setup: Setup, call: str, layout: str) -> None:
    assert_attributed(Stage.READ, Cold(setup, call, setup.data, layout), DELAY_S)


def test_the_status_of_a_file_is_read_also_where_many_reads_are_made_at_the_same_time(
    setup: Setup,
) -> None:
    def measure() -> Pair:
        setup.slow_reads()
        base = setup.cold("chunked")
        setup.slow_reads()
        with setup.delays.of("stat", setup.data, DELAY_S):
            return base, setup.cold("chunked")

    assert_attributed(Stage.READ, measure, DELAY_S)


def test_a_slow_disk_of_the_files_is_read_also_for_the_window(setup: Setup) -> None:
    assert_attributed(Stage.READ, Cold(setup, "pread", setup.data, form="u8"), DELAY_S)


def test_a_slow_lock_is_wait(setup: Setup) -> None:
    assert_attributed(Stage.WAIT, Cold(setup, "flock", setup.cache, delay_s=2 * DELAY_S), DELAY_S)


@pytest.mark.parametrize("call", ["stat", "pread"])
def test_a_slow_cache_disk_is_cache(setup: Setup, call: str) -> None:
    def measure() -> Pair:
        base = setup.slice(setup.written(), 4)
        file = setup.written()
        with setup.delays.of(call, setup.cache, DELAY_S):
            slow = setup.slice(file, 4)
            assert setup.delays.count > 0
        return base, slow

    assert_attributed(Stage.CACHE, measure, DELAY_S)


def test_no_request_waits_for_a_brick_to_be_written(setup: Setup) -> None:
    base = setup.cold("chunked")
    setup.written()
    with setup.delays.of("pwrite", setup.cache / "partial", DELAY_S):
        slow = setup.cold("chunked")
        setup.await_delays(8)
    print(base, slow)
    # The request waits for the file's usage record, which the viewer's access is written to.
    assert slow.stage("total") - base.stage("total") < 4 * DELAY_S * 1e3
    # It is the brick's own figure.
    setup.wait(lambda: setup.brick_write_s() >= 8 * DELAY_S)


def test_the_queue_for_a_thread_is_wait_and_not_the_network(setup: Setup) -> None:
    for attempt in range(ATTEMPTS):
        file = next(setup.unseen["chunked"])
        setup.slice(file)
        # All chunks may be read in one go.
        with setup.delays.of("pread", setup.data, 6 * DELAY_S):
            # Another brick of a known file is decoded in this process, and occupies its only thread.
            slow = threading.Thread(target=setup.slice, args=(file, 12))
            slow.start()
            setup.await_delays(1)
            queued = setup.slice(file)
            slow.join()
        queue, wait = queued.stage("queue"), queued.stage("wait")
        elsewhere = queued.stage("total") - wait, queued.elapsed - queued.stage("total")
        print(attempt, queue, wait, elsewhere)
        assert wait >= queue
        if queue > DELAY_S * 1e3 > max(elsewhere):
            return
    pytest.fail("The queue is not all of the delay.")
