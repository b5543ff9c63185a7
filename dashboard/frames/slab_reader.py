"""The projection of a slab of slices, reduced from views of their planes, tile by tile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Stage
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import Selection
from dashboard.bricks.loader import BrickLoader
from dashboard.catalog.volume_file import VolumeFile
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.plane_reader import Convert, Cut, PlaneReader
from dashboard.frames.projection import Projection
from dashboard.frames.unpacking import Packing
from dashboard.meter import meter

# Planes that are no views of bricks are reduced in groups of so many bytes, two of which are in memory.
GROUP_BYTES: Final = 32 * 2**20


class SlabReader(PlaneReader):
    """Reads the slices of a projection, the selection's first, and reduces them.

    The first plane of each brick is the viewer's demand.
    """

    def __init__(
        self,
        loader: BrickLoader,
        contiguous: ContiguousPlanes,
        file: VolumeFile,
        selection: Selection,
        requester: Requester,
        packing: Packing | None,
        mask: VolumeFile | None,
        projection: Projection,
    ) -> None:
        # Across a dimension of the mask, it would leave out pixels of one slice of many.
        is_apart = projection.axis < len(selection.items) - 2
        super().__init__(
            loader, contiguous, file, selection, requester, packing, mask if is_apart else None
        )
        self._projection = projection
        axis, index = projection.axis, selection.fixed[projection.axis]
        slab = projection.slab(index, self._volume.shape[axis])
        self._extent[axis] = slab.start, slab.stop
        self._indices = sorted(slab, key=lambda at: abs(at - index))
        # The bricks of each layer of chunks, tile by tile.
        self._layers: dict[int, list[BrickAddress]] = {}
        if not self._direct:
            thickness = self._volume.grid.chunks[axis]
            for at in self._indices:
                if at // thickness not in self._layers:
                    there = selection.at(axis, at)
                    self._layers[at // thickness] = self._volume.bricks(there)

    def _decoded_bytes(self) -> int:
        itemsize = self._volume.dtype.itemsize
        if self._direct:
            (top, bottom), (left, right) = (self._extent[dim] for dim in self._selection.plane)
            return len(self._indices) * (bottom - top) * (right - left) * itemsize
        return sum(brick.nbytes(itemsize) for layer in self._layers.values() for brick in layer)

    def _result_dtype(self, kind: np.dtype[Any]) -> np.dtype[Any]:
        return self._projection.result_dtype(kind)

    def _displayed(
        self, rows: tuple[int, int, int], step_c: int, kind: np.dtype[Any], convert: Convert
    ) -> NDArray[Any]:
        if self._direct:
            shape = self._shape(rows, step_c)
            return self._reduced(shape, kind, self._read(rows, step_c), convert)
        out = np.empty(self._shape(rows, step_c), self._result_dtype(kind))
        for tile, brick in enumerate(self._bricks):
            target, source = self._cut(brick, rows, step_c)
            shape = out[target].shape
            if 0 in shape:
                continue
            found = self._reduced((shape[0], shape[1]), kind, self._views(tile, source), convert)
            if shape == out.shape:
                return found
            out[target] = found
        return out

    def _views(self, tile: int, source: Cut) -> Iterator[NDArray[Any]]:
        """A part of the planes of one tile, in all slices."""
        axis = self._projection.axis
        thickness = self._volume.grid.chunks[axis]
        fixed = self._selection.fixed
        for at in self._indices:
            fixed[axis] = at
            yield self._plane(self._layers[at // thickness][tile], fixed)[source]

    def _read(self, rows: tuple[int, int, int], step_c: int) -> Iterator[NDArray[Any]]:
        """The same of planes that are read without bricks."""
        for at in self._indices:
            there = self._selection.at(self._projection.axis, at)
            yield self._contiguous.region(self._file, there, rows, step_c)
        self._note_direct()

    def _reduced(
        self,
        shape: tuple[int, int],
        kind: np.dtype[Any],
        planes: Iterable[NDArray[Any]],
        convert: Convert,
    ) -> NDArray[Any]:
        """Planes reduced to one."""
        groups = _groups(planes)
        # Planes are read between its steps, whose time is that of other stages.
        with meter(Stage.SCALE):
            return self._projection.reduce(groups, shape, kind, convert)


def _groups(planes: Iterable[NDArray[Any]]) -> Iterator[list[NDArray[Any]]]:
    """Planes in groups of at most about `GROUP_BYTES`; views of mapped bricks take no memory."""
    group: list[NDArray[Any]] = []
    owned = 0
    for plane in planes:
        group.append(plane)
        owned += _owned_bytes(plane)
        if owned >= GROUP_BYTES:
            yield group
            group, owned = [], 0
    if group:
        yield group


def _owned_bytes(plane: NDArray[Any]) -> int:
    owner: object = plane
    while isinstance(owner, np.ndarray):
        plane, owner = owner, owner.base
    return plane.nbytes if owner is None else 0
