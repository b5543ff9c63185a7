"""Larger than the example: large planes, a file of 500 GB, ten thousand files, a hundred volumes at once."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from bench import large_volumes
from bench.context import SEED, Context, read_through
from bench.model import Section
from dashboard.benchmarking import processes
from dashboard.benchmarking.client import Client, SliceResponse
from dashboard.benchmarking.figures import quantile
from dashboard.benchmarking.player import TraceTarget, play
from dashboard.benchmarking.server import Server
from dashboard.benchmarking.traces import Step, Trace, Viewer
from dashboard.frames.single_cells import LARGE_BYTES
from dashboard.samples.generator import DATASET

# About as many cells along a side as the page asks for.
CELLS, ZOOMED = 682, 1024
# Of single voxels, where it does not ask for all (assets/model/viewport.mjs).
SPARSE_BYTES = 2**30
FILES = 10_000
VOLUMES, VOLUME = 100, (128, 256, 256)
# Slices a second of each viewer.
RATE = 0.5
MIB = 2**20


@dataclass(frozen=True)
class _Planes:
    """Large planes; `noise` decides how many bytes are stored."""

    shape: tuple[int, int, int]
    chunks: tuple[int, int, int]
    noise: float

    @property
    def name(self) -> str:
        """For readers."""
        return f"{self.shape[1]:,}² in {'×'.join(map(str, self.chunks))}"

    def made(self, folder: Path) -> Path:
        """The file."""
        layers = None if self.chunks[0] == 1 else 1
        return large_volumes.planes(folder, self.shape, self.chunks, self.noise, layers)


PLANES = (
    _Planes((8, 8192, 8192), (1, 512, 512), 25.0),
    _Planes((4, 16384, 16384), (1, 1024, 1024), 25.0),
    _Planes((128, 8192, 8192), (64, 64, 64), 0.3),
    _Planes((128, 16384, 16384), (64, 64, 64), 0.0),
)


def larger(context: Context) -> list[Section]:
    """All of it; a quick run has the smaller planes alone."""
    return [_planes(context), _sparse(context), _files(context), _volumes(context)]


def _planes(context: Context) -> Section:
    section = Section(
        "large-planes",
        "Large planes",
        f"uint16, gzip. Zoomed: {ZOOMED:,}² voxels at a seeded place of a plane of which nothing is cached, as raw"
        f" bytes. Overview: all of a plane in about {CELLS}² cells (mean); where that decodes more than 4 GiB,"
        " as the page asks then: single voxels of some chunks. Decoded: the chunks for one of these,"
        " as the server counts them.",
    )
    for kind in PLANES[:: 2 if context.quick else 1]:
        path = kind.made(context.folder)
        read_through(path)
        rng = random.Random(SEED)
        side = kind.shape[1]
        whole = [f"0:{side}:{max(side // CELLS, 1)}"] * 2
        how = {"pool": "mean"}
        all_bytes = side**2 * kind.chunks[0] * 2
        if all_bytes > LARGE_BYTES:
            step = kind.chunks[1] * ceil((all_bytes / SPARSE_BYTES) ** 0.5)
            whole, how = [f"0:{side}:{step}"] * 2, {"pool": "nearest"}
        zoomed, decoded, seen = [], [], []
        for number in range(context.times(4, 2)):
            plane = number if kind.chunks[0] == 1 else 8 * number
            with context.serving(f"v={path}") as server, server.client() as client:
                client.json("/api/v1/datasets", file="v")
                # What a process does once, on another plane where that is another brick.
                _shown(client, f"{kind.shape[0] - 1},0:64,0:64")
                server.wait_until_idle()
                at = [rng.randrange(side - ZOOMED) for _ in range(2)]
                part = ",".join(f"{a}:{a + ZOOMED}" for a in at)
                before = _decoded(server)
                zoomed.append(_seconds(_shown(client, f"{plane},{part}")))
                decoded.append(_decoded(server) - before)
                server.wait_until_idle()
                other = plane + 1 if kind.chunks[0] == 1 else plane
                if number < 2:
                    got = _shown(client, ",".join([str(other % kind.shape[0]), *whole]), **how)
                    seen.append(_seconds(got))
        section.add(f"{kind.name}: zoomed", zoomed, "s")
        section.add(f"{kind.name}: decoded for it", [one / MIB for one in decoded], "MiB")
        section.add(f"{kind.name}: overview", seen, "s")
    return section


def _sparse(context: Context) -> Section:
    shape = (10_000, 5_000, 5_000)
    path = large_volumes.sparse(context.folder, shape)
    section = Section(
        "large-file",
        "A file of 500 GB",
        f"uint16 {'×'.join(map(str, shape))}, contiguous, of which two planes are stored. Opened: the list of its"
        " datasets and a first slice, from a server that has not opened the file before. Memory of all processes"
        " (RssAnon and RssShmem).",
    )
    opened, middle, across, memory = [], [], [], []
    for _ in range(context.times(3, 2)):
        with context.serving(f"v={path}") as server, server.client() as client:
            with processes.PeakMemory(server.pid) as peak:
                began = time.monotonic()
                client.json("/api/v1/datasets", file="v")
                _shown(client, "0,::7,::7", pool="mean")
                opened.append(time.monotonic() - began)
                middle.append(_seconds(_shown(client, f"{shape[0] // 2},::7,::7", pool="mean")))
                across.append(_seconds(_shown(client, "::15,2500,::7", pool="nearest")))
            memory.append(peak.bytes / MIB)
    section.add("opened", opened, "s")
    section.add("a slice in the middle", middle, "s")
    section.add("a slice across the middle axis", across, "s")
    section.add("memory of all processes", memory, "MiB", judge="worst", more=False)
    return section


def _files(context: Context) -> Section:
    folder = large_volumes.many_files(context.folder, FILES)
    section = Section(
        "many-files",
        f"{FILES:,} files in a root",
        "A hundred in each folder. The first list is that of a server that has just started; the page is what a"
        " browser gets before its scripts. Memory of all processes.",
    )
    first: list[float] = []
    again: list[float] = []
    page, opened, memory = [], [], []
    for number in range(context.times(5, 2)):
        with context.serving(f"v={folder}") as server, server.client() as client:
            with processes.PeakMemory(server.pid) as peak:
                for times in (first, again):
                    began = time.monotonic()
                    listed = client.json("/api/v1/files")
                    times.append(1e3 * (time.monotonic() - began))
                if len(listed["files"]) != FILES or not listed["complete"]:
                    raise RuntimeError(f"the list has {len(listed['files']):,} files")
                began = time.monotonic()
                client.body("/")
                page.append(1e3 * (time.monotonic() - began))
                name = f"v/run_{number}/scan_{100 * number + 50}.h5"
                began = time.monotonic()
                client.json("/api/v1/datasets", file=name)
                _shown(client, "4,:,:", file=name)
                opened.append(1e3 * (time.monotonic() - began))
            memory.append(peak.bytes / MIB)
    section.add("list of files, the first", first, "ms")
    section.add("list of files, again", again, "ms")
    section.add("page", page, "ms")
    section.add("one file opened, to its first slice", opened, "ms")
    section.add("memory of all processes", memory, "MiB", judge="worst", more=False)
    return section


def _volumes(context: Context) -> Section:
    folder = large_volumes.volumes(context.folder, VOLUMES, VOLUME)
    size = VOLUMES * VOLUME[0] * VOLUME[1] * VOLUME[2] * 2
    limit = size // 10
    seconds = 40 if context.quick else 80
    section = Section(
        "many-volumes",
        f"{VOLUMES} volumes at once",
        f"uint16 {'×'.join(map(str, VOLUME))}, gzip, {size / 2**30:.2f} GiB decoded together, in a brick cache of"
        f" a tenth of that. A viewer for each volume scrolls from a seeded place on, {RATE} slices/s for"
        f" {seconds} s, the next one when the last has arrived. Its size is asked for once a second.",
    )
    rng = random.Random(SEED)
    viewers = []
    for number in range(VOLUMES):
        start = rng.randrange(VOLUME[0])
        steps = [
            Step(n / RATE + number / VOLUMES / RATE, 0, (start + n) % VOLUME[0])
            for n in range(int(seconds * RATE))
        ]
        viewers.append(Viewer(number, tuple(steps)))
    files = [f"v/scan_{number}.h5" for number in range(VOLUMES)]
    target = TraceTarget(files, DATASET, lambda _, index: f"{index},:,:")
    environment = {"LAMELLA_BRICK_CACHE_BYTES": str(limit)}
    caches: list[dict[str, int]] = []
    with (
        context.serving(f"v={folder}", environment=environment) as server,
        processes.PeakMemory(server.pid) as peak,
        server.client() as asking,
        processes.Sampler(lambda: caches.append(_cache_of(asking)), 1.0),
    ):
        seen = play(Trace("volumes", "", tuple(viewers), paced=True), target, server.client)
    times = sorted(one.total_ms for one in seen if one.status == 200)
    outcomes = Counter(one.outcome for one in seen if one.status == 200)
    section.add("slices/s", [len(times) / seconds], "slices/s")
    for outcome in ("hit", "prefetched", "coalesced", "miss"):
        section.add(outcome, [100 * outcomes[outcome] / max(len(times), 1)], "%")
    section.add("median in the server", [quantile(times, 0.5)], "ms")
    section.add("99th percentile", [quantile(times, 0.99)], "ms")
    section.add("longest", [times[-1]], "ms")
    section.add("errors", [sum(one.tries > 0 and one.status != 200 for one in seen)], "slices")
    section.add("memory of all processes", [peak.bytes / MIB], "MiB")
    most = [100 * one["bytes"] / one["limit"] for one in caches]
    section.add("of the limit, at most", [max(most)], "%")
    section.add("bricks evicted", [caches[-1]["evictions"]], "bricks")
    return section


def _cache_of(client: Client) -> dict[str, int]:
    """What the server says of its brick cache."""
    found: dict[str, int] = client.json("/api/v1/stats", window="all")["caches"]["bricks"]
    return found


def _shown(client: Client, selection: str, file: str = "v", **more: str) -> SliceResponse:
    got = client.slice(file, DATASET, selection, format="raw", **more)
    if got.status != 200:
        raise RuntimeError(f"the server answered {got.status}: {got.body[:200]!r}")
    return got


def _seconds(got: SliceResponse) -> float:
    return got.ended - got.began


def _decoded(server: Server) -> float:
    """Bytes of the bricks that were decoded since the start."""
    server.stats()  # Figures are a second old at least.
    with server.client() as client:
        found = re.search(
            rb"^lamella_bricks_decoded_bytes_total ([0-9.e+]+)",
            client.body("/metrics"),
            re.MULTILINE,
        )
    return float(found[1]) if found else 0.0
