"""Reads slices with plain h5py, one after the other, as a script would; the baseline of `lamella bench`.

Run as a separate process with JSON on both ends: `python -m dashboard.benchmarking.h5py_reader < job > times`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TypedDict

import h5py
import hdf5plugin  # noqa: F401  # h5py reads what hdf5plugin decodes once that is imported


class Job(TypedDict):
    """What is read. A box is a list with an index or [start, stop] for each dimension; `cache_bytes` and
    `cache_slots` are those of the chunk cache, null for h5py's defaults.
    """

    path: str
    dataset: str
    boxes: Sequence[Sequence[int | list[int]]]
    seconds: float
    cache_bytes: int | None
    cache_slots: int | None


def read_with_h5py(job: Job) -> list[float]:
    """Time (ms) of each of the job's `boxes`, for as many as can be read in `seconds`, at least one."""
    options = {}
    if job["cache_bytes"] is not None:
        options = {"rdcc_nbytes": job["cache_bytes"], "rdcc_nslots": job["cache_slots"]}
    times: list[float] = []
    with h5py.File(job["path"], "r", locking=False, **options) as file:
        dataset = file[job["dataset"]]
        until = time.perf_counter() + job["seconds"]
        for box in job["boxes"]:
            at = tuple(slice(*item) if isinstance(item, list) else item for item in box)
            began = time.perf_counter()
            values = dataset[at]
            ended = time.perf_counter()
            del values
            times.append((ended - began) * 1e3)
            if ended > until:
                break
    return times


if __name__ == "__main__":
    json.dump(read_with_h5py(json.load(sys.stdin)), sys.stdout)
