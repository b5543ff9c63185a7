"""Damaged chunks for the decoders, in front of guard pages.

To be run in a process of its own, which one byte read or written out of bounds ends by
SIGSEGV and one that does not come to an end by SIGALRM: `python -m tests.fuzzing GROUP CASES SEED`. The
client data of filters is varied together with the stored bytes. Prints what came out, as JSON.
"""

from __future__ import annotations

import io
import json
import random
import signal
import sys
from collections import Counter
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from dashboard.codecs import pipeline as codecs
from dashboard.codecs.client_data import StoredType, check_client_data
from dashboard.codecs.filters import FLETCHER32
from dashboard.codecs.pipeline import Filter
from tests.guarded import Guarded

BLOSCS = [
    dict(hdf5plugin.Blosc(cname=name, shuffle=shuffle, clevel=clevel))
    for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd")
    for shuffle in (0, 1, 2)
    for clevel in (1, 5)
]
GROUPS: dict[str, list[dict[str, Any]]] = {
    "blosc": BLOSCS,
    "bitshuffle": [dict(hdf5plugin.Bitshuffle(cname="none"))],
    "bitshuffle-lz4": [
        dict(hdf5plugin.Bitshuffle()),
        dict(hdf5plugin.Bitshuffle(nelems=64)),
        {**hdf5plugin.Bitshuffle(), "fletcher32": True},
    ],
    "bitshuffle-zstd": [
        dict(hdf5plugin.Bitshuffle(cname="zstd")),
        dict(hdf5plugin.Bitshuffle(cname="zstd", nelems=64)),
    ],
    "szip": [
        {"compression": "szip", "compression_opts": options}
        for options in (("nn", 8), ("nn", 32), ("ec", 16))
    ],
    "bzip2": [dict(hdf5plugin.BZip2())],
    "shuffle": [
        {"shuffle": True},
        {"shuffle": True, "fletcher32": True},
        {"shuffle": True, "compression": "lzf"},
    ],
    "gzip": [{"compression": "gzip"}, {"compression": "gzip", "shuffle": True}],
    "lzf": [{"compression": "lzf"}, {"compression": "lzf", "fletcher32": True}],
    "lz4": [dict(hdf5plugin.LZ4()), dict(hdf5plugin.LZ4(nbytes=512))],
    "zstd": [dict(hdf5plugin.Zstd())],
}
# The largest is several blocks for most.
SHAPES = [(3, 5, 7), (4, 16, 32), (8, 40, 70)]
DTYPES = ["u1", "<u2", "<f4", ">f8", "<c16"]
# What numbers in a header are overwritten with, besides such that lie near to what was there.
ODD = [0, 1, 2, 3, 4, 7, 8, 16, 255, 256, 4096, 65535, 2**31 - 1, 2**31, 2**32 - 16, 2**32 - 1]

# Parameters of filters are overwritten with, besides such that lie near to what was there.
ODD_VALUES = [*ODD, *range(1, 65), 10**5 + 1, 2**20, 2**24 + 1, 2**31 + 169, 2**32 - 87]
# A case takes milliseconds; a longer one is a loop whose length the data decides.
CASE_S = 30.0

Chunk = tuple[tuple[Filter, ...], bytes, int, StoredType]


