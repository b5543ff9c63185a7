"""`lamella inspect`: how the datasets of a file are stored, and what a slice of them costs."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from dashboard.cli.advice import advise, axis_costs
from dashboard.errors import LamellaError, SetupError
from dashboard.settings import Settings
from dashboard.storage.disk import open_cache
from dashboard.volumes.catalog import Catalog, parse_roots
from dashboard.volumes.children import Children
from dashboard.volumes.decode import Decoder
from dashboard.volumes.library import Library
from dashboard.volumes.volume import Volume, nbytes

# What is decoded to measure how fast that goes: enough to be steady, little enough to be done at once.
WARM_BYTES, MEASURED_BYTES = 2 * 2**20, 32 * 2**20
MEASURE_FOR_S = 5.0
SEED = 1


def run(path: str, settings: Settings, *, as_json: bool) -> None:
    """Print what is known about the file at `path`; raises `LamellaError` when it cannot be read."""
    with _opened(path, settings) as (library, file, place):
        datasets = [dict(record) for record in library.datasets(file)]
        decoder = Decoder(library, settings.decode_threads)
        began = time.monotonic()
        try:
            for record in datasets:
                if not record["browsable"]:
                    continue
                try:
                    volume = library.volume(file, record["dataset"])
                    in_time = time.monotonic() - began < MEASURE_FOR_S
                    rate = decode_rate(volume, decoder) if in_time else None
                except LamellaError as error:
                    record.update(browsable=False, reason=error.message)
                else:
                    record.update(_costs(volume, rate, place))
        finally:
            decoder.close()
    if as_json:
        click.echo(json.dumps({"file": file, "datasets": datasets}, indent=2))
    else:
        _show(Console(), file, datasets)


@contextmanager
def _opened(path: str, settings: Settings) -> Iterator[tuple[Library, str, Path]]:
    """A library of that one file, the file's name and its place; it shares nothing with a running server."""
    roots = parse_roots((path,))
    ((file, place),) = roots.items()
    if place.is_dir():
        raise SetupError(f"{path} is a folder; name a file in it.")
    catalog = Catalog(roots)
    with tempfile.TemporaryDirectory(prefix="lamella-") as name:
        folder = Path(name)
        facts = open_cache(folder / "facts")
        children = Children(
            catalog.roots,
            folder / "empty",
            count=1,
            memory_bytes=settings.child_memory_bytes,
            seconds=settings.child_seconds,
        )
        try:
            library = Library(
                catalog,
                children,
                facts,
                max_brick_bytes=settings.max_brick_bytes,
                max_chunk_bytes=settings.max_chunk_bytes,
            )
            yield library, file, place
        finally:
            children.close()
            facts.close()


def _costs(volume: Volume, rate: float | None, place: Path) -> dict[str, Any]:
    """What slices of `volume` cost where `rate` bytes are decoded in a second, and what to do about it."""
    costs = axis_costs(volume)
    advice = advise(volume, str(place), costs)
    return {
        "decoded_bytes": nbytes(volume),
        "decode_bytes_per_s": rate and round(rate),
        "axes": [
            {
                "axis": cost.axis if len(volume.shape) > 2 else None,
                "chunks": cost.chunks,
                "decoded_bytes": cost.decoded_bytes,
                "plane_bytes": cost.plane_bytes,
                "amplification": round(cost.amplification, 2),
                "expected_ms": rate and round(cost.decoded_bytes / rate * 1000, 1),
            }
            for cost in costs
        ],
        "advice": advice.sentence,
        "command": advice.command,
    }


def decode_rate(volume: Volume, decoder: Decoder) -> float | None:
    """Decoded bytes per second of this volume here, reading included; None where it is not decoded by us."""
    if not volume.fast:
        return None
    chunk = volume.grid.chunk_bytes
    decoder.sample(volume, max(1, WARM_BYTES // chunk), SEED)
    began = time.perf_counter()
    values = decoder.sample(volume, max(1, MEASURED_BYTES // chunk), SEED)
    took = time.perf_counter() - began
    return values.nbytes / took if values.nbytes >= chunk else None


def _show(console: Console, file: str, datasets: list[dict[str, Any]]) -> None:
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
        console.print(Text(record["advice"]))
        if record["command"]:
            # Wrapped by the terminal, not here: it is there to be copied.
            console.print(Text(f"  {record['command']}"), soft_wrap=True)


def _axes(record: dict[str, Any]) -> Table:
    table = Table()
    for heading in ("first slice", "chunks", "decoded", "shown", "ratio", "expected"):
        table.add_column(heading, justify="right")
    for axis in record["axes"]:
        expected = axis["expected_ms"]
        table.add_row(
            "the plane" if axis["axis"] is None else f"across axis {axis['axis']}",
            str(axis["chunks"]),
            decimal(axis["decoded_bytes"]),
            decimal(axis["plane_bytes"]),
            f"{axis['amplification']:.1f}×",
            "-" if expected is None else f"{expected:.{0 if expected >= 10 else 1}f} ms",
        )
    return table


def _times(numbers: list[int] | None) -> str:
    if numbers is None:
        return "-"
    return "×".join(map(str, numbers)) or "single value"
