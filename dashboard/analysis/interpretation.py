"""What stored values stand for: unpacked, or a part of complex ones, and which of them are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.statistics import Distribution
from dashboard.catalog.volume import Volume
from dashboard.frames.complex_part import ComplexPart, part_dtype, select_part
from dashboard.frames.projection import Projection
from dashboard.frames.unpacking import Packing


@dataclass(frozen=True)
class Interpretation:
    """How the stored values of a volume are read; they are unpacked if `packing` is given.

    Values that are not finite are missing, and those that equal the fill value that the file's author has set (of
    unpacked ones, what the attributes say). Of a `projection`, values are given as they are reduced.
    """

    volume: Volume
    part: ComplexPart = ComplexPart.ABS
    packing: Packing | None = None
    projection: Projection | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values: real, native."""
        kind = part_dtype(self.volume.dtype)
        kind = kind if self.packing is None else self.packing.result_dtype(kind)
        return kind if self.projection is None else self.projection.result_dtype(kind)

    @property
    def has_codes(self) -> bool:
        """Whether there are so few different values that each of them is counted."""
        return self.projection is None and self.volume.dtype.itemsize <= 2

    def distribution(
        self, stored: NDArray[Any], left_out: NDArray[np.bool_] | None = None
    ) -> Distribution:
        """The values of an array of any shape, without the missing ones.

        `left_out`, an array of the same shape, says which cells are missing whatever they have.
        """
        masked = 0
        if left_out is not None:
            masked = int(np.count_nonzero(left_out))
            stored = stored[~left_out]
        if self.has_codes:
            return self.distribution_of_codes(code_counts(stored), masked)
        values, valid = self.read(stored.reshape(-1))
        kept = values if valid.all() else values[valid]
        return Distribution(kept, None, values.size - kept.size + masked)

    def distribution_of_codes(self, counts: NDArray[np.int64], masked: int = 0) -> Distribution:
        """The values of which `counts` has, for each pattern of bits, how often it occurs (`code_counts`).

        So many more are missing as are `masked`.
        """
        codes = np.flatnonzero(counts)
        counts = counts[codes]
        stored = codes.astype(_code_dtype(self.volume.memory_dtype)).view(self.volume.memory_dtype)
        values, valid = self.read(stored)
        missing = int(counts[~valid].sum()) + masked
        values, counts = values[valid], counts[valid]
        order = np.argsort(values, kind="stable")
        return Distribution(values[order], counts[order], missing)

    @property
    def mask(self) -> Volume | None:
        """The volume that says which pixels are missing; None without one, and where they are left out already."""
        return None if self.packing is None or self.projection else self.packing.mask

    def floats(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """The values as float64, in an array of the same shape; NaN for missing ones."""
        values, valid = self.read(stored)
        return np.where(valid, values.astype(np.float64), np.nan)

    def shown(self, stored: NDArray[Any]) -> NDArray[Any]:
        """The values, whether or not they are valid."""
        if self.projection is not None:
            return stored
        return (
            select_part(stored, self.part) if self.packing is None else self.packing.unpack(stored)
        )

    def read(self, stored: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The values of an array, in its shape, and which are valid."""
        packing, volume, projection = self.packing, self.volume, self.projection
        values = self.shown(stored)
        valid = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
        is_stored = projection is None or (projection.is_extremum and volume.dtype.kind != "c")
        if volume.fill_is_user_defined and is_stored and (packing is None or packing.dtype is None):
            valid &= stored != volume.fill
        return values, valid


def code_counts(stored: NDArray[Any]) -> NDArray[np.int64]:
    """How often each pattern of bits occurs in an array of values of one or two bytes: 256 or 65,536 counts."""
    codes = np.ascontiguousarray(stored).view(_code_dtype(stored.dtype)).reshape(-1)
    counts = np.zeros(256**codes.itemsize, np.int64)
    # Unlike bincount, without a copy of all codes as indices, whose page faults take longer than to count.
    np.add.at(counts, codes, 1)
    return counts


def _code_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}")