def seeds(group: str) -> list[Chunk]:
    """Sound chunks as the HDF5 library writes them: (pipeline, stored bytes, decoded length, type)."""
    found = []
    rng = np.random.default_rng(0)
    for how in GROUPS[group]:
        for shape in SHAPES:
            # HDF5 has szip for whole and real numbers alone.
            for dtype in DTYPES[: -1 if group == "szip" else None]:
                smooth = np.arange(np.prod(shape)).reshape(shape) / 3
                values = (smooth + rng.normal(0, 2, shape)).clip(0, 200).astype(dtype)
                with h5py.File(io.BytesIO(), "w") as file:
                    dataset = file.create_dataset("x", data=values, chunks=shape, **how)
                    file.flush()
                    plist = dataset.id.get_create_plist()
                    filters = [plist.get_filter(n) for n in range(plist.get_nfilters())]
                    pipeline = tuple((f[0], tuple(f[2])) for f in filters)
                    mask, data = dataset.id.read_direct_chunk((0, 0, 0))
                kind = np.dtype(dtype)
                parts = frozenset({kind.itemsize // 2} if kind.kind == "c" else ())
                stored = StoredType(kind.itemsize, parts, values.size)
                if not mask and codecs.can_decode(pipeline):
                    assert check_client_data(pipeline, stored) is None
                    found.append((pipeline, data, values.nbytes, stored))
    return found


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The bytes with one or a few things wrong with them."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        # Mostly in what may be a header or a table of offsets.
        reach = rng.choice((4, 16, 32, 64, 128, len(changed), len(changed)))
        at = rng.randrange(max(min(reach, len(changed)), 1))
        what = rng.randrange(10)
        if what == 0:
            del changed[at:]
        elif what == 1:
            changed += rng.randbytes(rng.randrange(1, 40))
        elif what == 2:
            del changed[at : at + rng.choice((1, 2, 4, 17))]
        elif what == 3:
            changed[at:] = rng.randbytes(len(changed) - at)
        elif what == 4 and len(changed) >= 4:
            at = min(at // 4 * 4, len(changed) - 4)
            order = rng.choice(("little", "big"))
            near = int.from_bytes(changed[at : at + 4], order) + rng.randrange(-9, 10)
            changed[at : at + 4] = (rng.choice((near, *ODD)) % 2**32).to_bytes(4, order)
        elif what == 5:
            changed[at : at + 8] = bytes([rng.choice((0, 127, 128, 255))]) * 8
        elif what == 6:
            source = rng.randrange(max(len(changed), 1))
            changed[at : at + 16] = changed[source : source + 16]
        elif what == 7 and changed:
            # The width of an element, the type of a compressor, a length of one byte.
            changed[min(at, len(changed) - 1)] = rng.choice((0, 1, 2, 3, 4, 5, 8, 12, 16, 32, 255))
        elif changed:
            changed[min(at, len(changed) - 1)] ^= 1 << rng.randrange(8)
    return bytes(changed[: len(data) + 64])


def other_values(rng: random.Random, pipeline: tuple[Filter, ...]) -> tuple[Filter, ...]:
    """Now and then other client data, as a file may claim it."""
    if rng.random() < 0.6:
        return pipeline
    filters = [(number, list(values)) for number, values in pipeline]
    for _ in range(rng.choice((1, 1, 2))):
        _, values = rng.choice(filters)
        what = rng.randrange(8)
        if what == 0:
            values.append(rng.choice(ODD_VALUES) % 2**32)
        elif what == 1 and values:
            del values[rng.randrange(len(values)) :]
        elif what == 2:
            values[:] = [rng.randrange(2**32) for _ in values]
        elif values:
            at = rng.randrange(len(values))
            near = (values[at] ^ 1 << rng.randrange(32), values[at] + rng.choice((-8, -1, 1, 8)))
            values[at] = rng.choice((*near, rng.choice(ODD_VALUES))) % 2**32
    return tuple((number, tuple(values)) for number, values in filters)


def run(group: str, cases: int, seed: int) -> Counter[str]:
    """Decode so many damaged chunks; counts what came out of it."""
    rng = random.Random(seed)
    sound = seeds(group)
    longest = max(max(len(data) + 64, size + 64) for _, data, size, _ in sound)
    stored, *rooms = (Guarded(longest) for _ in range(4))
    outcomes: Counter[str] = Counter()
    for pipeline, data, size, _ in sound:
        given = stored.take(len(data), True)
        given[:] = np.frombuffer(data, np.uint8)
        buffers = [area.take(size + 8, True) for area in rooms[: codecs.scratch_count(pipeline)]]
        codecs.decode(given, pipeline, 0, size, buffers)
        outcomes["sound"] += 1
    for _ in range(cases):
        signal.setitimer(signal.ITIMER_REAL, CASE_S)
        pipeline, data, size, kind = rng.choice(sound)
        # Bytes that are sound get further with other parameters.
        broken = damaged(rng, data) if rng.random() < 0.8 else data
        pipeline = other_values(rng, pipeline)
        refused = check_client_data(pipeline, kind) is not None
        if not codecs.can_decode(pipeline):
            outcomes["refused" if refused else "left"] += 1
            continue
        at_end = rng.random() < 0.75
        if rng.random() < 0.1:
            size = max(size + rng.choice((-16, -8, -1, 1, 8, 16)), 1)
        given = stored.take(len(broken), at_end)
        given[:] = np.frombuffer(broken, np.uint8)
        # No byte more than what the chunk needs, and a checksum that it may carry in between.
        carried = 4 if any(number == FLETCHER32 for number, _ in pipeline) else 0
        buffers = [
            area.take(size + carried, at_end) for area in rooms[: codecs.scratch_count(pipeline)]
        ]
        results = []
        for poison in (0x55, 0xAA):
            for buffer in buffers:
                buffer[:] = poison
            try:
                results.append(codecs.decode(given, pipeline, 0, size, buffers).tobytes())
            except codecs.CorruptChunk:
                results.append(b"")
        # What was in the memory before must not show: it may be another file's.
        outcome = "decoded" if results[0] else "damaged"
        # What is refused before it gets here is harmless even so.
        outcomes["leaked" if results[0] != results[1] else "refused" if refused else outcome] += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    return outcomes


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
