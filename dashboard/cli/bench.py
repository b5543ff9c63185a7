"""`lamella bench`: browsing traces played against the real server, beside plain h5py in the same run."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dashboard import __version__
from dashboard.addressing.outcomes import Outcome
from dashboard.benchmarking.baseline import Kind, read_with_h5py, slices_of
from dashboard.benchmarking.figures import Spread, TraceFigures, figures, speedup, spread
from dashboard.benchmarking.player import TraceTarget, play
from dashboard.benchmarking.processes import PeakMemory
from dashboard.benchmarking.server import serving
from dashboard.benchmarking.traces import Trace, traces
from dashboard.benchmarking.volume import DatasetInfo, choose
from dashboard.errors import SetupError
from dashboard.files.catalog import parse_roots
from dashboard.settings import Settings
from dashboard.storage.private_directory import ensure_private_directory
from dashboard.telemetry.prefetching import PrefetchStats

SEED = 1
# Plain h5py takes as long for a few slices as a whole trace, so it reads only the trace's first ones.
PLAIN_SHARE = 0.5


class TraceResult(TraceFigures):
    """The statistics of one trace with the server's own, its peak memory, and plain h5py's two ways (ms)."""

    prefetch: PrefetchStats
    accuracy_moving: float | None
    memory_bytes: int | None
    h5py_default_ms: Spread | None
    h5py_chosen_ms: Spread | None
    times_faster: float | None


class VolumeDescription(TypedDict):
    """The volume, as context of the measurements."""

    file: str
    dataset: str
    shape: Sequence[int]
    itemsize: int
    chunks: Sequence[int] | None
    stored_bytes: int


class Machine(TypedDict):
    """The conditions of the measurement."""

    system: str
    cores: int | None
    python: str
    lamella: str
    h5py: str


def run(
    file: str,
    settings: Settings,
    *,
    dataset: str | None,
    names: Sequence[str],
    seconds: float,
    as_json: bool,
) -> None:
    """Play the traces of these `names` (or all), `seconds` each, and print the results."""
    ((_, path),) = parse_roots((file,)).items()
    if path.is_dir():
        raise SetupError(f"{file} is a folder; name a file in it.")
    beside = ensure_private_directory(settings.cache_dir)
    console = Console(stderr=True)
    with console.status("Reading the file's metadata …") as status:
        volume = probe_dataset(path, beside, dataset)
        chosen = select(traces(volume.shape, seconds, SEED), names)
        results = []
        for number, trace in enumerate(chosen, 1):
            status.update(f"{trace.name}: {trace.what} ({number} of {len(chosen)}) …")
            results.append(measure(trace, path, volume, beside, seconds, turned=number % 2 == 0))
    found = {"volume": describe(path, volume), "machine": machine(), "traces": results}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    out = Console()
    out.print(outcomes_table(results))
    out.print(times_table(results))


def probe_dataset(path: Path, beside: Path, dataset: str | None) -> DatasetInfo:
    """The server's record of the dataset; raises `SetupError`."""
    with serving([f"v0={path}"], beside) as server, server.client() as client:
        answer = client.json("/api/v1/datasets", file="v0")
    if "error" in answer:
        raise SetupError(str(answer["error"]["message"]))
    return choose(answer["datasets"], dataset)


def select(every: Sequence[Trace], names: Sequence[str]) -> list[Trace]:
    """The traces of these names, all without any; raises `SetupError`."""
    known = [trace.name for trace in every]
    for name in names:
        if name not in known:
            raise SetupError(f"There is no trace {name!r}; there are {', '.join(known)}.")
    return [trace for trace in every if not names or trace.name in names]


def measure(
    trace: Trace, path: Path, volume: DatasetInfo, beside: Path, seconds: float, *, turned: bool
) -> TraceResult:
    """One trace from an empty cache; h5py's two ways before and after it, or after and before it."""
    kinds: tuple[Kind, Kind] = ("chosen", "default") if turned else ("default", "chosen")
    slices = slices_of(trace)
    plain: dict[Kind, Spread | None] = {}
    plain[kinds[0]] = spread(read_with_h5py(path, volume, slices, kinds[0], seconds * PLAIN_SHARE))
    # One file under several names is several volumes, as far as the server is concerned.
    files = [f"v{number}" for number in range(trace.volumes)]
    with ExitStack() as stack:
        server = stack.enter_context(serving([f"{name}={path}" for name in files], beside))
        address = TraceTarget(files, volume.dataset, volume.selection)
        with PeakMemory(server.pid) as memory:
            seen = play(trace, address, server.client)
        stats = server.stats()
    plain[kinds[1]] = spread(read_with_h5py(path, volume, slices, kinds[1], seconds * PLAIN_SHARE))
    found = figures(trace, volume, seen)
    return {
        **found,
        "prefetch": stats["prefetch"],
        "accuracy_moving": stats["prefetch"]["moving"]["accuracy"],
        "memory_bytes": memory.bytes or None,
        "h5py_default_ms": plain["default"],
        "h5py_chosen_ms": plain["chosen"],
        "times_faster": speedup(plain["default"], found["client_ms"]),
    }


def describe(path: Path, volume: DatasetInfo) -> VolumeDescription:
    """The volume, as context of the measurements."""
    return {
        "file": path.name,
        "dataset": volume.dataset,
        "shape": volume.shape,
        "itemsize": volume.itemsize,
        "chunks": volume.chunks,
        "stored_bytes": path.stat().st_size,
    }


def machine() -> Machine:
    """The conditions of the measurement."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "lamella": __version__,
        "h5py": version("h5py"),
    }


def outcomes_table(results: Sequence[TraceResult]) -> Table:
    """The outcomes of the demands."""
    outcomes = [outcome for outcome in Outcome if outcome is not Outcome.RING]
    table = _table("Where slices came from", ("slices", *outcomes, "accuracy", "memory"))
    for found in results:
        lost = found["slices"] - found["answered"]
        memory = found["memory_bytes"]
        table.add_row(
            Text(found["trace"]),
            f"{found['slices']}" + (f" (-{lost})" if lost else ""),
            *(_percent(found["outcomes"][outcome]) for outcome in outcomes),
            _percent(found["accuracy_moving"]),
            "-" if memory is None else f"{memory / 2**20:.0f} MiB",
        )
    return table


def times_table(results: Sequence[TraceResult]) -> Table:
    """The times of slices."""
    headings = ("seen", "in the server", "latest", "h5py", "good cache", "×")
    table = _table("Milliseconds: p50/p95/max, or the mean", headings)
    for found in results:
        latest, times = found["latest_after_first_ms"], found["times_faster"]
        table.add_row(
            Text(found["trace"]),
            _three(found["client_ms"]),
            _three(found["server_ms"]),
            "-" if latest is None else f"{latest:.0f}",
            _mean(found["h5py_default_ms"]),
            _mean(found["h5py_chosen_ms"]),
            "-" if times is None else f"{times:.1f}",
        )
    table.caption = (
        "seen: from a slice's due time to its last byte · latest: without each viewer's first slice ·"
        " h5py: with its own chunk cache · good cache: h5py with one that holds a slice's chunks · ×: h5py's"
        " mean over that of seen"
    )
    return table


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("trace", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.0f} %"


def _three(found: Spread | None) -> str:
    if found is None:
        return "-"
    return "/".join(_short(found[name]) for name in ("p50", "p95", "max"))


def _mean(found: Spread | None) -> str:
    return "-" if found is None else _short(found["mean"])


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 10 else f"{ms:.0f}"
