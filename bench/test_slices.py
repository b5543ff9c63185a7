"""First and next slices over HTTP against plain h5py, in one run on one file: ratios, not records.

The file has the chunks of the reference volume, on a shorter first axis. Both sides are asked in turn, so
that what else the machine does falls on both.
"""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from dashboard.volumes.sample import DATASET, REFERENCE, write_sample

SHAPE = (204, 1360, 1360)
PORT = "8791"


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "bench.h5"
    write_sample(path, SHAPE, REFERENCE.dtype, REFERENCE.chunks)
    return path


@pytest.fixture(scope="module")
def url(volume: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dashboard", "web", "--port", PORT),
            *("--cache-dir", str(volume.parent / "cache"), str(volume)),
        ],
        env=os.environ | {"LAMELLA_WEB_PROCESSES": "1"},
    )
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        process.terminate()
        process.wait(60)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            fetch(f"{url}/healthz")
        except OSError:
            select.select([], [], [], 0.1)
        else:
            return
    pytest.fail("the server does not answer")


def timed(work: Callable[[], bytes]) -> tuple[float, bytes]:
    began = time.perf_counter()
    body = work()
    return (time.perf_counter() - began) * 1000, body


def with_h5py(path: Path, index: int) -> bytes:
    with h5py.File(path) as file:
        values: np.ndarray = file[DATASET][index]
        return values.tobytes()


@pytest.mark.timeout(900)
def test_slices(volume: Path, url: str) -> None:
    wait_for(url)
    thick = REFERENCE.chunks[0]
    assert isinstance(thick, int)
    rows: dict[str, tuple[list[float], list[float]]] = {"first slice": ([], []), "next": ([], [])}
    for first in range(0, SHAPE[0], thick):
        for kind, index in (("first slice", first + 9), ("next", first + 10), ("next", first + 40)):
            place = (
                f"{url}/api/v1/slice?file={volume.name}&dataset=/{DATASET}&selection={index},:,:"
            )
            theirs, expected = timed(lambda index=index: with_h5py(volume, index))
            ours, body = timed(lambda place=place: fetch(place))
            assert body == expected
            rows[kind][0].append(theirs)
            rows[kind][1].append(ours)
    table = Table("", "h5py, ms", "over HTTP, ms", "ratio")
    for kind, (theirs_ms, ours_ms) in rows.items():
        h5py_ms, http_ms = statistics.median(theirs_ms), statistics.median(ours_ms)
        table.add_row(kind, *map(spread, (theirs_ms, ours_ms)), f"{h5py_ms / http_ms:.1f}")
    Console(file=sys.__stdout__, width=100).print(table)


def spread(times: list[float]) -> str:
    """Median and range (ms)."""
    return f"{statistics.median(times):.0f} ({min(times):.0f}–{max(times):.0f})"
