"""Single slices and slices in a row."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import h5py

from bench.context import Context, Volume, average, pick_bricks
from bench.model import Section, ratios
from bench.peers import Ours, Plain, Side, interleaved, peers
from dashboard.benchmarking import processes
from dashboard.benchmarking.baseline import read_with_h5py
from dashboard.benchmarking.client import Client, SliceResponse
from dashboard.benchmarking.figures import quantile

ROW = 136
# The rate of a held key: plan and frame of each response are stored before the next request.
HIT_EVERY_S = 0.04
HITS = 60
# Rows of cells that the page asks for at rest, about.
CELLS = 1024
GOOD_WITHIN_S = 30.0


def cold(context: Context) -> Section:
    """A slice that is not cached, of a brick that is not cached."""
    volume = context.reference
    section = Section(
        "cold",
        "A cold slice",
        "One slice at a seeded depth of a brick that was never decoded, on each axis. All sides read the same"
        " slice in immediate succession, in rotating order, and have to return the same values."
        " Over HTTP: from before the request to the last byte, as `npy`, over one kept connection, without a"
        " viewer's id, so that nothing is prefetched; the next side starts when the brick is written and"
        " the server is idle. The server and all others but h5grove have the file open and its chunk index in"
        " memory; VirtualiZarr's is read by Zarr. h5grove responds over a kept connection too, with the same"
        " numbers of processes and threads.",
    )
    rng = volume.fresh
    axes = volume.shown.axes
    picks = [
        (axis, index)
        for axis in axes
        for index in pick_bricks(volume, axis, context.times(6, 2), rng)
    ]
    rng.shuffle(picks)
    times = _against_peers(context, volume, picks, section)
    mine = times["lamella"]
    section.add("times as fast as h5py", ratios(times["h5py"], mine), floor=4, aim=6)
    for axis in axes:
        here = [n for n, (at, _) in enumerate(picks) if at == axis]
        section.add(
            f"times as fast as h5py, axis {axis}",
            [times["h5py"][n] / mine[n] for n in here],
        )
    if "hidefix" in times:
        section.add("times as fast as hidefix", ratios(times["hidefix"], mine), floor=1)
    for name, what in (("pyfive", ""), ("VirtualiZarr", " and Zarr"), ("h5grove", " over HTTP")):
        if name in times:
            section.add(f"times as fast as {name}{what}", ratios(times[name], mine))
    _add_times(section, times)
    return section


def compared(
    context: Context,
    volume: Volume,
    section: Section,
    axes: tuple[int, ...],
    targets: Mapping[str, tuple[float, float]],
) -> None:
    """Cold slices across `axes` and slices in a row of a smaller volume, into `section`.

    `targets` are floor and aim of how many times as fast as another side the cold slices are.
    """
    rng = volume.fresh
    picks = [
        (axis, index)
        for axis in axes
        for index in pick_bricks(volume, axis, context.times(8 // len(axes), 2), rng)
    ]
    times = _against_peers(context, volume, picks, section)
    for name in times:
        if name != "lamella":
            floor, aim = targets.get(name, (None, None))
            section.add(
                f"cold slice: times as fast as {name}",
                ratios(times[name], times["lamella"]),
                floor=floor,
                aim=aim,
            )
    _add_times(section, times)
    rows = [_row(context, volume, 64) for _ in range(context.times(2))]
    section.add("64 in a row: times as fast as h5py", [row.against_default for row in rows])
    section.add(
        "64 in a row: times as fast as h5py with a good chunk cache",
        [row.against_good for row in rows],
    )


def as_shown(context: Context, volume: Volume, section: Section) -> None:
    """Cold frames as cells of the page, against reading them, into `section`."""
    rows, cols = volume.shown.shape[1:]
    step = max(rows // CELLS, 1)
    picks = pick_bricks(volume, 0, context.times(12, 3), volume.fresh)
    mine: list[float] = []
    plainly: list[float] = []
    with (
        h5py.File(volume.path, "r", locking=False) as file,
        context.serving(f"v={volume.path}") as server,
        server.client() as client,
    ):
        plain = Plain(volume, file)

        def read(index: int) -> None:
            plainly.append(plain.read(0, index)[0])

        def show(index: int) -> None:
            shown = f"{index},0:{rows}:{step},0:{cols}:{step}"
            got = client.slice("v", volume.shown.dataset, shown, format="u8")
            if got.status != 200:
                raise RuntimeError(f"the server answered {got.status}: {got.body[:200]!r}")
            mine.append(got.ended - got.began)
            processes.wait_until_idle(server.pid, within_s=60.0)

        show(0)
        mine.clear()
        for number, index in enumerate(picks):
            for side in (show, read) if number % 2 else (read, show):
                side(index)
    section.add(
        f"cold frame as u8, a cell for {step}×{step} pixels: times as fast as h5py reads it",
        ratios(plainly, mine),
    )
    section.add("such a frame", [1e3 * one for one in mine], "ms")


def in_a_row(context: Context) -> Section:
    """136 consecutive slices, with an empty cache at the start."""
    section = Section(
        "row",
        f"{ROW} slices in a row",
        f"{ROW} slices across axis 0 from a brick's first on, over one connection, each requested when the"
        " previous one has arrived, `u8` at full size, from a server with an empty cache that has listed the"
        " file's datasets. h5py's time for a slice is the mean of three slices of other bricks, read before and"
        " after. With a good chunk cache (one that holds all chunks of a slice), h5py reads the same"
        f" {ROW} slices in a row; values only, not yet scaled to 8 bits.",
    )
    rows = [_row(context, context.reference, ROW, seed) for seed in range(context.times(3))]
    section.add(
        "times as fast as h5py, for each slice",
        [row.against_default for row in rows],
        floor=40,
        aim=100,
    )
    section.add("times as fast as h5py with a good chunk cache", [row.against_good for row in rows])
    section.add("for each slice", [row.mine_s * 1e3 for row in rows], "ms")
    section.add("of them missed", [row.missed for row in rows], "slices")
    return section


def hits(context: Context) -> Section:
    """Slices that are in the caches."""
    volume = context.reference
    section = Section(
        "hits",
        "Slices that are cached",
        f"`total` of Server-Timing, `u8` at full size, requested by a viewer every {HIT_EVERY_S * 1e3:.0f} ms"
        " over one connection while nothing is being decoded. Brick hit: another slice of a cached brick,"
        " requested for the first time. Frame hit: the same slices again.",
    )
    thick = volume.shown.thickness(0)
    start = volume.shown.shape[0] // 2 // thick * thick
    indices = range(start, min(start + HITS, start + thick, volume.shown.shape[0]))
    with context.serving(f"v={volume.path}") as server, server.client() as client:
        _slice(client, volume, indices[-1], viewer="hits")
        processes.wait_until_idle(server.pid, within_s=60.0)
        found: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(2):
            for index in indices[:-1]:
                got = _slice(client, volume, index, viewer="hits")
                if got.outcome in ("hit", "prefetched"):
                    found[got.frame_cache_hit].append(got.total_ms)
                time.sleep(HIT_EVERY_S)
            processes.wait_until_idle(server.pid, within_s=60.0)
    for from_frames, what, floor, aim in (
        (True, "frame hit", 1.5, 0.7),
        (False, "brick hit", 3.0, 1.5),
    ):
        values = sorted(found[from_frames])
        section.add(what, values, "ms", floor=floor, aim=aim, more=False)
        if values:
            section.add(f"{what}, 95th percentile", [quantile(values, 0.95)], "ms")
    return section


class _Row:
    """Time (s) per slice of a row: Lamella's, and h5py's relative to it."""

    def __init__(self, mine_s: float, default_s: float, good_s: float, missed: int) -> None:
        self.mine_s = mine_s
        self.against_default = default_s / mine_s
        self.against_good = good_s / mine_s
        self.missed = missed


def _row(context: Context, volume: Volume, count: int, seed: int = 0) -> _Row:
    shown = volume.shown
    thick, length = shown.thickness(0), shown.shape[0]
    rng = volume.fresh
    rng.seed(seed)
    count = min(count, length)
    start = rng.randrange(0, length - count + 1) // thick * thick
    row_indices = range(start, start + count)
    others = [n for n in pick_bricks(volume, 0, 12, rng) if n not in row_indices] or [start]
    with (
        h5py.File(volume.path, "r", locking=False) as file,
        context.serving(f"v={volume.path}") as server,
        server.client() as client,
    ):
        plain = Plain(volume, file)
        plainly = [plain.read(0, others[0])[0]]
        client.json("/api/v1/datasets", file="v")
        began = time.monotonic()
        got = [_slice(client, volume, index, viewer="row") for index in row_indices]
        mine = (time.monotonic() - began) / count
        processes.wait_until_idle(server.pid, within_s=60.0)
        plainly += [plain.read(0, index)[0] for index in (others * 2)[1:3]]
    # In a separate process: the library shares files that are already open, with their small chunk cache.
    row = [(0, index) for index in row_indices]
    good = average(read_with_h5py(volume.path, shown, row, "chosen", GOOD_WITHIN_S)) / 1e3
    return _Row(mine, average(plainly), good, sum(one.outcome == "miss" for one in got))


def _slice(client: Client, volume: Volume, index: int, viewer: str) -> SliceResponse:
    shown = volume.shown
    got = client.slice("v", shown.dataset, shown.selection(0, index), format="u8", viewer=viewer)
    if got.status != 200:
        raise RuntimeError(f"the server answered {got.status}: {got.body[:200]!r}")
    return got


def _against_peers(
    context: Context, volume: Volume, picks: Sequence[tuple[int, int]], section: Section
) -> dict[str, list[float]]:
    with (
        context.serving(f"v={volume.path}") as server,
        server.client() as client,
        peers(volume, section.remarks) as others,
    ):
        mine = Ours(volume, server, client)
        # The cost of describing a file is measured with a million chunks.
        mine.read(0, 0)
        mine.rest()
        sides: list[Side] = [mine, *others]
        return dict(interleaved(sides, picks))


def _add_times(section: Section, times: dict[str, list[float]]) -> None:
    for name, seconds in times.items():
        section.add(name, [1e3 * one for one in seconds], "ms")
