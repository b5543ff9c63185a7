"""Projections and histograms of cached slices, and columns past the cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from bench.context import Context, Volume
from bench.model import Section, ratios
from dashboard.benchmarking import processes
from dashboard.benchmarking.client import Client

THIN = 9
SIDE = 100
# Name of a reduction, its number of slices (None: a chunk's thickness), floor and aim (ms).
PROJECTIONS: tuple[tuple[str, int | None, float, float], ...] = (
    *((name, THIN, 20.0, 10.0) for name in ("max", "mean", "sd")),
    ("max", None, 120.0, 60.0),
    ("mean", None, 200.0, 100.0),
    ("sd", None, 400.0, 200.0),
)
NUMPY: dict[str, Callable[..., NDArray[Any]]] = {"max": np.max, "mean": np.mean, "sd": np.std}


def analysis(context: Context) -> list[Section]:
    """Projections, histograms and columns."""
    return [_projections(context), _histograms(context), _columns(context)]


def _projections(context: Context) -> Section:
    volume = context.reference
    shown = volume.shown
    thick = shown.thickness(0)
    section = Section(
        "analysis",
        "Projections of cached slices",
        f"`total` of Server-Timing, `raw` at full size, of {THIN} slices, and of {thick} over two cached bricks,"
        " without a viewer, far from the last ones; then moved by one slice. NumPy reduces the same slices, in one"
        " array in memory, in one thread.",
    )
    middle = shown.shape[0] // 2 // thick * thick
    took: dict[tuple[str, int, bool], list[float]] = {}
    with context.serving(f"v={volume.path}") as server, server.client() as client:
        # Every plane is verified once.
        for index in range(middle - 2 * thick, middle + 2 * thick):
            client.slice("v", shown.dataset, shown.selection(0, index))
        processes.wait_until_idle(server.pid, within_s=60.0)
        for turn in range(context.times(9, 3)):
            # Of two places in turn, so that no slab is near the last one.
            place = middle + (thick if turn % 2 else -thick) + 2 * turn
            for name, number, _, _ in PROJECTIONS:
                count = number or thick
                for is_moved in (False, True):
                    chosen = shown.selection(0, place + is_moved)
                    got = client.slice(
                        "v", shown.dataset, chosen, project=f"{name}:{count}", format="raw"
                    )
                    if got.status != 200:
                        raise RuntimeError(f"the server answered {got.status}")
                    took.setdefault((name, count, is_moved), []).append(got.total_ms)
    with h5py.File(volume.path, "r", locking=False) as file:
        half = thick // 2
        stack = file[shown.dataset][middle - half : middle - half + thick]
    for name, number, floor, aim in PROJECTIONS:
        count = number or thick
        section.add(
            f"{name} of {count} slices",
            took[name, count, False],
            "ms",
            floor=floor,
            aim=aim,
            more=False,
        )
        section.add(f"{name} of {count} slices, moved by one", took[name, count, True], "ms")
        plain = []
        for _ in range(3):
            began = time.perf_counter()
            NUMPY[name](stack[:count], axis=0)
            plain.append((time.perf_counter() - began) * 1e3)
        section.add(f"{name} of {count} slices, NumPy", plain, "ms")
    return section


def _histograms(context: Context) -> Section:
    volume = context.reference
    shown = volume.shown
    middle = shown.shape[0] // 2
    section = Section(
        "histogram",
        "Histograms of cached slices",
        "`/histogram` of slices of a cached brick, each for the first time, over one connection, from before the"
        " request to the last byte. NumPy's histogram of the same slices, in one thread.",
    )
    with h5py.File(volume.path, "r", locking=False) as file:
        planes = file[shown.dataset][middle : middle + context.times(20, 5)]
    mine, plain = [], []
    with context.serving(f"v={volume.path}") as server, server.client() as client:
        for at in range(len(planes)):
            client.slice("v", shown.dataset, shown.selection(0, middle + at))
        processes.wait_until_idle(server.pid, within_s=60.0)
        for at, plane in enumerate(planes):
            began = time.perf_counter()
            body = client.body(
                "/api/v1/histogram",
                file="v",
                dataset=shown.dataset,
                selection=shown.selection(0, middle + at),
            )
            mine.append((time.perf_counter() - began) * 1e3)
            found = json.loads(body)
            began = time.perf_counter()
            counts, _ = np.histogram(plane, found["edges"])
            plain.append((time.perf_counter() - began) * 1e3)
            if found["counts"] != counts.tolist():
                raise RuntimeError("a histogram has other counts than NumPy's")
    section.add("histogram of a slice", mine, "ms", floor=10, more=False)
    section.add("histogram of a slice, NumPy", plain, "ms")
    return section


def _columns(context: Context) -> Section:
    volume = context.reference
    section = Section(
        "columns",
        "Columns through all slices",
        f"A column across axis 0 through a voxel, and through a region of {SIDE} × {SIDE}, at seeded places, over"
        " HTTP from before the request to the last line. h5py reads the same values (`dset[:, y, x]`) in turn,"
        " with the file opened anew; of a region its values alone. Kept: the same columns again.",
    )
    times = _column_times(context, volume)
    for what, floor_ms, aim_ms in (("voxel", 40.0, 15.0), ("region", 300.0, 120.0)):
        mine, plain, kept = (times[what, side] for side in ("mine", "h5py", "kept"))
        section.add(f"{what}: times as fast as h5py", ratios(plain, mine), floor=2, aim=4)
        section.add(what, mine, "ms", floor=floor_ms, aim=aim_ms, more=False)
        section.add(f"{what}, h5py", plain, "ms")
        section.add(f"{what}, kept", kept, "ms", floor=10, more=False)
    return section


def _column_times(context: Context, volume: Volume) -> dict[tuple[str, str], list[float]]:
    shown, rng = volume.shown, volume.fresh
    rows, cols = shown.plane(0)
    times: dict[tuple[str, str], list[float]] = {}
    with context.serving(f"v={volume.path}") as server, server.client() as client:
        client.slice("v", shown.dataset, shown.selection(0, 0))
        processes.wait_until_idle(server.pid, within_s=60.0)
        for _ in range(context.times(9, 3)):
            at = [length // 2 for length in shown.shape]
            at[rows] = rng.randrange(shown.shape[rows] - SIDE)
            at[cols] = rng.randrange(shown.shape[cols] - SIDE)
            for what, side in (("voxel", 1), ("region", SIDE)):
                # A machine may have taken the file out of the page cache again.
                _plain(volume, at, side)
                mine_ms, lines = _mine(client, volume, at, side)
                kept_ms, _ = _mine(client, volume, at, side)
                plain_ms, values = _plain(volume, at, side)
                key = "value" if side == 1 else "max"
                found = [line[key] for line in sorted(lines, key=lambda line: line["index"])]
                if found != values.reshape(len(values), -1).max(axis=1).tolist():
                    raise RuntimeError("a column has other values than h5py")
                times.setdefault((what, "mine"), []).append(mine_ms)
                times.setdefault((what, "kept"), []).append(kept_ms)
                times.setdefault((what, "h5py"), []).append(plain_ms)
    return times


def _mine(
    client: Client, volume: Volume, at: list[int], side: int
) -> tuple[float, list[dict[str, Any]]]:
    shown = volume.shown
    rows, cols = shown.plane(0)
    where = {"at": ",".join(map(str, at))}
    if side > 1:
        corners = at[rows], at[cols], at[rows] + side - 1, at[cols] + side - 1
        where["region"] = f"rectangle:{','.join(map(str, corners))}"
    began = time.perf_counter()
    body = client.body("/api/v1/column", file="v", dataset=shown.dataset, axis="0", **where)
    took = (time.perf_counter() - began) * 1e3
    return took, [json.loads(line) for line in body.splitlines()]


def _plain(volume: Volume, at: list[int], side: int) -> tuple[float, NDArray[Any]]:
    rows, cols = volume.shown.plane(0)
    index: list[Any] = list(at)
    index[0] = slice(None)
    for dim in (rows, cols):
        index[dim] = slice(at[dim], at[dim] + side)
    with h5py.File(volume.path, "r", locking=False) as file:
        dataset = file[volume.shown.dataset]
        began = time.perf_counter()
        values = dataset[tuple(index)]
        return (time.perf_counter() - began) * 1e3, values
