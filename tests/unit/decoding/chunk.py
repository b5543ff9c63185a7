"""One chunk, written by the HDF5 library and decoded here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dashboard.codecs import pipeline as codecs
from dashboard.codecs.pipeline import Filter

Pipeline = tuple[Filter, ...]


def as_stored(tmp_path: Path, values: Any, **how: Any) -> tuple[Pipeline, int, bytes]:
    """(pipeline as the file has it, filters that were skipped, the bytes of the only chunk)."""
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        dataset = file.create_dataset("x", data=values, chunks=values.shape, **how)
        file.flush()
        plist = dataset.id.get_create_plist()
        filters = [plist.get_filter(n) for n in range(plist.get_nfilters())]
        mask, data = dataset.id.read_direct_chunk((0,) * values.ndim)
        assert dataset[()].tobytes() == values.tobytes()
    return tuple((number, tuple(given)) for number, _, given, _ in filters), mask, data


def decoded(data: bytes, pipeline: Pipeline, mask: int, size: int) -> bytes:
    """The chunk as `codecs` gives it, from memory that has other values before."""
    buffers = [
        np.full(codecs.scratch_bytes(size), 0xAA, np.uint8)
        for _ in range(codecs.scratch_count(pipeline))
    ]
    return bytes(codecs.decode(np.frombuffer(data, np.uint8), pipeline, mask, size, buffers))
