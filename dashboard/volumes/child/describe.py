"""What the datasets of a file are, as JSON, and whether and how they can be shown."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dashboard.volumes.child.sources import outside_data, virtual_sources
from dashboard.volumes.child.walk import Refused, Tree

MAX_OBJECTS = 20_000
MAX_RANK = 8
MAX_ATTRIBUTES = 500
MAX_ATTRIBUTE_VALUES = 1_000
MAX_TEXT = 4_000

FILTER_NAMES = {
    1: "gzip",
    2: "shuffle",
    3: "fletcher32",
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    307: "bzip2",
    32000: "lzf",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32013: "zfp",
    32015: "zstd",
    32017: "sz",
    32018: "fcidecomp",
    32024: "sz3",
    32026: "blosc2",
    32028: "sperr",
    32033: "htj2k",
}


def _tree(request: dict[str, Any]) -> Tree:
    return Tree(Path(request["path"]), [Path(root) for root in request["roots"]])


def list_datasets(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """All datasets of a file, those that cannot be shown with the reason; groups as plain paths."""
    records: list[dict[str, Any]] = []
    groups: list[str] = []
    count = 0
    with _tree(request) as tree:
        for path, found, reason in tree.objects(MAX_OBJECTS):
            count += 1
            if isinstance(found, h5py.Group):
                groups.append(path)
            elif found is None:
                records.append(_unknown(path, reason, linked=True))
            elif isinstance(found, h5py.Dataset):
                records.append(_record(tree, path, found))
        swmr = bool(tree.files[tree.path].swmr_mode)
    listing = {"datasets": records, "groups": groups, "complete": count < MAX_OBJECTS}
    return listing | {"swmr": swmr}, b""


def describe_one(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """One dataset, found link by link."""
    with _tree(request) as tree:
        try:
            found = tree.find(request["dataset"])
        except Refused as refused:
            if refused.code != "cannot_show":
                raise
            # Where a link leads can change without a change of this file.
            return _unknown(request["dataset"], refused.message, linked=True), b""
        if not isinstance(found, h5py.Dataset):
            raise Refused(f"{request['dataset']!r} is a group, not a dataset.", "not_found")
        return _record(tree, request["dataset"], found), b""


def attributes(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The attributes of a group or dataset as JSON values; long ones are cut, and say so."""
    with _tree(request) as tree:
        found = tree.find(request["dataset"])
        shown: dict[str, Any] = {}
        for name in list(found.attrs)[:MAX_ATTRIBUTES]:
            shown[str(name)] = _attribute(found, name)
        return {"attributes": shown}, b""


def _unknown(path: str, reason: str, linked: bool = False) -> dict[str, Any]:
    return {
        "dataset": path,
        "shape": None,
        "dtype": None,
        "chunks": None,
        "filters": [],
        "stored_bytes": 0,
        "browsable": False,
        "reason": reason,
        "linked": linked,
    }


def _record(tree: Tree, path: str, dataset: h5py.Dataset) -> dict[str, Any]:
    try:
        return _describe(tree, path, dataset)
    except Refused as refused:
        return _unknown(path, refused.message, linked=True)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError):
        return _unknown(path, "The HDF5 library cannot describe this dataset; it may be damaged.")


def _describe(tree: Tree, path: str, dataset: h5py.Dataset) -> dict[str, Any]:
    plist = dataset.id.get_create_plist()
    layout = plist.get_layout()
    source = Path(dataset.file.filename)
    # Before the shape is asked for: an unlimited virtual dataset opens its sources to tell it.
    depends: set[Path] = set()
    missing: list[str] = []
    if layout == h5py.h5d.VIRTUAL:
        depends, missing = virtual_sources(tree, dataset)
    elif plist.get_external_count():
        depends = outside_data(tree, dataset)
    if source != tree.path:
        depends.add(source)

    filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    kind, dtype = _dtype(dataset)
    shape = None if dataset.shape is None else [int(n) for n in dataset.shape]
    chunks = None if dataset.chunks is None else [int(n) for n in dataset.chunks]
    record = {
        "dataset": path,
        "shape": shape,
        "dtype": dtype.name if dtype is not None else kind,
        "chunks": chunks,
        "filters": [_filter_name(f) for f in filters],
        "stored_bytes": int(dataset.id.get_storage_size()),
    }
    reason = _why_not(shape, kind, dtype, filters, missing)
    # What this dataset is can change without a change of this file.
    linked = bool(depends or missing)
    record |= {"browsable": not reason, "reason": reason, "linked": linked}
    if reason or dtype is None:
        return record
    return record | {
        "numpy": dtype.str,
        "layout": _layout(plist, layout),
        "offset": _offset(dataset, layout, plist),
        "pipeline": [[int(f[0]), [int(v) for v in f[2]]] for f in filters],
        "plain": _is_plain(dataset, dtype),
        "fill": _fill(plist, dtype, dataset),
        "fill_set": plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED,
        "swmr": bool(dataset.file.swmr_mode),
        "enum": _enum(dataset),
        "inner": dataset.name,
        "source": str(source),
        "depends": sorted(map(str, depends)),
    }


