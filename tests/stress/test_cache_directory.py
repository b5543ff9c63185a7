"""The cache directory of a real server, while viewers scroll: bounded, damaged, deleted."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.runtime.cache_limits import BESIDE_BYTES
from dashboard.storage.eviction import ENTRY_BYTES
from tests import files
from tests.nightly import mostly

pytestmark = pytest.mark.stress

MIB = 2**20
SHAPE = (64, 384, 384)
VALUES = np.random.default_rng(0).integers(0, 4096, SHAPE, "u2")
BRICKS, FRAMES = 16 * MIB, 4 * MIB


@pytest.fixture
def big_volume(tmp_path: Path) -> Path:
    """Bricks of 2 MiB across the first axis, and of 6 across the others."""
    return files.write(
        tmp_path / "v.h5", scan=(VALUES, {"chunks": (8, 128, 128), "compression": "gzip"})
    )


def seen(url: str, axis: int, index: int) -> bool:
    """Whether the server answers with the slice's own values."""
    text = ",".join(str(index) if dim == axis else ":" for dim in range(3))
    address = f"{url}/api/v1/slice?file=v.h5&dataset=/scan&selection={text}"
    with urllib.request.urlopen(address, timeout=60) as answer:
        body = answer.read()
    plane = VALUES.take(index, axis)
    return bool(body == plane.astype("<u2").tobytes())


@contextmanager
def viewers(url: str, count: int) -> Iterator[tuple[list[object], list[int]]]:
    """Viewers that scroll and leap across all axes: (what went wrong, the number of each one's answers)."""
    stop, wrong, answers = threading.Event(), list[object](), [0] * count

    def scroll(number: int) -> None:
        moves = random.Random(number)
        axis = number % 3
        index = moves.randrange(SHAPE[axis])
        while not stop.is_set():
            index = (index + moves.choice((1, 1, 1, 9, 130))) % SHAPE[axis]
            try:
                if not seen(url, axis, index):
                    wrong.append((axis, index))
                answers[number] += 1
            except OSError as error:
                wrong.append(error)

    threads = [threading.Thread(target=scroll, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield wrong, answers
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert all(answers), "a viewer saw nothing"


def more(answers: list[int], count: int) -> None:
    """Wait until viewers had `count` more responses."""
    goal, deadline = sum(answers) + count, time.monotonic() + 60.0
    while sum(answers) < goal:
        assert time.monotonic() < deadline, "viewers get no answers"
        time.sleep(0.01)


def usage(home: Path) -> dict[str, int]:
    """Bytes on the disk below each entry of the cache directory, databases apart, as `du` counts them."""
    found = {"databases": 0, "files": 0}
    for folder, _, names in os.walk(home):
        parts = Path(folder).relative_to(home).parts
        top = parts[0] if parts else "."
        for name in (".", *names):
            try:
                taken = os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                continue
            found["files"] += name != "."
            top_name = "databases" if name.startswith("cache.db") else top
            found[top_name] = found.get(top_name, 0) + taken
    return found


@pytest.mark.parametrize("responses", mostly([150, 1000], [1000]))
def test_the_cache_directory_keeps_within_its_limits_at_every_moment(
    serve: Callable[..., Any], big_volume: Path, responses: int
) -> None:
    limits = {"LAMELLA_BRICK_CACHE_BYTES": str(BRICKS), "LAMELLA_FRAME_CACHE_BYTES": str(FRAMES)}
    server = serve(str(big_volume), **limits)
    home = server.log.parent / "cache"
    most = 0
    with viewers(server.url, 4) as (wrong, answers):
        while sum(answers) < responses or most <= BRICKS // 2:
            now = usage(home)
            beside = now.pop("files") * ENTRY_BYTES
            bricks = now.get("bricks", 0) + now.get("partial", 0)
            # A brick that is committed during a probe is seen twice, more often in a directory in memory.
            for _ in range(5):
                if bricks <= BRICKS + beside:
                    break
                again = usage(home)
                bricks = again.get("bricks", 0) + again.get("partial", 0)
            assert bricks <= BRICKS + beside, now
            assert now.get("frames", 0) <= FRAMES + beside, now
            assert sum(now.values()) <= BRICKS + FRAMES + BESIDE_BYTES, now
            most = max(most, bricks)
    assert wrong == []


def test_a_server_goes_on_whatever_becomes_of_its_cache_directory(
    serve: Callable[..., Any], big_volume: Path
) -> None:
    limits = {"LAMELLA_BRICK_CACHE_BYTES": str(BRICKS), "LAMELLA_FRAME_CACHE_BYTES": str(FRAMES)}
    server = serve(str(big_volume), **limits)
    home = server.log.parent / "cache"
    chance = random.Random(1)
    with viewers(server.url, 3) as (wrong, answers):
        for number in range(12):
            more(answers, 15)
            name = ("facts", "board", "frames", "ledger", "bricks")[number % 5]
            path = home / name / "cache.db"
            if number % 4 == 3:
                home.rename(home.with_name(f"gone{number}"))
                shutil.rmtree(home.with_name(f"gone{number}"), ignore_errors=True)
            elif path.exists():
                other = path.with_name("other")
                other.write_bytes(chance.randbytes(chance.choice((0, 100, 50_000))))
                other.replace(path)
    assert wrong == []
    deadline = time.monotonic() + 30.0
    while not list((home / "bricks").rglob("*.val")):
        assert time.monotonic() < deadline, "no brick is kept any more"
        assert seen(server.url, 0, chance.randrange(SHAPE[0]))
    assert server.stop() == 0
    log = server.log.read_text()
    assert "was made anew" in log
    assert "Traceback" not in log
