"""Several processes × threads on one cache, killed at any moment: bricks right, decoded once, nothing stuck."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.errors import LamellaError
from dashboard.storage.bytes_cache import open_cache
from dashboard.storage.rows import DiskRows
from dashboard.telemetry.statistics import Stats
from tests import files
from tests.parts import Parts, make_children, parts

pytestmark = pytest.mark.stress

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (24, 60, 60)
VALUES = files.made_up("<u2", SHAPE)
BRICK_BYTES = 4 * 60 * 60 * 2

# Takes bricks in an order of its own and checks every plane; the last line has the outcome of each.
READER = f"""
import json, sys, threading
import numpy as np
from collections import Counter
from pathlib import Path
from dashboard.bricks import in_flight, loader
from dashboard.addressing.outcomes import Purpose
from tests import files
from tests.parts import make_children, parts

data, home, how = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
in_flight.MIN_PROGRESSIVE_BYTES = 1
values = files.made_up("<u2", {SHAPE})
children = make_children([data], home / "empty")
outcomes, wrong, lock = Counter(), [], threading.Lock()

def read(here, number):
    rng = np.random.default_rng(1000 * how["seed"] + number)
    for _ in range(how["rounds"]):
        plane, name = int(rng.choice(how["planes"])), str(rng.choice(how["names"]))
        purpose = Purpose.DEMAND if rng.random() < how["demand"] else Purpose.PREFETCH_MOVING
        counted = purpose is Purpose.DEMAND
        axis = int(rng.choice(how["axes"]))
        text = [":"] * 3
        text[axis] = str(plane)
        (address,) = here.bricks("data/a.h5", name, ",".join(text))
        at = plane - address.start[axis]
        try:
            found = here.load(address, purpose, plane=at, counted=counted)
            outcome = found.outcome
            if found.brick.plane(at).tobytes() != values.take(plane, axis).tobytes():
                wrong.append(plane)
        except loader.CacheFull:
            outcome = "no room"
        with lock:
            outcomes[outcome] += 1
        print("read", flush=True)

