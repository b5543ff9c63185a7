"""Reads a volume slab by slab with h5py, as a script would: python -m bench.slabs FILE DATASET START STOP STEP.

Prints the time (s) for reading. One buffer is reused, since new memory for each slab would be slower.
"""

from __future__ import annotations

import sys
import time

import h5py
import hdf5plugin  # noqa: F401  # h5py reads what hdf5plugin decodes once that is imported
import numpy as np


def main(path: str, dataset: str, start: int, stop: int, step: int) -> float:
    """Time (s) for the slabs from `start` to `stop`, `step` slices each, across the first axis."""
    with h5py.File(path, "r", locking=False) as file:
        found = file[dataset]
        kept = np.zeros((step, *found.shape[1:]), found.dtype)
        began = time.perf_counter()
        for at in range(start, stop, step):
            end = min(at + step, stop)
            found.read_direct(kept, np.s_[at:end], np.s_[: end - at])
        return time.perf_counter() - began


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])))
