"""Whether hidefix reads a dataset as h5py does: python -m bench.probe FILE DATASET.

Exits with status 0 if it does; otherwise the last line is the reason. A separate process, since a Rust panic
cannot reliably be caught as an exception.
"""

from __future__ import annotations

import sys

import h5py
import hdf5plugin  # noqa: F401  # h5py reads what hdf5plugin decodes once that is imported
import hidefix
import numpy as np


def main(path: str, dataset: str) -> int:
    """Compare the first, a middle and the last slice across the first axis."""
    try:
        found = hidefix.Index(path).dataset(dataset.lstrip("/"))
    except BaseException as error:  # noqa: BLE001  # a Rust panic is not an Exception
        print(f"it does not open this dataset ({_sentence(error)})")
        return 1
    with h5py.File(path, "r", locking=False) as file:
        plain = file[dataset]
        rest = (slice(None),) * (plain.ndim - 1)
        for index in (0, len(plain) // 2, len(plain) - 1):
            try:
                # Explicit bounds: some versions of hidefix do not support open ends.
                values = np.squeeze(found[(index, *(slice(0, n) for n in plain.shape[1:]))])
            except BaseException as error:  # noqa: BLE001
                print(f"it does not read this dataset ({_sentence(error)})")
                return 1
            if not np.array_equal(values, plain[(index, *rest)]):
                print("it reads other values than h5py")
                return 1
    return 0


def _sentence(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
