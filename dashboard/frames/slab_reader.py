"""The projection of a slab of slices, reduced from views of their planes, tile by tile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress, digest
from dashboard.addressing.outcomes import Stage
from dashboard.addressing.requester import SCRIPT, Requester
from dashboard.addressing.selection import Selection, Span
from dashboard.bricks.loader import BrickLoader
from dashboard.catalog.volume_file import VolumeFile
from dashboard.frames.cell_reductions import Cells, can_subtract
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.masks import mask_selection
from dashboard.frames.plane_reader import Convert, Cut, PlaneReader
from dashboard.frames.projection import Projection
from dashboard.frames.running_sums import RunningSums, SlabSums
from dashboard.frames.unpacking import Packing
from dashboard.meter import meter

# Planes that are no views of bricks are reduced in groups of so many bytes, two of which are in memory.
GROUP_BYTES: Final = 32 * 2**20
# Sums of fewer slices are not kept: to add them up anew takes as long.
MIN_KEPT: Final = 16


class SlabReader(PlaneReader):
    """Reads the slices of a projection, the selection's first, and reduces them.

    The first plane of each brick is the viewer's demand. `sums` has those of slabs that were reduced lately.
    """

    _may_take_cells = False

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
        sums: RunningSums,
    ) -> None:
        # Across one of its dimensions, a mask leaves out other pixels of each slice.
        is_apart = projection.axis < len(selection.items) - 2
        super().__init__(
            loader, contiguous, file, selection, requester, packing, mask if is_apart else None
        )
        self._projection = projection
        self._sums = sums
        self._mask_across = None if is_apart else mask
        axis, index = projection.axis, selection.fixed[projection.axis]
        slab = projection.slab(index, self._volume.shape[axis])
        self._slab = slab
        self._extent[axis] = slab.start, slab.stop
        self._indices = sorted(slab, key=lambda at: abs(at - index))
        self._thickness = self._volume.grid.brick_shape(*selection.plane)[axis]
        # The bricks of each layer of them, tile by tile.
        self._layers: dict[int, list[BrickAddress]] = {}
        if not self._direct:
            for at in self._indices:
                self._layer(at)

    def _layer(self, at: int) -> list[BrickAddress]:
        """The bricks of a slice, tile by tile."""
        axis = self._projection.axis
        number = at // self._thickness
        if number not in self._layers:
            self._layers[number] = self._volume.bricks(self._selection.at(axis, at))
        return self._layers[number]

    def _decoded_bytes(self) -> int:
        if self._direct:
            (top, bottom), (left, right) = (self._extent[dim] for dim in self._selection.plane)
            cells = len(self._indices) * (bottom - top) * (right - left)
            return cells * self._volume.dtype.itemsize
        decoded = self._volume.grid.decoded_bytes
        return sum(decoded(brick) for layer in self._layers.values() for brick in layer)

    def _result_dtype(self, kind: np.dtype[Any]) -> np.dtype[Any]:
        return self._projection.result_dtype(kind)

    def _displayed(
        self, rows: tuple[int, int, int], step_c: int, kind: np.dtype[Any], convert: Convert
    ) -> NDArray[Any]:
        whole = self._shape(rows, step_c)
        masked = self._masked(rows, step_c)
        if self._direct:
            planes = self._read(rows, step_c)
            if masked is None:
                return self._reduced(whole, kind, planes, convert)
            return self._reduced(whole, kind, self._unmasked(planes, masked, convert), _as_is)
        out = np.empty(whole, self._result_dtype(kind))
        for tile, brick in enumerate(self._bricks):
            target, source = self._cut(brick, rows, step_c)
            shape = out[target].shape
            if 0 in shape:
                continue
            size = (shape[0], shape[1])
            if masked is None:
                found = self._tile(tile, source, size, kind, convert)
            else:
                there = np.broadcast_to(masked, (len(masked), *whole))[:, *target]
                planes = self._views(tile, source, self._indices)
                left = self._unmasked(planes, there, convert)
                found = self._reduced(size, kind, left, _as_is)
            if shape == whole:
                return found
            out[target] = found
        return out

    def _masked(self, rows: tuple[int, int, int], step_c: int) -> NDArray[np.bool_] | None:
        """What the mask leaves out of each slice: an array that broadcasts to (slices, rows, columns)."""
        if self._mask_across is None:
            return None
        axis, (row, column) = self._projection.axis, self._selection.plane
        items = list(self._selection.items)
        items[axis] = Span(self._slab.start, self._slab.stop)
        items[row], items[column] = Span(*rows), replace(self._selection.col_span, step=step_c)
        selection = mask_selection(Selection(tuple(items)))
        mask = PlaneReader(self._loader, self._contiguous, self._mask_across, selection, SCRIPT)
        masked: NDArray[np.bool_] = mask.stored() != 0
        self.integrity_checks += mask.integrity_checks
        slices = masked if axis == len(items) - 2 else masked.T
        # The other dimension of the mask is that of the columns, or has one index.
        return slices[:, None]

    def _unmasked(
        self, planes: Iterable[NDArray[Any]], masked: NDArray[np.bool_], convert: Convert
    ) -> Iterator[NDArray[Any]]:
        """The displayed values of all slices, NaN where they are masked."""
        for at, plane in zip(self._indices, planes, strict=True):
            displayed = convert(plane)
            np.copyto(displayed, np.nan, where=masked[at - self._slab.start])
            yield displayed

    def _tile(
        self, tile: int, source: Cut, shape: tuple[int, int], kind: np.dtype[Any], convert: Convert
    ) -> NDArray[Any]:
        """The projection of one tile: of all its planes, or by the sums of a slab that is near."""
        if (
            len(self._indices) < MIN_KEPT
            or not can_subtract(self._projection.reduction, kind)
            or self._volume.swmr_index is not None
        ):
            return self._reduced(shape, kind, self._views(tile, source, self._indices), convert)
        key = self._sums_key(tile, source)
        sums = self._sums.take(key, self._indices)
        entering, removed = sums.steps_to(self._indices)
        # Each brick of the slab is asked for, also those whose planes are in the sums.
        nearest = {at // self._thickness: at for at in reversed(self._indices)}
        for _ in self._views(tile, source, reversed(nearest.values())):
            pass
        planes = self._views(tile, source, entering)
        gone = list(self._views(tile, source, removed))
        found = self._reduced(shape, kind, planes, convert, sums.cells, gone)
        self._sums.put(key, SlabSums(frozenset(self._indices), sums.cells))
        return found

    def _sums_key(self, tile: int, source: Cut) -> str:
        """What the sums of a tile are of, wherever the slab lies."""
        axis, packing = self._projection.axis, self._packing
        cut = [[part.start, part.stop, part.step] for part in source]
        return digest(
            self._volume.address.key,
            str(self._selection.at(axis, 0)),
            axis,
            self._projection.reduction,
            tile,
            cut,
            None if packing is None else packing.key,
        )

    def _views(self, tile: int, source: Cut, indices: Iterable[int]) -> Iterator[NDArray[Any]]:
        """A part of the planes of one tile, in some slices."""
        fixed = self._selection.fixed
        for at in indices:
            fixed[self._projection.axis] = at
            yield self._plane(self._layer(at)[tile], fixed)[source]

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
        sums: dict[int, Cells] | None = None,
        removed: Sequence[NDArray[Any]] = (),
    ) -> NDArray[Any]:
        """Planes reduced to one, as by `Projection.reduce`."""
        groups = _groups(planes)
        # Planes are read between its steps, whose time is that of other stages.
        with meter(Stage.SCALE):
            return self._projection.reduce(groups, shape, kind, convert, sums, removed)


def _as_is(values: NDArray[Any]) -> NDArray[Any]:
    return values


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
