"""An HDF5 file around values that are written between its parts by somebody else."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from math import prod
from typing import Any

import h5py
import numpy as np

from dashboard.hdf5.messages import CutOut, MakeCutOut, unpack
from dashboard.hdf5.worker.elements import element_in
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.links import tree_of
from dashboard.hdf5.worker.read import open_dataset

# More of them, or longer ones, are no part of what the values mean.
MAX_ATTRIBUTES = 500
MAX_ATTRIBUTE_VALUES = 1_000

# How CF packs values, and which of the stored ones stand for none; of unpacked values they mean nothing.
PACKING = frozenset(
    (
        *("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned"),
        *("valid_min", "valid_max", "valid_range", "actual_range"),
    )
)


def make(request: MakeCutOut, job: Job) -> tuple[CutOut, bytes]:
    """A file with one contiguous dataset of the source's type and attributes, without its values.

    References among the attributes lead nowhere in another file, and are left out, as are long ones. The file is
    in memory, and its values, which are never written, take none.
    """
    with tree_of(job) as tree, os.fdopen(os.memfd_create("cut-out"), "w+b") as made:
        source = open_dataset(tree, request.dataset)
        with h5py.File(made, "w") as file:
            stored = request.unpacked is None
            element = element_in(source)
            own = source.dtype if element is None else element.base
            dtype = own if stored else np.dtype(request.unpacked)
            path = os.fsencode(unpack(request.name))
            dataset = _create(file, path, dtype, request.shape)
            _copy_attributes(source, dataset, leave_out=() if stored else PACKING)
            for name, text in request.origin.items():
                dataset.attrs[name] = text
            offset, size = dataset.id.get_offset(), dataset.id.get_storage_size()
        end = made.seek(0, os.SEEK_END)
        before = os.pread(made.fileno(), offset, 0)
        after = os.pread(made.fileno(), max(end - offset - size, 0), offset + size)
        return CutOut(offset, size), before + after


def _create(file: Any, name: bytes, dtype: Any, shape: Sequence[int]) -> h5py.Dataset:
    # Allocated, so that the values have a place, and not filled.
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    groups = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    groups.set_create_intermediate_group(True)
    kind = h5py.h5t.py_create(dtype, logical=True)
    space = h5py.h5s.create_simple(tuple(shape))
    return h5py.Dataset(h5py.h5d.create(file.id, name, kind, space, plist, groups))


def _copy_attributes(
    source: h5py.Dataset, dataset: h5py.Dataset, leave_out: Collection[str]
) -> None:
    for name in list(source.attrs)[:MAX_ATTRIBUTES]:
        if name in leave_out:
            continue
        try:
            found = source.attrs.get_id(name)
            if prod(found.shape or (1,)) > MAX_ATTRIBUTE_VALUES or _refers(found.dtype):
                continue
            dataset.attrs.create(name, source.attrs[name], dtype=found.dtype)
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeError):
            continue


def _refers(dtype: np.dtype[Any]) -> bool:
    """Whether values of a type are references, or have some within."""
    if dtype.names is not None:
        return any(_refers(dtype[name]) for name in dtype.names)
    if dtype.subdtype is not None:
        return _refers(dtype.subdtype[0])
    inner = h5py.check_vlen_dtype(dtype)
    if inner is not None and isinstance(inner, np.dtype):
        return _refers(inner)
    return h5py.check_ref_dtype(dtype) is not None