with parts({{"data": data}}, home, children, limit=how["limit"], arena_bytes=2**20) as here:
    print("ready", flush=True)
    sys.stdin.readline()
    workers = [threading.Thread(target=read, args=(here, n)) for n in range(how["threads"])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
children.close()
assert not wrong, wrong
print(json.dumps(outcomes), flush=True)
"""

# Begins to decode a brick and never ends.
HOLDER = """
import sys, threading
from pathlib import Path
from tests.parts import make_children, parts

data, home, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
children = make_children([data], home / "empty")
with parts({"data": data}, home, children) as here:
    (address,) = here.bricks("data/a.h5", name, "5,:,:")

    def stop(*_, **__):
        print("decoding", flush=True)
        threading.Event().wait()

    here.decoder.decode = stop
    here.library.hdf5.call = stop
    here.load(address)
"""


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes that run a program; they have said their first line, and end with the test."""
    with ExitStack() as stack:

        def begin(program: str, *arguments: Any) -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, *map(str, arguments)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() in ("ready\n", "decoding\n")
            return process

        yield begin


def options(seed: int, **how: Any) -> str:
    """What a reader is to do."""
    default = {
        "planes": list(range(SHAPE[0])),
        "axes": [0],
        "names": ["fast", "slow"],
        "demand": 0.7,
        "threads": 4,
        "rounds": 40,
        "limit": 2**30,
    }
    return json.dumps(default | {"seed": seed} | how)


def let_go(*processes: subprocess.Popen[str]) -> None:
    """Tell readers to begin, all at once."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def finished(process: subprocess.Popen[str]) -> Counter[str]:
    """How a reader came by its bricks; it has ended well."""
    out, _ = process.communicate()
    assert process.returncode == 0
    found: Counter[str] = Counter(json.loads(out.splitlines()[-1]))
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    how = {"chunks": (4, 20, 20)}
    files.write(
        folder / "a.h5",
        fast=(VALUES, {**how, "compression": "gzip", "shuffle": True}),
        slow=(VALUES, {**how, **files.CHUNKED["blosc2"]}),
    )
    return folder


def check_clean(home: Path) -> None:
    """That a sweep leaves a cache in good order, and nothing of what was begun."""
    for path in (home / "partial").iterdir():
        os.utime(path, (1, 1))
    cache = open_cache(home / "bricks")
    cache.remove_orphans(older_than_s=-1)
    assert cache.check() == []
    cache.close()


def check_values(here: Parts) -> None:
    """That every plane of both datasets is right, whatever is cached."""
    for name in ("fast", "slow"):
        for plane in range(SHAPE[0]):
            answer = here.frame("data/a.h5", name, f"{plane},:,:")
            assert answer.frame.body == VALUES[plane].tobytes()


@pytest.mark.parametrize(
    ("capacity", "axes", "bricks"), [(100, [0], 12), (5, [0], 12), (100, [0, 1, 2], 20)]
)
def test_processes_and_threads_on_one_cache(
    start: Start, data: Path, tmp_path: Path, capacity: int, axes: list[int], bricks: int
) -> None:
    home = tmp_path / "home"
    limit = capacity * (BRICK_BYTES + 100)
    processes = [
        start(READER, data, home, options(seed, limit=limit, axes=axes)) for seed in range(3)
    ]
    let_go(*processes)
    outcomes = sum((finished(process) for process in processes), Counter[str]())
    assert outcomes.total() == 3 * 4 * 40
    cache, ledger = open_cache(home / "bricks"), open_cache(home / "ledger")
    used, entries = cache.totals()
    assert used <= limit
    assert list((home / "partial").iterdir()) == []
    assert list((home / "locks").iterdir()) == []
    assert cache.check() == []
    if capacity == 100:
        # Everything fits: each of the bricks was decoded by one of them.
        assert entries == outcomes["miss"] == bricks
        assert Stats(DiskRows(ledger)).totals().counts["bricks.decoded"] == bricks
        assert outcomes["no room"] == 0
    cache.close()
    ledger.close()


def test_fifty_cold_requests_in_five_processes_are_one_decode(
    start: Start, data: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    how = {"planes": [5], "names": ["fast"], "demand": 1, "threads": 10, "rounds": 1}
    processes = [start(READER, data, home, options(seed, **how)) for seed in range(5)]
    let_go(*processes)
    outcomes = sum((finished(process) for process in processes), Counter[str]())
    assert outcomes["miss"] == 1
    assert outcomes.total() == outcomes["miss"] + outcomes["coalesced"] + outcomes["hit"] == 50
    ledger = open_cache(home / "ledger")
    counts = Stats(DiskRows(ledger)).totals().counts
    assert counts["bricks.decoded"] == 1
    assert counts["bricks.first_wanted"] == 1
    ledger.close()


@pytest.mark.parametrize("name", ["fast", "slow"])
def test_who_waits_for_a_killed_process_decodes_itself(
    start: Start, data: Path, tmp_path: Path, name: str
) -> None:
    home = tmp_path / "home"
    holder = start(HOLDER, data, home, name)
    how = {"planes": [5], "names": [name], "demand": 1, "threads": 3, "rounds": 1}
    waiter = start(READER, data, home, options(1, **how))
    let_go(waiter)
    (lock,) = (home / "locks").iterdir()
    while lock.stat().st_size == 0:
        assert waiter.poll() is None, "it did not wait"
    holder.send_signal(signal.SIGKILL)
    outcomes = finished(waiter)
    assert outcomes["miss"] == 1
    assert outcomes.total() == 3
    assert list((home / "locks").iterdir()) == []
    check_clean(home)


@pytest.mark.parametrize(
    "rounds", [(0, 2, 5), pytest.param(tuple(range(6)), marks=pytest.mark.nightly)]
)
def test_killed_at_any_moment(
    start: Start, data: Path, tmp_path: Path, rounds: tuple[int, ...]
) -> None:
    home = tmp_path / "home"
    limit = 7 * (BRICK_BYTES + 100)
    for round_ in rounds:
        how = options(round_, threads=3, rounds=10_000, limit=limit)
        process = start(READER, data, home, how)
        let_go(process)
        assert process.stdout is not None
        for _ in range(3 + 17 * round_):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    children = make_children([data], tmp_path / "empty")
    with parts({"data": data}, home, children, limit=limit) as here:
        check_values(here)
        assert here.disk.totals()[0] <= limit
    children.close()
    check_clean(home)


# Replaces, rewrites, truncates or deletes a file for each line that it gets; all values are one number.
WRITER = """
import os, sys
import numpy as np
from pathlib import Path
from tests import files

path = Path(sys.argv[1])
new = path.with_suffix(".new")
how = {"chunks": (2, 16, 16), "compression": "gzip"}
print("ready", flush=True)
for n, _ in enumerate(sys.stdin):
    values = np.full((6, 40, 40), n + 1, "i2")
    if n % 7 == 2:
        os.truncate(path, path.stat().st_size // 2)
    elif n % 7 == 3:
        path.unlink()
    elif n % 7 == 4:
        files.write(path, x=(values, how), y=values)
    else:
        files.write(new, x=(values, how), y=values)
        os.replace(new, path)
    print("done", flush=True)
"""


def view(here: Parts, n: int) -> Any:
    """The values of a slice, or the error."""
    name, text = ("x", "y")[n % 2], ("3,:,:", ":,7,:", ":,:,9")[n % 3]
    try:
        return np.frombuffer(here.frame("data/b.h5", name, text).frame.body, "i2")
    except LamellaError as error:
        return error


def test_a_file_that_is_replaced_all_the_time(start: Start, data: Path, tmp_path: Path) -> None:
    process = start(WRITER, data / "b.h5")
    assert process.stdout is not None
    children = make_children([data], tmp_path / "empty")
    with parts({"data": data}, tmp_path / "home", children) as here:
        for n in range(150):
            let_go(process)
            meanwhile = view(here, n)
            if isinstance(meanwhile, LamellaError):
                assert meanwhile.status in (404, 409, 422), meanwhile
                assert str(tmp_path) not in meanwhile.message
            else:
                # One state's values; what is not written yet of a file in the making reads as zero.
                assert len(set(meanwhile) - {0}) <= 1, "torn"
            assert process.stdout.readline() == "done\n"
            after = view(here, n // 2)
            if n % 7 in (2, 3):
                assert after.status == {2: 422, 3: 404}[n % 7]
            else:
                assert set(after) == {n + 1}, "a state that is gone"
    children.close()
    check_clean(tmp_path / "home")
