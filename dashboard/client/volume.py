"""A dataset of a server as an array."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dashboard.client.client import Client, Scaled
    from dashboard.client.figures import Shape
    from dashboard.client.job import RunningJob
    from dashboard.client.options import DisplayOptions, Point, SliceOptions
    from dashboard.web.analysis_answers import HistogramCounts, LineProfile, RegionStatistics
    from dashboard.web.answers import Value

Index = int | slice | EllipsisType


@dataclass(frozen=True)
class Volume:
    """A dataset of a server, indexed as in h5py with two slices and otherwise integers."""

    client: Client
    file: str
    dataset: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def __getitem__(self, index: Index | tuple[Index, ...]) -> NDArray[Any]:
        """A slice, an array (rows, columns); raises `ServerError` for another number of slices."""
        return self.client.slice(self.file, self.dataset, self._text(index))

    def slice(
        self, index: Index | tuple[Index, ...], **options: Unpack[SliceOptions]
    ) -> NDArray[Any]:
        """A slice with the options of `Client.slice`, such as a `pool` of the blocks that steps make."""
        return self.client.slice(self.file, self.dataset, self._text(index), **options)

    def scaled(self, index: Index | tuple[Index, ...], **display: Unpack[DisplayOptions]) -> Scaled:
        """A slice as it is shown, with the options of `Client.scaled`."""
        return self.client.scaled(self.file, self.dataset, self._text(index), **display)

    def image(self, index: Index | tuple[Index, ...], **display: Unpack[DisplayOptions]) -> bytes:
        """A slice as a PNG, with the options of `scaled`."""
        return self.client.image(self.file, self.dataset, self._text(index), **display)

    def cutout(self, index: Index | tuple[Index, ...], **options: Any) -> NDArray[Any]:
        """A part as an array, also of more than two dimensions, with the options of `Client.cutout`."""
        return self.client.cutout(self.file, self.dataset, self._text(index), **options)

    def export(self, index: Index | tuple[Index, ...], path: str | Path, **options: Any) -> Path:
        """Write a part to a file, with the options of `Client.export`."""
        return self.client.export(self.file, self.dataset, self._text(index), path, **options)

    def value(self, *index: int) -> Value:
        """The exact value of a voxel."""
        return self.client.value(self.file, self.dataset, index)

    def column(
        self, axis: int, at: tuple[int, ...] | None = None, **options: Any
    ) -> dict[str, NDArray[Any]]:
        """The values along an axis through a voxel or a region, with the options of `Client.column`."""
        return self.client.column(self.file, self.dataset, axis, at, **options)

    def histogram(
        self, index: Index | tuple[Index, ...] | None = None, **options: Any
    ) -> HistogramCounts:
        """The histogram of a slice, without an index of the volume, with the options of `Client.histogram`."""
        text = None if index is None else self._text(index)
        return self.client.histogram(self.file, self.dataset, text, **options)

    def profile(
        self, index: Index | tuple[Index, ...], start: Point, end: Point, **options: Any
    ) -> LineProfile:
        """The values along a line on a slice, with the options of `Client.profile`."""
        text = self._text(index)
        return self.client.profile(self.file, self.dataset, text, start, end, **options)

    def region(
        self,
        index: Index | tuple[Index, ...],
        shape: Shape,
        points: Iterable[Point],
        **options: Any,
    ) -> RegionStatistics:
        """Statistics of a region of a slice, with the options of `Client.region`."""
        text = self._text(index)
        return self.client.region(self.file, self.dataset, text, shape, points, **options)

    def warm(self, axis: int = 0, start: int = 0, stop: int | None = None) -> RunningJob:
        """Have what slices across `axis` need decoded into the server's cache.

        Slices are those along the last two of the other dimensions; of further dimensions, all positions.
        """
        others = [dim for dim in range(self.ndim) if dim != axis]
        fixed = (axis, *others[:-2]) if self.ndim > 2 else ()
        text = ",".join(map(str, fixed)) or "none"
        return self.client.warm(self.file, self.dataset, text, start=start, stop=stop)

    def statistics(self, **options: Any) -> RunningJob:
        """Have all values counted, with the options of `Client.statistics`."""
        return self.client.statistics(self.file, self.dataset, **options)

    def _text(self, index: Index | tuple[Index, ...]) -> str:
        return selection_text(index if isinstance(index, tuple) else (index,), self.ndim)


def selection_text(items: tuple[Index, ...], ndim: int) -> str:
    """A NumPy index in the form of the interface: `(700, ..., slice(0, 9))` is `700,:,0:9` in three dimensions.

    Raises IndexError for too many items, TypeError for anything but integers, slices and one ellipsis.
    """
    dots = [at for at, item in enumerate(items) if item is Ellipsis]
    missing = ndim - len(items) + len(dots)
    if missing < 0 or len(dots) > 1:
        raise IndexError(f"The index has {len(items)} items, the dataset {ndim} dimensions.")
    at = dots[0] if dots else len(items)
    before, after = items[:at], items[at + len(dots) :]
    return ",".join(map(_item_text, (*before, *([slice(None)] * missing), *after)))


def _item_text(item: Index) -> str:
    if isinstance(item, slice):
        bounds = ["" if part is None else str(int(part)) for part in (item.start, item.stop)]
        step = "" if item.step is None else f":{int(item.step)}"
        return ":".join(bounds) + step
    if isinstance(item, int | np.integer):
        return str(int(item))
    raise TypeError(f"An index has integers and slices, not {item!r}.")
