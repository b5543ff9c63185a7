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

# A page with more is useless, and the response takes more than 10 MB.
MAX_OBJECTS = 50_000
# Share of the time limit after which a listing is returned incomplete.
LISTING_SHARE = 0.7
MAX_KNOWN_TYPES = 256

T = TypeVar("T")

_known_types: dict[bytes, tuple[str, np.dtype[Any] | None]] = {}


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
        return _record(tree, request.dataset, found), b""


def _unknown(path: str, reason: str, linked: bool = False) -> DatasetSummary:
    return DatasetSummary(
        dataset=path,
        shape=None,
        dtype=None,
        chunks=None,
        filters=(),
        stored_bytes=0,
        browsable=False,
        reason=reason,
        linked=linked,
        view=None,
        growable=False,
    )


def _record(tree: LinkResolver, path: str, dataset: h5py.Dataset) -> DatasetRecord:
    """The full record of a dataset that was found through the files `tree.visited`."""
    return _guarded(
        lambda: _describe(tree, path, dataset),
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
    kind, dtype = _dtype(found.id)
    shape = found.id.shape
    return _basics(found.path, shape, kind, dtype, None, [], found.id)


def _full_summary(tree: LinkResolver, found: ListedObject) -> DatasetSummary:
    record, *_ = _common(tree, found.path, h5py.Dataset(found.id), found.file != tree.path)
    return record


def _common(
    tree: LinkResolver, path: str, dataset: h5py.Dataset, elsewhere: bool
) -> tuple[DatasetSummary, np.dtype[Any] | None, Any, Sources]:
    """(record in a listing, type, creation properties, sources of the values) of a dataset.

    `elsewhere` says that it is not in the file itself.
    """
    plist = dataset.id.get_create_plist()
    # Before reading the shape, for which an unlimited virtual dataset opens its sources.
    sources = Sources()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        sources = virtual_sources(tree, dataset)
    elif plist.get_external_count():
        sources = Sources(external_files(tree, dataset))
    filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    kind, dtype = _dtype(dataset.id)
    shape = None if dataset.shape is None else tuple(int(n) for n in dataset.shape)
    chunks = None if dataset.chunks is None else tuple(int(n) for n in dataset.chunks)
    record = _basics(path, shape, kind, dtype, chunks, filters, dataset.id, sources)
    if record.browsable and (fault := client_data_fault(dataset, plist)):
        record = replace(record, browsable=False, reason=fault)
    # The description can change without a change of this file.
    linked = bool(sources.depends or sources.absent or sources.missing or elsewhere)
    return replace(record, linked=linked), dtype, plist, sources


def _basics(
    path: str,
    shape: tuple[int, ...] | None,
    kind: str,
    dtype: np.dtype[Any] | None,
    chunks: tuple[int, ...] | None,
    filters: list[tuple[int, int, tuple[int, ...], bytes]],
    dataset: Any,
    sources: Sources | None = None,
) -> DatasetSummary:
    reason = _unbrowsable_reason(shape, kind, dtype, filters, sources)
    warnings = ["" if sources is None else sources.warning()]
    if kind in numbers.WIDE:
        warnings.append(numbers.WARNING)
    return DatasetSummary(
        dataset=path,
        shape=shape,
        dtype=kind,
        chunks=chunks,
        filters=tuple(_filter_name(f) for f in filters),
        stored_bytes=int(dataset.get_storage_size()),
        browsable=not reason,
        reason=reason or " ".join(filter(None, warnings)),
        linked=False,
        view=_view(shape, kind, dtype),
        # Contiguous values have their final size.
        growable=(chunks is not None or sources is not None) and _growable(shape, dataset),
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


def _describe(tree: LinkResolver, path: str, dataset: h5py.Dataset) -> DatasetRecord:
    # Any file on the path may link to another target later.
    passed = tree.visited - {tree.path}
    record, dtype, plist, sources = _common(tree, path, dataset, bool(passed))
    if not record.browsable or dtype is None:
        return DatasetRecord(record, None)
    layout = plist.get_layout()
    filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    storage = Storage(
        numpy=dtype.str,
        layout=_layout(plist, layout),
        offset=_offset(dataset, layout, plist),
        pipeline=tuple((int(f[0]), tuple(int(v) for v in f[2])) for f in filters),
        plain=_is_plain(dataset, dtype),
        fill=_fill(plist, dtype, dataset),
        fill_set=plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED,
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


def type_name(found: Any) -> str:
    """The name of the type of a dataset's or an attribute's values, by its low-level identifier."""
    return _dtype(found)[0]


def _dtype(dataset: Any) -> tuple[str, np.dtype[Any] | None]:
    """(name of the type, its NumPy type or None when it cannot be displayed).

    Cached by the encoded type, which takes a fifth of the time of constructing NumPy's.
    """
    stored = dataset.get_type()
    key = stored.encode()
    known = _known_types.get(key)
    if known is None:
        known = _classify(stored)
        if len(_known_types) >= MAX_KNOWN_TYPES:
            _known_types.clear()
        _known_types[key] = known
    return known


def _classify(stored: Any) -> tuple[str, np.dtype[Any] | None]:
    wide = numbers.wide_type(stored)
    if wide is not None:
        return wide
    try:
        dtype = stored.dtype
    except (TypeError, ValueError):
        return "an unknown type", None
    if h5py.check_string_dtype(dtype) is not None or dtype.kind in "SU":
        return "string", None
    if h5py.check_vlen_dtype(dtype) is not None:
        return "variable length", None
    if h5py.check_ref_dtype(dtype) is not None:
        return "reference", None
    if dtype.subdtype is not None:
        return "array", None
    halves = numbers.complex_type(dtype)
    if halves is not None:
        return halves.name, halves
    if dtype.kind == "V":
        return "compound" if dtype.names else "opaque", None
    if dtype.kind in "biu" and dtype.itemsize <= 8:
        return dtype.name, np.dtype(dtype.str)
    if (dtype.kind == "f" and dtype.itemsize in (2, 4, 8)) or (
        dtype.kind == "c" and dtype.itemsize in (8, 16)
    ):
        return dtype.name, np.dtype(dtype.str)
    return dtype.name, None


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
