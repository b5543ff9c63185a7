"""An object of a file: its attributes as text, and what a dataset means."""

from __future__ import annotations

import json
from typing import Any, Literal

import h5py
import numpy as np

from dashboard.hdf5.messages import Attribute, DescribeNode, NodeRecord, pack
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.links import UNREADABLE, tree_of
from dashboard.hdf5.worker.node_view import ObjectNode
from dashboard.hdf5.worker.value_types import type_name, type_of
from dashboard.meaning.reading import meaning_of

MAX_ATTRIBUTES = 500
MAX_ATTRIBUTE_VALUES = 1_000
MAX_TEXT = 4_000


def describe_node(request: DescribeNode, job: Job) -> tuple[NodeRecord, bytes]:
    """The attributes of a group, a dataset or a named type; what a dataset means."""
    with tree_of(job) as tree:
        found = tree.find(request.path)
        names = list(found.attrs)[:MAX_ATTRIBUTES]
        attributes = tuple(_attribute(found, name) for name in names)
        node = ObjectNode.at(tree, request.path, found)
        is_dataset = isinstance(found, h5py.Dataset)
        return NodeRecord(
            kind=_kind(found),
            type=_type(found, node) if is_dataset else None,
            shape=node.shape if is_dataset else None,
            attributes=attributes,
            meaning=meaning_of(node) if is_dataset else None,
            depends=tuple(sorted(map(pack, tree.visited - {tree.path}))),
            absent=tuple(sorted(map(pack, tree.absent))),
        ), b""


def _type(found: h5py.Dataset, node: ObjectNode) -> str:
    """The name of a dataset's type; elements of several numbers have theirs as well."""
    kind = type_of(found.id)
    if kind.element is None or len(node.shape) == len(found.shape):
        return kind.name
    return f"{kind.element.base.name} (elements: {kind.element})"


def _kind(found: Any) -> Literal["group", "dataset", "type"]:
    if isinstance(found, h5py.Dataset):
        return "dataset"
    return "group" if isinstance(found, h5py.Group) else "type"


def _attribute(found: Any, name: str) -> Attribute:
    kind = "unknown"
    try:
        opened = found.attrs.get_id(name)
        kind = type_name(opened)
        if int(np.prod(opened.shape or (1,))) > MAX_ATTRIBUTE_VALUES:
            text = f"… {'×'.join(map(str, opened.shape))} values"
        else:
            value = _plain(found.attrs[name])
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (*UNREADABLE, UnicodeDecodeError):
        text = "(cannot be read)"
    return Attribute(str(name), kind, text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…")


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, bytes | np.bytes_):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        return str(value) if value.dtype.names else [_plain(item) for item in value.tolist()]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str) else str(value)
