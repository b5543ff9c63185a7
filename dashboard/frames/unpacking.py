"""Unpacking of stored values by scale, offset, fill values and valid range, as the file's attributes say."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import errors
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.nodes import Nodes
from dashboard.catalog.volume import Volume
from dashboard.meaning.model import ValueMeaning


@dataclass(frozen=True)
class Packing:
    """How the values of a volume are unpacked.

    `other_sign`: integers are taken as unsigned that are stored as signed, or the other way round. Where `dtype`
    is not None, values are converted to this floating type, missing ones are NaN, and the others are multiplied
    by `scale` before `offset` is added. `fills` and the ends of `valid` (None: open) are in stored values. Where
    the volume `mask` is not 0, values are missing as well (`frames/masks.py`).
    """

    other_sign: bool
    dtype: str | None
    scale: float
    offset: float
    fills: tuple[int | float | str, ...]
    valid: tuple[int | float | None, int | float | None]
    mask: Volume | None = None

    @classmethod
    def of(cls, value: ValueMeaning, volume: Volume, mask: Volume | None = None) -> Packing | None:
        """The packing of a volume; None where its values are stored as they are meant."""
        dtype = value["decoded_dtype"]
        kind = volume.dtype.kind
        other_sign = value["unsigned"] and kind in "iu"
        if kind not in "iuf" or (dtype is None and not other_sign):
            return None
        fills: tuple[int | float | str, ...] = tuple(value["fills"])
        if not fills and volume.fill_is_user_defined:
            # Where attributes name the missing values, they are all.
            fill = volume.fill.astype(_stored(volume.memory_dtype, other_sign))
            fills = () if np.isnan(fill) else (fill.item(),)
        low, high = value["valid"] or (None, None)
        return cls(other_sign, dtype, value["scale"], value["offset"], fills, (low, high), mask)

    @cached_property
    def key(self) -> list[object]:
        """What distinguishes it from others, for keys of caches."""
        parts = (self.other_sign, self.dtype, self.scale, self.offset, self.fills, self.valid)
        masked = [] if self.mask is None else [self.mask.address.key]
        return [*(list(part) if isinstance(part, tuple) else part for part in parts), *masked]

    def result_dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The type of unpacked values of `dtype`."""
        return _stored(dtype, self.other_sign) if self.dtype is None else np.dtype(self.dtype)

    def unpack(self, values: NDArray[Any]) -> NDArray[Any]:
        """The unpacked values, of the same shape."""
        if self.other_sign:
            values = values.view(_stored(values.dtype, other_sign=True))
        if self.dtype is None:
            return values
        kind = np.dtype(self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            out = values.astype(kind)
            if self.scale != 1:
                out *= kind.type(self.scale)
            if self.offset:
                out += kind.type(self.offset)
        for fill in self.fills:
            out[values == values.dtype.type(fill)] = np.nan
        low, high = self.valid
        if low is not None:
            out[values < low] = np.nan
        if high is not None:
            out[values > high] = np.nan
        return out


def packing_of(volume: Volume, metadata: MetadataService, nodes: Nodes) -> Packing | None:
    """How the values of a volume are unpacked, with its mask; None where they are stored as they are meant.

    Raises the errors of describing the file.
    """
    value = nodes.meaning(volume)["value"]
    return Packing.of(value, volume, _mask(volume, metadata, value["mask"]))


def _mask(volume: Volume, metadata: MetadataService, path: str | None) -> Volume | None:
    """The mask of a volume's pixels; None for one that is not there, or not of these pixels."""
    if path is None:
        return None
    with suppress(errors.NotFound, errors.CannotShow, errors.TooLarge):
        mask = metadata.volume(volume.address.file, path)
        if mask.shape == volume.shape[-2:] and mask.dtype.kind in "biu":
            return mask
    return None


def _stored(dtype: np.dtype[Any], other_sign: bool) -> np.dtype[Any]:
    """The native type that stored values are taken as."""
    if not other_sign:
        return dtype.newbyteorder("=")
    return np.dtype(f"{'u' if dtype.kind == 'i' else 'i'}{dtype.itemsize}")
