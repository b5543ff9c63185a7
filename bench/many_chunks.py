"""Files of a million and of ten million chunks."""

from __future__ import annotations

import time

import h5py
import numpy as np

from bench.context import Context, describe
from bench.model import Section
from bench.volumes import MANY, VERY_MANY, many_chunks


def many(context: Context) -> list[Section]:
    """Time to open them, up to the first slice, and to the next one; the larger one in a full run alone."""
    found = [
        _opened(context, MANY, "many", "A million chunks", 3.0, 1.0),
    ]
    if not context.quick:
        found.append(_opened(context, VERY_MANY, "very-many", "Ten million chunks", 2.0, 0.5))
    return found


def _opened(
    context: Context, shape: tuple[int, ...], key: str, title: str, floor: float, aim: float
) -> Section:
    volume = describe(many_chunks(context.folder, shape), context.folder)
    section = Section(
        key,
        title,
        f"uint8 {'×'.join(map(str, shape))} in chunks of 10×10×10. Opened: the list of its datasets and a first"
        f" slice of {shape[1] * shape[2] // 100:,} chunks, from a server that has not opened the file before."
        " It does not wait for the list of all chunks, which is made behind it, and which slices of other bricks"
        " need later. h5py: the time for the same slice, including opening the file.",
    )
    shown = volume.shown
    middle = shown.shape[0] // 2
    names = [f"v{n}" for n in range(context.times(3, 2))]
    listed, first, later, plain = [], [], [], []
    for name in names:
        with context.serving(f"{name}={volume.path}") as server, server.client() as client:
            began = time.monotonic()
            client.json("/api/v1/datasets", file=name)
            listed.append(time.monotonic() - began)
            got = client.slice(name, shown.dataset, shown.selection(0, middle))
            first.append(got.ended - got.began)
            server.wait_until_idle()
            other = client.slice(name, shown.dataset, shown.selection(0, middle // 2))
            later.append(other.ended - other.began)
        began = time.monotonic()
        with h5py.File(volume.path, "r", locking=False) as file:
            values = file[shown.dataset][middle]
        plain.append(time.monotonic() - began)
        if not np.array_equal(values.ravel(), np.frombuffer(got.body, values.dtype)):
            raise RuntimeError("a slice of many chunks has other values than h5py's")
    opened = [a + b for a, b in zip(listed, first, strict=True)]
    section.add("opened", opened, "s", floor=floor, aim=aim, more=False, judge="worst")
    section.add("list of datasets", listed, "s")
    section.add("first slice", first, "s")
    section.add("a slice of another brick, later", later, "s")
    section.add("h5py", plain, "s")
    return section
