"""Times of plain h5py for the same slices, measured in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from dashboard.benchmarking.traces import Trace
from dashboard.benchmarking.volume import DatasetInfo
from dashboard.errors import SetupError
from dashboard.settings import environment_without_secrets

Kind = Literal["default", "chosen"]

# Starting the library and opening the file take time besides reading.
SPARE_S = 120.0


def read_with_h5py(
    path: Path, volume: DatasetInfo, slices: Sequence[tuple[int, int]], kind: Kind, seconds: float
) -> list[float]:
    """Times (ms) of `slices` (axis, index), for as many as can be read in `seconds`.

    The chunk cache is h5py's default, or one that is large enough for a slice. Raises `SetupError`.
    """
    size = slots = None
    if kind == "chosen":
        size, slots = volume.good_cache(sorted({axis for axis, _ in slices}))
    job = {
        "path": str(path),
        "dataset": volume.dataset,
        "boxes": [volume.box(axis, index) for axis, index in slices],
        "seconds": seconds,
        "cache_bytes": size,
        "cache_slots": slots,
    }
    done = subprocess.run(
        [sys.executable, "-m", "dashboard.benchmarking.h5py_reader"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + SPARE_S,
        env=environment_without_secrets() | {"PYTHONSAFEPATH": "1"},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise SetupError(
            f"h5py cannot read it: {lines[-1] if lines else 'it exited without a message'}."
        )
    times: list[float] = json.loads(done.stdout)
    return times


def slices_of(trace: Trace) -> list[tuple[int, int]]:
    """The slices of all viewers of a trace, in the order of their due times."""
    steps = [step for viewer in trace.viewers for step in viewer.steps]
    return [(step.axis, step.index) for step in sorted(steps, key=lambda step: step.at_s)]
