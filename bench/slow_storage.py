"""Cold slices of storage whose reads take long: each read of either side is delayed by a preloaded library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import h5py
import numpy as np

from bench.context import Context, Volume, pick_bricks
from bench.model import Section, ratios
from dashboard.benchmarking.server import serving
from dashboard.storage.private_directory import ensure_private_directory
from tests.delays import Delays

DELAY_S: Final = 0.005
BYTES_PER_S: Final = 200_000_000


def slow(context: Context) -> Section:
    """Cold slices, with each read 5 ms late and at 200 MB/s."""
    volume = context.reference
    section = Section(
        "slow",
        "A cold slice from slow storage",
        "As a cold slice, with each read call of either side on the file delayed by 5 ms and by its bytes at"
        " 200 MB/s; calls at the same time do not delay each other. h5py reads in a process of its own. The file"
        " is in the page cache, its chunk index in memory; the server has read one slice like this before, and"
        " knows how long reads take.",
    )
    picks = [
        (axis, index)
        for axis in volume.shown.axes
        for index in pick_bricks(volume, axis, context.times(3), volume.fresh)
    ]
    delays = Delays(context.folder / "delays")
    home = ensure_private_directory(context.folder / "cache")
    mine: list[float] = []
    plain: list[float] = []
    with (
        serving([f"v={volume.path}"], home, delays.environment) as server,
        server.client() as client,
        _h5py(volume, delays) as read,
    ):
        shown = volume.shown

        def ours(axis: int, index: int) -> tuple[float, bytes]:
            got = client.slice("v", shown.dataset, shown.selection(axis, index))
            server.wait_until_idle()
            return got.ended - got.began, got.body

        ours(0, 0)
        read(0, 0)
        with delays.of("pread", volume.path, DELAY_S, BYTES_PER_S):
            ours(*picks[0])
            for axis, index in picks[1:]:
                took, body = ours(axis, index)
                mine.append(took)
                seconds, digest = read(axis, index)
                plain.append(seconds)
                if digest != int(np.frombuffer(body, np.uint8).sum(dtype=np.int64)):
                    raise RuntimeError("a slice has other values than h5py's")
    section.add("times as fast as h5py", ratios(plain, mine), floor=4, aim=6)
    section.add("Lamella", [1e3 * one for one in mine], "ms")
    section.add("h5py", [1e3 * one for one in plain], "ms")
    return section


@contextmanager
def _h5py(volume: Volume, delays: Delays) -> Iterator[Callable[[int, int], tuple[float, int]]]:
    arguments = [sys.executable, "-m", "bench.slow_storage", str(volume.path), volume.shown.dataset]
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | delays.environment,
        cwd=Path(__file__).parents[1],
    )

    def read(axis: int, index: int) -> tuple[float, int]:
        assert process.stdin is not None
        assert process.stdout is not None
        print(axis, index, file=process.stdin, flush=True)
        seconds, digest = json.loads(process.stdout.readline())
        return seconds, digest

    try:
        yield read
    finally:
        process.communicate(timeout=60.0)


def main(path: str, dataset: str) -> None:
    """Read slices whose axis and index come from the standard input; prints seconds and the sum of the bytes."""
    with h5py.File(path, "r", locking=False) as file:
        for line in sys.stdin:
            axis, index = map(int, line.split())
            began = time.perf_counter()
            values = file[dataset][(slice(None),) * axis + (index,)]
            took = time.perf_counter() - began
            digest = int(np.ascontiguousarray(values).view(np.uint8).sum(dtype=np.int64))
            print(json.dumps([took, digest]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
