"""The exact value of one voxel as text."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.selection import Selection, Span
from dashboard.bricks.store import BrickStore
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_readers import BrickReaders
from dashboard.decoding.chunk_reader import damage_error

# Longest wait for another request's chunk: by then the pointer has moved on.
MAX_WAIT_S = 5.0
# Range in which floats are written without an exponent, as in Python.
MIN_POSITIONAL, MAX_POSITIONAL = 1e-4, 1e16


class VoxelReader:
    """Reads single values: from a cached brick, else from the one chunk that has them.

    No demand is recorded. At most `decodes` chunks are decoded concurrently, so that pointer movement over large
    chunks occupies neither all request threads nor much memory.
    """

    def __init__(
        self, metadata: MetadataService, bricks: BrickStore, readers: BrickReaders, decodes: int
    ) -> None:
        self._metadata = metadata
        self._bricks = bricks
        self._readers = readers
        self._decodes = threading.BoundedSemaphore(decodes)

    def read(self, volume: Volume, index: Sequence[int]) -> np.generic:
        """The value at `index` in native byte order; `CannotShow` for a damaged chunk, `Changed`, `Busy`."""
        # A contiguous file has a value at a known place, which is found sooner than a brick.
        direct = volume.read_path is ReadPath.CONTIGUOUS
        value = None if direct else self._from_brick(volume, index)
        if value is not None:
            return value
        if not self._decodes.acquire(timeout=MAX_WAIT_S):
            raise errors.Busy("Other values are being read; try again in a moment.")
        try:
            with VolumeFile(self._metadata, volume) as file:
                return self._readers.of(volume).read_voxel(file, index)
        finally:
            self._decodes.release()

    def _from_brick(self, volume: Volume, index: Sequence[int]) -> np.generic | None:
        """The value from a cached brick of any orientation, or None."""
        found: list[tuple[BrickAddress, Selection]] = []
        for rows, cols in combinations(range(len(volume.shape)), 2):
            items = [
                Span(at, at + 1) if dim in (rows, cols) else at for dim, at in enumerate(index)
            ]
            selection = Selection(tuple(items))
            found.extend((brick, selection) for brick in volume.bricks(selection))
        present = self._bricks.existing([brick.key for brick, _ in found])
        for address, selection in found:
            if address.key not in present:
                continue
            number = address.plane_number(selection.fixed)
            brick = self._bricks.get(address, volume.memory_dtype, number)
            if brick is None:
                continue
            for damaged in brick.damaged_chunks:
                if _is_within(index, damaged.origin, volume.grid.chunks):
                    raise damage_error(volume, damaged)
            plane = brick.plane(number)
            row = index[address.rows] - address.start[address.rows]
            column = index[address.cols] - address.start[address.cols]
            value: np.generic = plane[row, column]
            return value
        return None


def _is_within(index: Sequence[int], corner: Sequence[int], sides: Sequence[int]) -> bool:
    return all(a <= at < a + n for at, a, n in zip(index, corner, sides, strict=True))


def exact_text(value: np.generic) -> str:
    """The value as text that can be parsed back without loss.

    Integers have all digits, also as floats; other floats have the fewest digits that identify them in their own
    precision; a complex value is its real part, the sign and its imaginary part, and `j`.
    """
    if isinstance(value, np.complexfloating):
        imaginary = _float_text(value.imag)
        sign = "" if imaginary.startswith("-") else "+"
        return f"{_float_text(value.real)}{sign}{imaginary}j"
    return _float_text(value) if isinstance(value, np.floating) else str(value)


def _float_text(value: np.floating) -> str:
    wide = float(value)
    if abs(wide) < MAX_POSITIONAL and wide.is_integer():
        # The shortest form of float16 65504 would be 6.55e+04.
        return repr(wide)
    if MIN_POSITIONAL <= abs(wide) < MAX_POSITIONAL:
        return np.format_float_positional(value, trim="0")
    return str(value)


def enum_name(volume: Volume, value: np.generic) -> str | None:
    """The name of a value of an enum, or None."""
    if volume.enum is None:
        return None
    return next((name for name, number in volume.enum.items() if number == value), None)