def _filter_name(entry: tuple[int, int, tuple[int, ...], bytes]) -> str:
    return (
        FILTER_NAMES.get(entry[0])
        or entry[3].decode("utf-8", "replace")[:40]
        or f"filter {entry[0]}"
    )


def _dtype(dataset: h5py.Dataset) -> tuple[str, np.dtype[Any] | None]:
    """(word for the type, its NumPy type or None when no picture can be made of it)."""
    try:
        dtype = dataset.dtype
    except TypeError:
        return "an unknown type", None
    if h5py.check_string_dtype(dtype) is not None or dtype.kind in "SU":
        return "string", None
    if h5py.check_vlen_dtype(dtype) is not None:
        return "variable length", None
    if h5py.check_ref_dtype(dtype) is not None:
        return "reference", None
    if dtype.subdtype is not None:
        return "array", None
    if dtype.kind == "V":
        return "compound" if dtype.names else "opaque", None
    if dtype.kind in "biu" and dtype.itemsize <= 8:
        return dtype.name, np.dtype(dtype.str)
    if (dtype.kind == "f" and dtype.itemsize in (2, 4, 8)) or (
        dtype.kind == "c" and dtype.itemsize in (8, 16)
    ):
        return dtype.name, np.dtype(dtype.str)
    return dtype.name, None


def _why_not(
    shape: list[int] | None,
    kind: str,
    dtype: np.dtype[Any] | None,
    filters: list[tuple[int, int, tuple[int, ...], bytes]],
    missing: list[str],
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
    if missing:
        return f"Its virtual source {missing[0]!r} is missing."
    return ""


def plugin_has(number: int) -> bool:
    """Whether hdf5plugin brings the filter; it is loaded only when a file asks for one."""
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
    """Where contiguous values begin in the file, in bytes, or None when nothing is stored yet."""
    if layout != h5py.h5d.CONTIGUOUS or plist.get_external_count():
        return None
    offset = dataset.id.get_offset()
    return None if offset is None else int(offset)


def _is_plain(dataset: h5py.Dataset, dtype: np.dtype[Any]) -> bool:
    """Whether the bytes in the file are just what NumPy's type says, so that no conversion is needed."""
    stored = dataset.id.get_type()
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
    return np.asarray(dataset.fillvalue).astype(dtype).tobytes().hex()


def _enum(dataset: h5py.Dataset) -> dict[str, int] | None:
    values = h5py.check_enum_dtype(dataset.dtype)
    # All of them: a type's description takes at most 64 kB of the file.
    return None if values is None else {str(k): int(v) for k, v in values.items()}


def _attribute(found: Any, name: str) -> Any:
    try:
        kind = found.attrs.get_id(name)
        if int(np.prod(kind.shape or (1,))) > MAX_ATTRIBUTE_VALUES:
            return f"… {'×'.join(map(str, kind.shape))} values"
        return _plain(found.attrs[name])
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeDecodeError):
        return "(cannot be read)"


def _plain(value: Any) -> Any:
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, bytes | np.bytes_):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + "…"
    if isinstance(value, np.ndarray):
        return (
            [_plain(item) for item in value.ravel().tolist()]
            if value.dtype.names is None
            else str(value)
        )
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if isinstance(value, bool | int | float):
        return value
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)[:MAX_TEXT]
