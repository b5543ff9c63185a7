"""A file of a million chunks."""

from __future__ import annotations

import time

import h5py
import numpy as np

from bench.context import Context, describe
from bench.model import Section
from bench.volumes import many_chunks

MOST_S = 3.0


def many(context: Context) -> Section:
    """Time to open it, up to the first slice."""
    volume = describe(many_chunks(context.folder), context.folder)
    section = Section(
        "many",
        "A million chunks",
        "uint8 1000×1000×1000 in chunks of 10×10×10. Opened: the list of its datasets and a first slice, from a"
        " server that has not opened the file before; the slice needs the chunk index and decodes"
        " ten thousand chunks. h5py: the time for the same, including opening the file.",
    )
    shown = volume.shown
    middle = shown.shape[0] // 2
    names = [f"v{n}" for n in range(context.times(3, 2))]
    listed, first, plain = [], [], []
    for name in names:
        with context.serving(f"{name}={volume.path}") as server, server.client() as client:
            began = time.monotonic()
            client.json("/api/v1/datasets", file=name)
            listed.append(time.monotonic() - began)
            got = client.slice(name, shown.dataset, shown.selection(0, middle))
            first.append(got.ended - got.began)
        began = time.monotonic()
        with h5py.File(volume.path, "r", locking=False) as file:
            values = file[shown.dataset][middle]
        plain.append(time.monotonic() - began)
        if not np.array_equal(values.ravel(), np.frombuffer(got.body, values.dtype)):
            raise RuntimeError("a slice of the million chunks has other values than h5py's")
    opened = [a + b for a, b in zip(listed, first, strict=True)]
    section.add("opened", opened, "s", floor=MOST_S, more=False, judge="worst")
    section.add("list of datasets", listed, "s")
    section.add("first slice", first, "s")
    section.add("h5py", plain, "s")
    return section
