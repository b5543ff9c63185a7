"""Elements that are several numbers: arrays, and the fields of colours; these numbers are further dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dashboard.hdf5.worker.numbers import read

# What the fields of a colour are called, whichever comes first in an element.
_COLORS = (
    *(("r", "g", "b", "a"), ("r", "g", "b")),
    *(("red", "green", "blue", "alpha"), ("red", "green", "blue")),
)


@dataclass(frozen=True, slots=True)
class Element:
    """An element of several numbers of the type `base`.

    `shape` has their dimensions, which follow those of the dataset, and `fields` the names of a compound's, red
    first.
    """

    base: np.dtype[Any]
    shape: tuple[int, ...]
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.fields:
            return f"{{{', '.join(self.fields)}}} of {self.base.name}"
        return f"{self.base.name}[{'×'.join(map(str, self.shape))}]"


def element_of(dtype: np.dtype[Any]) -> Element | None:
    """The element of a type that is an array of numbers or a colour; None for other types."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return Element(np.dtype(base.str), shape) if _is_number(base) and prod(shape) else None
    by_name = {name.lower(): name for name in dtype.names or ()}
    for colors in _COLORS:
        if set(by_name) == set(colors) and len(by_name) == len(dtype.names or ()):
            fields = tuple(by_name[color] for color in colors)
            base = dtype[fields[0]]
            if _is_number(base) and all(dtype[field] == base for field in fields):
                return Element(np.dtype(base.str), (len(fields),), fields)
    return None


def _is_number(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iuf" and dtype.itemsize <= 8 and h5py.check_dtype(vlen=dtype) is None


def is_spread(element: Element, shape: tuple[int, ...]) -> bool:
    """Whether elements in this shape are shown as further dimensions: a picture; rows of them are a table."""
    return len(shape) > 1 or (len(shape) == 1 and len(element.shape) > 1)


def element_in(dataset: h5py.Dataset) -> Element | None:
    """The element of a dataset whose elements are shown as further dimensions."""
    if dataset.id.get_type().get_class() not in (h5py.h5t.ARRAY, h5py.h5t.COMPOUND):
        return None
    element = element_of(dataset.dtype)
    return element if element is not None and is_spread(element, dataset.shape or ()) else None


def chunks_of(dataset: h5py.Dataset) -> tuple[int, ...] | None:
    """The chunk shape, with the dimensions of elements; None where values are not in chunks."""
    element = element_in(dataset)
    return (
        dataset.chunks
        if element is None or dataset.chunks is None
        else (*dataset.chunks, *element.shape)
    )


def read_box(dataset: h5py.Dataset, box: tuple[slice, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values of a box whose last dimensions are those of elements, if these have some."""
    element = element_in(dataset)
    if element is None:
        return read(dataset, box, dtype)
    rank = len(dataset.shape)
    values = np.asarray(dataset[box[:rank]])
    if element.fields:
        values = np.stack([values[field] for field in element.fields[box[rank]]], axis=-1)
        return values
    inner: NDArray[Any] = values[(slice(None),) * rank + box[rank:]]
    return inner
