"""Plays the viewers' traces against a real server, without and with the hostile driver."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from bench.attacked import hostile_files
from bench.attacked.driver import REQUESTS_A_SECOND
from bench.attacked.hostile_files import ROOT
from bench.volumes import slab
from dashboard.benchmarking.figures import quantile
from dashboard.benchmarking.player import TraceSample, TraceTarget, play
from dashboard.benchmarking.server import Server, serving
from dashboard.benchmarking.traces import Trace, Viewer, scroll, traces
from dashboard.storage.private_directory import ensure_private_directory

SEED: Final = 1
SHAPE: Final = (256, 400, 400)
CHUNKS: Final = (16, 64, 64)
# Rates (slices/s) of the scrolling viewers; the others jump, and one changes axes. 31 slices/s in total leave two
# cores partly idle; at higher rates the queue of the load itself would be measured.
SCROLLS: Final = (2, 2, 2, 2, 5, 5)
KINDS: Final = ("jumps", "jumps", "jumps", "axes")
VIEWERS: Final = len(SCROLLS) + len(KINDS)
ENDS_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Results of the viewers: number of slices, of requests repeated after a 503, lateness (ms).

    `lost` counts the slices whose last response was not 200, by its status and body.
    """

    requested: int
    repeated: int
    lost: dict[str, int]
    p50_ms: float
    p99_ms: float
    worst_ms: float
    outcomes: dict[str, float]


@dataclass(frozen=True, slots=True)
class Result:
    """Both parts, and the responses to the hostile requests."""

    seconds: float
    quiet: Figures
    attacked: Figures
    hostile: dict[str, int] = field(default_factory=dict)
    log_lines: int = 0

    @property
    def ratio(self) -> float:
        """The 99th percentile under attack over the quiet one."""
        return self.attacked.p99_ms / self.quiet.p99_ms

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {**asdict(self), "p99_ratio": self.ratio}


def measure(folder: Path, seconds: float, shape: tuple[int, ...] = SHAPE) -> Result:
    """Measure both parts, `seconds` each, on servers with empty caches; files and caches are in `folder`."""
    data = folder / ROOT
    data.mkdir(parents=True, exist_ok=True)
    write_volumes(data, shape)
    hostile_files.write_all(data)
    trace = mixed(shape, seconds)
    home = ensure_private_directory(folder / "cache")
    with _served(home, data) as server:
        quiet = figures(_play(trace, server))
    with _served(home, data) as server:
        with driver(server, data, seconds) as hostile:
            attacked = figures(_play(trace, server))
            answers, _ = hostile.communicate(timeout=ENDS_WITHIN_S)
        (log,) = home.glob("bench-*/log")
        lines = log.read_text(errors="replace").count("\n")
    return Result(seconds, quiet, attacked, json.loads(answers), lines)


def write_volumes(folder: Path, shape: tuple[int, ...]) -> None:
    """Write a volume for each viewer, `0.h5` …, with equal values."""
    first = folder / "0.h5"
    with h5py.File(first, "w") as file:
        dataset = file.create_dataset("volume", shape, "u2", chunks=CHUNKS, compression="gzip")
        for at in range(0, shape[0], CHUNKS[0]):
            dataset[at : at + CHUNKS[0]] = slab(shape, at, np.dtype("u2"))[: CHUNKS[0]]
    for number in range(1, VIEWERS):
        shutil.copyfile(first, folder / f"{number}.h5")


def mixed(shape: Sequence[int], seconds: float, seed: int = SEED) -> Trace:
    """Ten viewers with different traces, each on a volume of its own."""
    rng = random.Random(seed)
    found = {trace.name: trace for trace in traces(shape, seconds, seed)}
    steps = [scroll(shape[0], rate, seconds, rng) for rate in SCROLLS]
    steps += [found[kind].viewers[0].steps for kind in KINDS]
    viewers = tuple(Viewer(number, one) for number, one in enumerate(steps))
    return Trace("mixed", "ten viewers of ten volumes", viewers)


def figures(seen: Sequence[TraceSample]) -> Figures:
    """Totals of the samples; a slice that was not requested counts as lost."""
    lost = Counter(
        f"{one.status or 'no answer'} {one.error}".strip() for one in seen if one.status != 200
    )
    late = sorted(one.late_ms for one in seen if one.status == 200 and one.late_ms is not None)
    outcomes = Counter(one.outcome for one in seen if one.status == 200)
    return Figures(
        len(seen),
        sum(max(one.tries - 1, 0) for one in seen),
        dict(lost),
        quantile(late, 0.50) if late else float("nan"),
        quantile(late, 0.99) if late else float("nan"),
        late[-1] if late else float("nan"),
        {name: count / max(len(late), 1) for name, count in outcomes.items()},
    )


def _served(home: Path, data: Path) -> AbstractContextManager[Server]:
    return serving([f"{ROOT}={data}"], home)


def _play(trace: Trace, server: Server) -> list[TraceSample]:
    address = TraceTarget(
        [f"{ROOT}/{number}.h5" for number in range(VIEWERS)],
        "/volume",
        lambda axis, index: ",".join(str(index) if d == axis else ":" for d in range(3)),
    )
    return play(trace, address, server.client)


@contextmanager
def driver(
    server: Server,
    data: Path,
    seconds: float,
    rate: float = REQUESTS_A_SECOND,
    token: str = "",
) -> Iterator[subprocess.Popen[str]]:
    """Run the hostile driver in a separate process, so that its work does not delay the viewers' clocks."""
    arguments = [str(server.port), str(server.pid), str(data), str(seconds), str(rate), token]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.attacked.driver", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(ENDS_WITHIN_S)
        assert process.stdout is not None
        process.stdout.close()
