"""Description of the datasets of a file as JSON, and whether and how they can be displayed."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any, TypeVar

import h5py
import numpy as np

from dashboard.addressing.selection import MAX_RANK
from dashboard.codecs import filters
from dashboard.files.natural_order import natural_path_key
from dashboard.hdf5.messages import (
    DatasetRecord,
    DatasetSummary,
    DescribeDataset,
    FileListing,
    ListDatasets,
    Storage,
    View,
    pack,
)
from dashboard.hdf5.worker import numbers
from dashboard.hdf5.worker.filters import client_data_fault
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.links import LinkResolver, tree_of
from dashboard.hdf5.worker.listing import ListedObject, Listing
from dashboard.hdf5.worker.main_dataset import main_dataset
from dashboard.hdf5.worker.refused import ObjectRefused
from dashboard.hdf5.worker.sources import Sources, external_files, virtual_sources
from dashboard.hdf5.worker.value_types import Shape, ValueType, spread, type_of

# A page with more is useless, and the response takes more than 10 MB.
MAX_OBJECTS = 50_000
# Share of the time limit after which a listing is returned incomplete.
LISTING_SHARE = 0.7

T = TypeVar("T")


def list_datasets(_: ListDatasets, job: Job) -> tuple[FileListing, bytes]:
    """All datasets of a file, with the reason where one cannot be displayed."""
    records: list[DatasetSummary] = []
    objects = 0
    began = time.monotonic()
    with tree_of(job) as tree:
        listing = Listing(tree, MAX_OBJECTS, began + LISTING_SHARE * job.seconds)
        for found in listing.objects():
            objects += 1
            if found.id is None:
                records.append(_unknown(found.path, found.reason, linked=True))
            elif isinstance(found.id, h5py.h5d.DatasetID):
                records.append(_summary(tree, found))
        swmr = bool(tree.files[tree.path].swmr_mode)
        if listing.aliases:
            records.sort(key=lambda record: natural_path_key(record.dataset))
        hurried = not listing.complete and objects < MAX_OBJECTS
        default = main_dataset(tree, records)
    return FileListing(tuple(records), listing.complete, hurried, swmr, default), b""


def describe_one(request: DescribeDataset, job: Job) -> tuple[DatasetRecord, bytes]:
    """One dataset, found link by link."""
    with tree_of(job) as tree:
        try:
            found = tree.find(request.dataset)
        except ObjectRefused as refused:
            if refused.code != "cannot_show":
                raise
            # The target of a link can change without a change of this file.
            return DatasetRecord(_unknown(request.dataset, refused.message, linked=True), None), b""
        if not isinstance(found, h5py.Dataset):
            raise ObjectRefused(f"{request.dataset!r} is a group, not a dataset.", "not_found")
        return _record(tree, request.dataset, found, request.stored_bytes), b""


def _unknown(path: str, reason: str, linked: bool = False) -> DatasetSummary:
    return DatasetSummary(
        dataset=path,
        shape=None,
        dtype=None,
        element=None,
        chunks=None,
        filters=(),
        stored_bytes=0,
        browsable=False,
        reason=reason,
        linked=linked,
        view=None,
        growable=False,
    )


def _record(
    tree: LinkResolver, path: str, dataset: h5py.Dataset, stored_bytes: int | None
) -> DatasetRecord:
    """The full record of a dataset that was found through the files `tree.visited`."""
    return _guarded(
        lambda: _describe(tree, path, dataset, stored_bytes),
        lambda reason, linked: DatasetRecord(_unknown(path, reason, linked), None),
    )


def _summary(tree: LinkResolver, found: ListedObject) -> DatasetSummary:
    """The record of a dataset in a listing."""
    return _guarded(
        lambda: _stored_here(tree, found) or _full_summary(tree, found),
        lambda reason, linked: _unknown(found.path, reason, linked),
    )


def _guarded(make: Callable[[], T], unknown: Callable[[str, bool], T]) -> T:
    try:
        return make()
    except ObjectRefused as refused:
        if refused.code == "busy":
            raise
        return unknown(refused.message, True)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError):
        return unknown("The HDF5 library cannot describe this dataset; it may be damaged.", False)


def _stored_here(tree: LinkResolver, found: ListedObject) -> DatasetSummary | None:
    """The record of a contiguous dataset with values in the file itself, None for any other.

    Does not read the creation properties, whose copy takes the library as long as everything else.
    """
    if found.file != tree.path or found.id.get_offset() is None:
        return None
    return _basics(found.path, found.id.shape, type_of(found.id), None, [], found.id)


def _full_summary(tree: LinkResolver, found: ListedObject) -> DatasetSummary:
    record, *_ = _common(tree, found.path, found.id, found.file != tree.path)
    return record


def _common(
    tree: LinkResolver,
    path: str,
    dataset: h5py.h5d.DatasetID,
    elsewhere: bool,
    stored_bytes: int | None = None,
) -> tuple[DatasetSummary, ValueType, Any, Sources]:
    """(record in a listing, type, creation properties, sources of the values) of a dataset.

    `elsewhere` says that it is not in the file itself. h5py's own object is made only where it is needed: that
    copies the creation properties again.
    """
    plist = dataset.get_create_plist()
    # Before reading the shape, for which an unlimited virtual dataset opens its sources.
    sources, layout = Sources(), plist.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        sources = virtual_sources(tree, h5py.Dataset(dataset))
    elif plist.get_external_count():
        sources = Sources(external_files(tree, h5py.Dataset(dataset)))
    filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    kind = type_of(dataset)
    shape = dataset.shape
    chunks = plist.get_chunk() if layout == h5py.h5d.CHUNKED else None
    is_fixed = layout in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT) and not sources.depends
    others = None if is_fixed else sources
    record = _basics(path, shape, kind, chunks, filters, dataset, others, stored_bytes)
    if record.browsable and (fault := client_data_fault(dataset, plist)):
        record = replace(record, browsable=False, reason=fault)
    # The description can change without a change of this file.
    if sources.depends or sources.absent or sources.missing or elsewhere:
        record = replace(record, linked=True)
    return record, kind, plist, sources


def _basics(
    path: str,
    extent: Shape | None,
    stored: ValueType,
    blocks: Shape | None,
    filters: list[tuple[int, int, tuple[int, ...], bytes]],
    dataset: Any,
    sources: Sources | None = None,
    stored_bytes: int | None = None,
) -> DatasetSummary:
    """The record of a dataset by its extent, stored type and chunk shape."""
    kind, shape, chunks = stored, extent, blocks
    if extent is not None:
        kind, shape, chunks = spread(stored, extent, blocks)
    reason = _unbrowsable_reason(shape, kind.name, kind.dtype, filters, sources)
    if stored_bytes is None:
        stored_bytes = int(dataset.get_storage_size())
    warnings = ["" if sources is None else sources.warning()]
    if kind.name in numbers.WIDE:
        warnings.append(numbers.WARNING)
    return DatasetSummary(
        dataset=path,
        shape=shape,
        dtype=kind.name,
        element=None if kind.dtype is None or kind.element is None else str(kind.element),
        chunks=chunks,
        filters=tuple(_filter_name(f) for f in filters),
        stored_bytes=stored_bytes,
        browsable=not reason,
        reason=reason or " ".join(filter(None, warnings)),
        linked=False,
        view=_view(shape, kind.name, kind.dtype),
        # Contiguous values have their final size.
        growable=(chunks is not None or sources is not None) and _growable(extent, dataset),
    )


def _growable(shape: tuple[int, ...] | None, dataset: Any) -> bool:
    if not shape:
        return False
    limits = dataset.get_space().get_simple_extent_dims(True)
    return any(most is None or most > n for n, most in zip(shape, limits, strict=True))


def _view(shape: tuple[int, ...] | None, kind: str, dtype: np.dtype[Any] | None) -> View:
    """How values of this shape and type are shown; `dtype` is None for other types than numbers."""
    if shape is None:
        return "value"
    if prod(shape) == 1 and (kind == "string" or len(shape) < 2):
        return "text" if kind == "string" else "value"
    if dtype is None or len(shape) > MAX_RANK:
        return "table"
    if len(shape) > 1:
        return "slices"
    return "curve" if prod(shape) else "table"


def _describe(
    tree: LinkResolver, path: str, dataset: h5py.Dataset, stored_bytes: int | None
) -> DatasetRecord:
    # Any file on the path may link to another target later.
    passed = tree.visited - {tree.path}
    record, stored, plist, sources = _common(tree, path, dataset.id, bool(passed), stored_bytes)
    element = None if record.element is None else stored.element
    dtype = stored.dtype if element is None else element.base
    if not record.browsable or dtype is None:
        return DatasetRecord(record, None)
    layout = plist.get_layout()
    filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    storage = Storage(
        numpy=dtype.str,
        layout=_layout(plist, layout),
        offset=_offset(dataset, layout, plist),
        pipeline=tuple((int(f[0]), tuple(int(v) for v in f[2])) for f in filters),
        plain=element is None and _is_plain(dataset, dtype),
        # That of elements is of several numbers.
        fill=_fill(plist, dtype, dataset) if element is None else bytes(dtype.itemsize).hex(),
        fill_set=element is None and plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED,
        swmr=bool(dataset.file.swmr_mode),
        enum=_enum(dataset),
        inner=pack(dataset.name),
        source=pack(tree.path_of(dataset)),
        depends=tuple(sorted(map(pack, sources.depends | passed))),
        absent=tuple(sorted(map(pack, sources.absent | tree.absent))),
    )
    return DatasetRecord(record, storage)


def _filter_name(entry: tuple[int, int, tuple[int, ...], bytes]) -> str:
    return (
        filters.NAMES.get(entry[0])
        or entry[3].decode("utf-8", "replace")[:40]
        or f"filter {entry[0]}"
    )


def _unbrowsable_reason(
    shape: tuple[int, ...] | None,
    kind: str,
    dtype: np.dtype[Any] | None,
    filters: list[tuple[int, int, tuple[int, ...], bytes]],
    sources: Sources | None,
) -> str:
    if shape is None:
        return "It is empty: it holds no values at all."
    if dtype is None:
        return f"Values of type {kind} cannot be shown as a picture."
    if not shape:
        return "It is a single value, not a volume."
    if len(shape) < 2:
        return "It has one dimension; a slice needs two."
    if len(shape) > MAX_RANK:
        return f"It has {len(shape)} dimensions; at most {MAX_RANK} can be shown."
    if 0 in shape:
        return "It is empty: one of its dimensions has no entries."
    for entry in filters:
        if not h5py.h5z.filter_avail(entry[0]) and not plugin_has(entry[0]):
            name = _filter_name(entry)
            return (
                f"It needs the HDF5 filter {name!r} (number {entry[0]}), which this server lacks;"
                " hdf5plugin may have it, else `h5repack` can rewrite the file without it."
            )
    return "" if sources is None else sources.nothing_there


def plugin_has(number: int) -> bool:
    """Whether hdf5plugin provides the filter; it is loaded when a file needs one."""
    importlib.import_module("hdf5plugin")
    return bool(h5py.h5z.filter_avail(number))


def _layout(plist: Any, layout: int) -> str:
    if plist.get_external_count():
        return "external"
    names = {
        h5py.h5d.CHUNKED: "chunked",
        h5py.h5d.CONTIGUOUS: "contiguous",
        h5py.h5d.COMPACT: "compact",
        h5py.h5d.VIRTUAL: "virtual",
    }
    return names.get(layout, "other")


def _offset(dataset: h5py.Dataset, layout: int, plist: Any) -> int | None:
    """File offset of contiguous values (bytes), or None when nothing is stored yet."""
    if layout != h5py.h5d.CONTIGUOUS or plist.get_external_count():
        return None
    offset = dataset.id.get_offset()
    return None if offset is None else int(offset)


def _is_plain(dataset: h5py.Dataset, dtype: np.dtype[Any]) -> bool:
    """Whether the file's type has the same representation as NumPy's, so that no conversion is needed."""
    stored = dataset.id.get_type()
    if isinstance(stored, h5py.h5t.TypeCompoundID):
        return numbers.has_halves(stored, dtype)
    if isinstance(stored, h5py.h5t.TypeEnumID):
        stored = stored.get_super()
        dtype = np.dtype("i1") if dtype.kind == "b" else dtype
        if stored.get_size() == 1 and dtype.itemsize == 1:
            return True
    return bool(stored.equal(h5py.h5t.py_create(dtype)))


def _fill(plist: Any, dtype: np.dtype[Any], dataset: h5py.Dataset) -> str:
    """The fill value as hexadecimal bytes in the dataset's own type."""
    if plist.fill_value_defined() != h5py.h5d.FILL_VALUE_USER_DEFINED:
        return bytes(dtype.itemsize).hex()
    fill = numbers.as_complex(np.asarray(dataset.fillvalue))
    return fill.astype(dtype).tobytes().hex()


def _enum(dataset: h5py.Dataset) -> dict[str, int] | None:
    if not isinstance(dataset.id.get_type(), h5py.h5t.TypeEnumID):
        return None
    values = h5py.check_enum_dtype(dataset.dtype)
    # Without a limit: a type's description takes at most 64 kB of the file.
    return None if values is None else {str(k): int(v) for k, v in values.items()}
