"""Levels of detail: k×k blocks of voxels made one cell, by one of three rules."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Pool(StrEnum):
    """How a block becomes one cell: its first voxel, its mean, or its maximum."""

    NEAREST = "nearest"
    MEAN = "mean"
    MAX = "max"


def pooled_dtype(dtype: np.dtype[Any], pool: Pool, rows: int, cols: int) -> np.dtype[Any]:
    """The type that pooling by `rows` × `cols` gives: float32 for a mean, else the type itself."""
    if pool is Pool.MEAN and (rows > 1 or cols > 1):
        return np.dtype(np.float32)
    return dtype


def pool_blocks(values: NDArray[Any], rows: int, cols: int, pool: Pool) -> NDArray[Any]:
    """Pool a 2-D array of real numbers in blocks of `rows` × `cols`, cut at the lower and right edge.

    NaN is ignored; a block of nothing but NaN stays NaN. A mean is taken in float64 and given as
    float32.
    """
    if pool is Pool.NEAREST:
        return values[::rows, ::cols]
    if rows == 1 and cols == 1:
        return values
    if pool is Pool.MAX:
        # fmax ignores NaN; for other types it is maximum.
        at_rows, at_cols = _starts(values.shape[0], rows), _starts(values.shape[1], cols)
        highest: NDArray[Any] = np.fmax.reduceat(np.fmax.reduceat(values, at_rows, 0), at_cols, 1)
        return highest
    return _mean(values, rows, cols)


def _mean(values: NDArray[Any], rows: int, cols: int) -> NDArray[np.float32]:
    at_rows, at_cols = _starts(values.shape[0], rows), _starts(values.shape[1], cols)
    wide = values.astype(np.float64)
    gaps = np.isnan(wide) if values.dtype.kind == "f" else None
    if gaps is not None and gaps.any():
        wide[gaps] = 0.0
        present = np.add.reduceat((~gaps).astype(np.int64), at_rows, 0)
        counts: NDArray[Any] = np.add.reduceat(present, at_cols, 1)
    else:
        counts = np.outer(_lengths(values.shape[0], at_rows), _lengths(values.shape[1], at_cols))
    sums = np.add.reduceat(np.add.reduceat(wide, at_rows, 0), at_cols, 1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean: NDArray[np.float32] = (sums / counts).astype(np.float32)
    return mean


def _starts(length: int, step: int) -> NDArray[np.int64]:
    return np.arange(0, length, step, dtype=np.int64)


def _lengths(length: int, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.diff(np.append(starts, length))
