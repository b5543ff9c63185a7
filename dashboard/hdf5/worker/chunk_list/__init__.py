"""Where the chunks of a dataset are stored, as libhdf5 lists them.

h5py calls a Python function with a new object for each chunk, which takes half a minute for ten million. From C,
the same function of the library takes seconds. The C file is compiled at installation, given a C compiler, and
used with HDF5 1.14 or later, whose signature it has; otherwise h5py lists.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

try:
    from dashboard.hdf5.worker.chunk_list import _native
except ImportError:
    _compiled = False
else:
    _compiled = True

# Chunks whose objects are in memory at a time.
BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class ChunkList:
    """The chunks within a dataset's shape, by grid number (C order).

    Four arrays of one length: grid number, file offset (bytes), stored size (bytes), filter mask. `is_sound` says
    that no two have one number and that all begin where a chunk of the grid does, `is_inside` that there are none
    outside.
    """

    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    masks: NDArray[np.uint32]
    is_sound: bool
    is_inside: bool

    @property
    def parts(self) -> tuple[NDArray[Any], ...]:
        """The four arrays."""
        return self.numbers, self.offsets, self.sizes, self.masks


def available() -> bool:
    """Whether chunks are listed from C."""
    return _compiled and h5py.version.hdf5_version_tuple >= (1, 14) and _function() is not None


@cache
def _function() -> int | None:
    """The address of `H5Dchunk_iter` in the library that h5py uses."""
    with suppress(OSError, AttributeError):
        # Looked for in what this module is linked to.
        library = ctypes.CDLL(h5py.h5d.__file__)
        return ctypes.cast(library.H5Dchunk_iter, ctypes.c_void_p).value
    return None


def chunks_of(dataset: h5py.Dataset) -> ChunkList:
    """The chunks of a dataset that is stored in chunks; raises as h5py does where the library cannot list them."""
    # A growing dataset may have a side of length 0.
    if available() and all(dataset.shape):
        # h5py has the message of an error.
        with suppress(OSError):
            return _listed(dataset)
    return _listed_by_h5py(dataset)


def _listed(dataset: h5py.Dataset) -> ChunkList:
    *parts, masks, is_ordered, is_sound, is_inside = _native.listed(
        _function(), dataset.id.id, dataset.shape, dataset.chunks
    )
    numbers, offsets, sizes = (np.frombuffer(part, np.int64) for part in parts)
    found = ChunkList(numbers, offsets, sizes, np.frombuffer(masks, np.uint32), is_sound, is_inside)
    return found if is_ordered else _ordered(found)


def _listed_by_h5py(dataset: h5py.Dataset) -> ChunkList:
    shape, chunks = np.array(dataset.shape), np.array(dataset.chunks)
    infos: list[Any] = []
    blocks: list[tuple[NDArray[np.int64], ...]] = []

    def flush() -> None:
        corners = np.fromiter(chain.from_iterable(info.chunk_offset for info in infos), np.int64)
        rest = [(info.byte_offset, info.size, info.filter_mask) for info in infos]
        blocks.append((corners.reshape(-1, len(shape)), np.array(rest, np.int64).reshape(-1, 3)))
        infos.clear()

    def note(info: Any) -> None:
        infos.append(info)
        if len(infos) == BLOCK:
            flush()

    dataset.id.chunk_iter(note)
    flush()
    corners, rest = (np.concatenate(part) for part in zip(*blocks, strict=True))
    inside = ((corners >= 0) & (corners < shape)).all(axis=1)
    corners, rest = corners[inside], rest[inside]
    numbers = np.zeros(len(corners), np.int64)
    for dim, chunk in enumerate(chunks):
        numbers = numbers * -(-shape[dim] // chunk) + corners[:, dim] // chunk
    is_sound = not (corners % chunks).any()
    offsets, sizes, masks = rest.T
    found = ChunkList(
        numbers, offsets, sizes, masks.astype(np.uint32), is_sound, bool(inside.all())
    )
    return _ordered(found)


def _ordered(found: ChunkList) -> ChunkList:
    order = np.argsort(found.numbers, kind="stable")
    numbers = found.numbers[order]
    return replace(
        found,
        numbers=numbers,
        offsets=found.offsets[order],
        sizes=found.sizes[order],
        masks=found.masks[order],
        is_sound=found.is_sound and bool((np.diff(numbers) != 0).all()),
    )
