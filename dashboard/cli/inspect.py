"""`lamella inspect`: how the datasets of a file are stored, and what a slice of them costs."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

import click
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from dashboard.addressing.chunk_grid import AxisCost
from dashboard.analysis.column_source import column_cost
from dashboard.catalog.advice import advise, axis_costs
from dashboard.catalog.description import PublicDataset
from dashboard.catalog.metadata import normalize_dataset_path
from dashboard.catalog.volume import ReadPath, Volume, decoded_bytes
from dashboard.cli.measure import Measured, SliceBenchmark
from dashboard.cli.served_name import resolve_served_name, with_root_hint
from dashboard.errors import LamellaError, NotFound, SetupError
from dashboard.files.catalog import parse_roots
from dashboard.runtime.served_roots import named_roots
from dashboard.settings import Settings
from dashboard.storage.private_directory import ensure_private_directory

if TYPE_CHECKING:
    from dashboard.runtime.engine import Engine

# Time limit of measuring one dataset (up to twice that where a chunk takes long), and time after which no further
# dataset is measured.
DATASET_S, FILE_S = 1.5, 5.0

NOTE = (
    "Measured just now on this machine, on samples of the file itself, and scaled to whole slices at full"
    " size. Cold: the first slice, with no part of it in Lamella's caches (parts of the file may lie in the"
    " system's memory). Warm: another slice of what was decoded for the first, or, of contiguous data, one"
    " that was read before. A column is the values of one voxel at all indices of an axis: its chunks are decoded"
    " by themselves, past the cache. Network and browser are not in these times."
)


class SliceCost(TypedDict):
    """Cost of slices across an axis, None for a single plane; what was not measured is None."""

    axis: int | None
    chunks: int
    decoded_bytes: int
    plane_bytes: int
    amplification: float
    expected_cold_ms: float | None
    expected_warm_ms: float | None
    expected_warm_raw_ms: float | None
    sample_bytes: int | None
    sample_bytes_per_s: int | None


class InspectedColumn(TypedDict):
    """Cost of a column through one voxel along an axis, and the bytes of all slices across it, decoded."""

    axis: int
    chunks: int
    decoded_bytes: int
    slices_bytes: int
    expected_cold_ms: float | None


class InspectedDataset(PublicDataset, total=False):
    """A dataset with the cost of its slices, where it has slices."""

    decoded_bytes: int
    read_by: str
    axes: list[SliceCost]
    columns: list[InspectedColumn]
    advice: str
    better_chunks: list[int] | None
    command: str | None
    not_measured: str | None


def run(
    path: str,
    settings: Settings,
    *,
    dataset: str | None,
    as_json: bool,
    roots: Sequence[str] = (),
) -> None:
    """Print what is known about the file at `path`, or about one `dataset` of it; raises `LamellaError`.

    `roots` are those of a server, for sources in other files; see `resolve_served_name`.
    """
    with isolated_services(path, settings, roots) as (engine, file, file_path):
        datasets = [cast(InspectedDataset, dict(r)) for r in engine.metadata.datasets(file)]
        filters = {name for record in datasets for name in record["filters"]}
        if dataset is not None:
            datasets = [
                record
                for record in datasets
                if record["dataset"] == normalize_dataset_path(dataset)
            ]
            if not datasets:
                raise NotFound(f"There is no dataset {dataset!r} in {file}.")
        measuring = SliceBenchmark(engine)
        began = time.monotonic()
        for record in datasets:
            if not record["browsable"]:
                record["reason"] = with_root_hint(record["reason"])
                continue
            try:
                volume = engine.metadata.volume(file, record["dataset"])
            except LamellaError as error:
                record["browsable"], record["reason"] = False, error.message
                continue
            if time.monotonic() - began < FILE_S:
                measured, why = _measured(volume, measuring)
            else:
                measured, why = {}, f"Name it to have it measured: lamella inspect {path} DATASET."
            _add_costs(record, volume, measured, file_path, filters)
            record["not_measured"] = why
    if as_json:
        threads = settings.decode_threads
        shown = {"file": file, "datasets": datasets, "decode_threads": threads, "note": NOTE}
        click.echo(json.dumps(shown, indent=2))
    else:
        _show(Console(), file, datasets)


@contextmanager
def isolated_services(
    path: str, settings: Settings, roots: Sequence[str] = ()
) -> Iterator[tuple[Engine, str, Path]]:
    """The engine of a server over that one file, the file's name and its path.

    It shares nothing with a running server: its caches are in a directory of their own on the same disk,
    whose speed is part of the measurement.
    """
    from dashboard.runtime.engine import build_engine  # noqa: PLC0415

    ((_, file_path),) = parse_roots((path,)).items()
    paths, file = resolve_served_name(path, roots, named_roots(settings))
    beside: Path | None
    try:
        beside = ensure_private_directory(settings.cache_dir)
    except SetupError:
        beside = None  # a server would not start there, but the file can be described
    with tempfile.TemporaryDirectory(prefix="inspect-", dir=beside) as name:
        own = {"data": paths, "roots": (), "config": None, "cache_dir": Path(name), "children": 1}
        # As in the web process, which has a buffer for progressive decoding.
        engine = build_engine(settings.model_copy(update=own), role="web")
        try:
            yield engine, file, file_path
        finally:
            engine.close()


def _measured(volume: Volume, measuring: SliceBenchmark) -> tuple[dict[int, Measured], str | None]:
    """(what slices across each axis cost, why some were not measured)."""
    costs = axis_costs(volume)
    found: dict[int, Measured] = {}
    try:
        measuring.prepare(volume)
    except LamellaError as error:
        return found, f"It could not be measured: {error.message}"
    until = time.monotonic() + DATASET_S
    for number, cost in enumerate(costs):
        left = until - time.monotonic()
        if left <= -DATASET_S:
            return found, "Its chunks take so long to read that not all axes were measured."
        try:
            share = max(left, 0.0) / (len(costs) - number)
            found[cost.axis] = measuring.axis(volume, cost.axis, share)
        except LamellaError as error:
            return found, f"It could not be measured: {error.message}"
    return found, None


def _add_costs(
    record: InspectedDataset,
    volume: Volume,
    measured: dict[int, Measured],
    path: Path,
    filters: Collection[str],
) -> None:
    """Add the costs of slices of `volume`, with advice, to its record."""
    costs = axis_costs(volume)
    advice = advise(volume, str(path), costs, filters)
    record["decoded_bytes"] = decoded_bytes(volume)
    record["read_by"] = "hdf5" if volume.read_path is ReadPath.HDF5 else "lamella"
    record["axes"] = [_slice_cost(volume, cost, measured.get(cost.axis)) for cost in costs]
    record["columns"] = [_column_cost(volume, axis, measured) for axis in range(len(volume.shape))]
    record["advice"] = advice.sentence
    record["better_chunks"] = None if advice.chunks is None else list(advice.chunks)
    record["command"] = advice.command


def _slice_cost(volume: Volume, cost: AxisCost, found: Measured | None) -> SliceCost:
    return {
        "axis": cost.axis if len(volume.shape) > 2 else None,
        "chunks": cost.chunks,
        "decoded_bytes": cost.decoded_bytes,
        "plane_bytes": cost.plane_bytes,
        "amplification": round(cost.amplification, 2),
        "expected_cold_ms": _ms(found.cold) if found else None,
        "expected_warm_ms": _ms(found.warm) if found else None,
        "expected_warm_raw_ms": _ms(found.warm_raw) if found else None,
        "sample_bytes": found.sample_bytes if found else None,
        "sample_bytes_per_s": round(found.bytes_per_s) if found else None,
    }


def _column_cost(volume: Volume, axis: int, measured: dict[int, Measured]) -> InspectedColumn:
    cost = column_cost(volume, axis)
    # Chunks are as fast to decode whatever axis they are read for; what slows a measurement is something else.
    fastest = max((one.bytes_per_s for one in measured.values()), default=0.0)
    return {
        "axis": axis,
        "chunks": cost.chunks,
        "decoded_bytes": cost.decoded_bytes,
        "slices_bytes": cost.slices_bytes,
        "expected_cold_ms": _ms(cost.decoded_bytes / fastest) if fastest else None,
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 2)


def _show(console: Console, file: str, datasets: list[InspectedDataset]) -> None:
    table = Table(title=Text(file), title_justify="left")
    for heading in ("dataset", "shape", "type", "chunks", "filters", "stored", "decoded"):
        table.add_column(heading, overflow="fold")
    for record in datasets:
        table.add_row(
            Text(record["dataset"]),
            _times(record["shape"]),
            Text(record["dtype"] or "?"),
            _times(record["chunks"]),
            Text(", ".join(record["filters"]) or "-"),
            decimal(record["stored_bytes"]),
            decimal(record["decoded_bytes"]) if "decoded_bytes" in record else "-",
        )
    console.print(table)
    for record in datasets:
        console.print()
        console.print(Text(record["dataset"], style="bold"))
        if "axes" not in record:
            console.print(Text(record["reason"] or "It has no slices."))
            continue
        console.print(_axes(record))
        console.print(_columns(record))
        console.print(Text(record["advice"]))
        if record["command"]:
            # Not wrapped here, so that it can be copied.
            console.print(Text(f"  {record['command']}"), soft_wrap=True)
        if record["not_measured"]:
            console.print(Text(record["not_measured"]))
    if any("axes" in record for record in datasets):
        console.print()
        console.print(Text(NOTE, style="dim"))


def _axes(record: InspectedDataset) -> Table:
    table = Table()
    for heading in ("slice", "chunks", "decoded", "shown", "ratio", "cold", "warm"):
        table.add_column(heading, justify="right")
    for axis in record["axes"]:
        table.add_row(
            "the plane" if axis["axis"] is None else f"across axis {axis['axis']}",
            str(axis["chunks"]),
            decimal(axis["decoded_bytes"]),
            decimal(axis["plane_bytes"]),
            f"{axis['amplification']:.1f}×",
            _time(axis["expected_cold_ms"]),
            _time(axis["expected_warm_ms"]),
        )
    return table


def _columns(record: InspectedDataset) -> Table:
    table = Table()
    for heading in ("column", "chunks", "decoded", "by slices", "cold"):
        table.add_column(heading, justify="right")
    for column in record["columns"]:
        table.add_row(
            f"along axis {column['axis']}",
            str(column["chunks"]),
            decimal(column["decoded_bytes"]),
            decimal(column["slices_bytes"]),
            _time(column["expected_cold_ms"]),
        )
    return table


def _time(ms: float | None) -> str:
    return "-" if ms is None else f"{ms:.{0 if ms >= 10 else 1}f} ms"


def _times(numbers: list[int] | None) -> str:
    if numbers is None:
        return "-"
    return "×".join(map(str, numbers)) or "single value"
