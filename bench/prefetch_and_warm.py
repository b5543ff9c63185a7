"""Decoding in advance: `lamella warm`, and prefetching while a viewer scrolls."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from math import prod
from pathlib import Path

from bench.context import Context, Volume
from bench.model import Section, ratios
from dashboard.benchmarking.figures import figures
from dashboard.benchmarking.player import TraceTarget, play
from dashboard.benchmarking.processes import PeakMemory
from dashboard.benchmarking.server import Server
from dashboard.benchmarking.traces import Step, Trace, Viewer

WARM_BRICKS = 8
SCROLL_RATE = 10
SCROLL_BRICKS = 10


def warm(context: Context) -> Section:
    """`lamella warm` compared with h5py reading the same slabs."""
    volume = context.reference
    section = Section(
        "warm",
        "`lamella warm`",
        "`lamella warm` into an empty cache, alternating with a script that reads the same slabs with h5py into"
        " one reused buffer (`bench/slabs.py`). Both report their own time, without starting Python and opening"
        " the file; the ratio of the whole commands is given as well. h5py writes nothing.",
    )
    thick, length = volume.shown.thickness(0), volume.shown.shape[0]
    bricks = WARM_BRICKS if not context.quick else WARM_BRICKS // 2
    width = min(bricks * thick, length)
    starts = [min(n * width, (length - width) // thick * thick) for n in range(context.times(3))]
    found = [
        _warm_pair(context, start, start + width, mine_first=n % 2 == 0)
        for n, start in enumerate(starts)
    ]
    what = f"{bricks} bricks: times as fast as h5py"
    section.add(what, [pair.itself for pair in found], floor=3, aim=4)
    section.add("the same, whole commands", [pair.whole for pair in found])
    if context.whole:
        pair = _warm_pair(context, 0, length, mine_first=True)
        section.add("the whole volume: times as fast as h5py", [pair.itself], floor=2, aim=3)
        section.add("the same, whole commands", [pair.whole])
    else:
        section.remarks.append(
            "The whole volume (floor 2 ×, aim 3 ×) is read with `--whole` only: it takes its decoded size on the"
            " disk."
        )
    return section


class _WarmPair:
    """h5py's time divided by Lamella's: by their own account, and for the whole commands."""

    def __init__(self, mine: tuple[float, float], plain: tuple[float, float]) -> None:
        (self.itself,) = ratios([plain[0]], [mine[0]])
        (self.whole,) = ratios([plain[1]], [mine[1]])


def _warm_pair(context: Context, start: int, stop: int, *, mine_first: bool) -> _WarmPair:
    if mine_first:
        mine = _warm(context, start, stop)
        return _WarmPair(mine, _slabs(context, start, stop))
    plain = _slabs(context, start, stop)
    return _WarmPair(_warm(context, start, stop), plain)


def _warm(context: Context, start: int, stop: int) -> tuple[float, float]:
    """(seconds by its own account, seconds of the whole command)."""
    shown = context.reference.shown
    with tempfile.TemporaryDirectory(prefix="warm-", dir=context.folder) as folder:
        cache = Path(folder) / "cache"
        took, printed = _run(
            *("dashboard", "warm", str(context.reference.path)),
            *("--start", str(start), "--stop", str(stop), "--cache-dir", str(cache)),
            # A limit for the whole volume: the default is a share of the free space.
            LAMELLA_BRICK_CACHE_BYTES=str(2 * prod(shown.shape) * shown.itemsize),
        )
        found = re.search(r"(\d+) decoded now, in ([0-9.]+) s", printed)
        assert found is not None, printed
        return float(found[2]), took


def _slabs(context: Context, start: int, stop: int) -> tuple[float, float]:
    volume = context.reference
    step = volume.shown.thickness(0)
    took, printed = _run(
        *("bench.slabs", str(volume.path), volume.shown.dataset),
        *map(str, (start, stop, step)),
    )
    return float(printed), took


def _run(*arguments: str, **settings: str) -> tuple[float, str]:
    """Run a Python module with these settings: (duration in s, its output)."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | settings,
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} failed: {done.stderr[-500:]}")
    return took, done.stdout


