"""The attributes of groups and datasets as JSON values."""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np

from dashboard.hdf5.messages import Attributes, ReadAttributes
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.links import tree_of

MAX_ATTRIBUTES = 500
MAX_ATTRIBUTE_VALUES = 1_000
MAX_TEXT = 4_000


def read_attributes(request: ReadAttributes, job: Job) -> tuple[Attributes, bytes]:
    """The attributes of a group or dataset as JSON values; long ones are truncated and marked."""
    with tree_of(job) as tree:
        found = tree.find(request.dataset)
        names = list(found.attrs)[:MAX_ATTRIBUTES]
        return Attributes({str(name): _attribute(found, name) for name in names}), b""


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