def scroll(context: Context) -> Section:
    """A viewer that scrolls steadily from an empty cache."""
    volume = context.reference
    shown = volume.shown
    bricks = SCROLL_BRICKS if not context.quick else 3
    section = Section(
        "scroll",
        "Scrolling",
        f"{SCROLL_RATE} slices/s across axis 0 over {bricks} bricks from an empty cache, `u8` at full size, over"
        " up to six connections as in a browser. A slice's lateness is the time from its due time to its last"
        " byte; none is skipped. Accuracy is the share of the bytes decoded ahead in movement that was accessed"
        " before the end. Memory is the most that all"
        " processes of the server had (RssAnon and RssShmem), sampled five times a second.",
    )
    thick, length = shown.thickness(0), shown.shape[0]
    count = min(bricks * thick, length)
    seen = []
    for number in range(context.times(2)):
        start = (length - count) // thick * number // 2 * thick
        steps = tuple(Step(n / SCROLL_RATE, 0, start + n) for n in range(count))
        trace = Trace("scroll", "", (Viewer(0, steps),))
        with context.serving(f"v={volume.path}") as server:
            address = TraceTarget(("v",), shown.dataset, shown.selection)
            with PeakMemory(server.pid) as memory:
                played = figures(trace, shown, play(trace, address, server.client))
            beyond = _decoded_beyond(server, volume, start + count - 1)
            moving = server.stats()["prefetch"]["moving"]
        moving["decoded_bytes"] -= beyond
        seen.append((played, moving, memory.bytes))
    section.add(
        "not a miss, beyond the first brick",
        [
            not_missed * 100
            for played, _, _ in seen
            if (not_missed := played["beyond_first_brick"]["not_missed"]) is not None
        ],
        "%",
        floor=90,
        aim=98,
    )
    section.add(
        "accuracy of what was decoded in movement",
        [moving["accuracy"] * 100 for _, moving, _ in seen if moving["accuracy"] is not None],
        "%",
        floor=80,
    )
    section.add(
        "the same, without what was decoded for after the end",
        [
            moving["used_bytes"] / moving["decoded_bytes"] * 100
            for _, moving, _ in seen
            if moving["decoded_bytes"] > 0
        ],
        "%",
    )
    section.add(
        "latest slice after the first",
        [
            latest
            for played, _, _ in seen
            if (latest := played["latest_after_first_ms"]) is not None
        ],
        "ms",
        floor=400,
        more=False,
        judge="worst",
    )
    section.add(
        "memory of all processes",
        [size / 2**20 for _, _, size in seen if size],
        "MiB",
        floor=1024,
        aim=600,
        more=False,
        judge="worst",
    )
    late = [played["client_ms"] for played, _, _ in seen if played["client_ms"] is not None]
    section.add("late by (median)", [found["p50"] for found in late], "ms")
    section.add("late by (95th percentile)", [found["p95"] for found in late], "ms")
    section.add(
        "not answered", [played["slices"] - played["answered"] for played, _, _ in seen], "slices"
    )
    return section


def _decoded_beyond(server: Server, volume: Volume, last: int) -> int:
    """Bytes of bricks that were decoded ahead for slices after the last one."""
    shown = volume.shown
    with server.client() as client:
        residency = client.json(
            "/api/v1/residency",
            file="v",
            dataset=shown.dataset,
            selection=shown.selection(0, last),
            axis="0",
        )
    slices = sum(stop - max(start, last) for start, stop in residency["ahead"] if stop > last)
    rows, cols = shown.plane(0)
    return int(slices * shown.shape[rows] * shown.shape[cols] * shown.itemsize)
