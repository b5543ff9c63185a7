"""Damaged streams for the decoders in C, in front of guard pages.

`python -m tests.fuzzed_streams GROUP CASES SEED`, as `tests.fuzzing`, whose damage this is. Some are decoded
part by part, some out of a file.
"""

from __future__ import annotations

import json
import os
import random
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dashboard.codecs.batches import BatchDecoder, batch_decoder
from dashboard.codecs.errors import Bytes
from dashboard.codecs.filters import FLETCHER32, GZIP, LZF, SHUFFLE
from dashboard.codecs.pipeline import Filter
from dashboard.codecs.verdict import Verdict
from tests.fuzzing import damaged
from tests.guarded import Exact, Guarded

# A file in memory, written anew for each case.
FILE = os.memfd_create("fuzzing")


class Job(NamedTuple):
    """A stream, the size that is expected of it (bytes), and the memory for both."""

    data: bytes
    size: int
    stored: Guarded | Exact
    out: Guarded | Exact
    at_end: bool


def made_up(rng: random.Random) -> bytes:
    """Bytes with more or less repetition."""
    length = rng.choice((0, 1, 30, 319, 321, 5_000, 40_000))
    kind = rng.randrange(4)
    return b"".join(
        (
            rng.randbytes(40),
            bytes(rng.randrange(1, 300)),
            bytes(rng.choices(range(1 + kind * 20), k=60)),
            b"the slice of a brick" * rng.randrange(1, 15),
        )[rng.randrange(4) if kind else 0]
        for _ in range(length // 40)
    )[:length]


def deflated(rng: random.Random) -> tuple[bytes, int]:
    """A zlib stream of any make, and how long it is inflated."""
    data = made_up(rng)
    made = zlib.compressobj(
        rng.randrange(10),
        zlib.DEFLATED,
        rng.choice((9, 15)),
        rng.choice((1, 8, 9)),
        rng.randrange(5),
    )
    return made.compress(data) + made.flush(), len(data)


def by_zlib(stream: bytes, size: int) -> bytes | None:
    """What zlib makes of a stream; None unless it is sound and comes to `size` bytes."""
    made = zlib.decompressobj()
    try:
        # The checksum is met with the call after the last byte.
        found = made.decompress(stream, size + 1)
        found += made.decompress(made.unconsumed_tail, 1)
    except zlib.error:
        return None
    return found if made.eof and len(found) == size else None


def lzf_encoded(rng: random.Random) -> tuple[bytes, int]:
    """An LZF stream, and how long it is decoded."""
    data = made_up(rng)
    return lzf_stream(data), len(data)


def lzf_stream(data: bytes) -> bytes:
    """`data` as LZF: literal runs alone where liblzf makes nothing shorter."""
    try:
        return bytes(imagecodecs.lzf_encode(data))
    except RuntimeError:
        runs = (data[at : at + 32] for at in range(0, len(data), 32))
        return b"".join(bytes([len(run) - 1]) + run for run in runs)


def by_liblzf(stream: bytes, size: int) -> bytes | None:
    """What liblzf makes of a stream; None unless it comes to `size` bytes."""
    if not size:
        return None if stream else b""
    try:
        found = bytes(imagecodecs.lzf_decode(stream, out=bytearray(size)))
    except (RuntimeError, ValueError):
        return None
    return found if len(found) == size else None


def by_hdf5(shuffled: bytes | None, width: int) -> bytes | None:
    """What HDF5's shuffle makes of bytes."""
    if shuffled is None:
        return None
    count = len(shuffled) // width
    whole = np.frombuffer(shuffled, np.uint8, count * width)
    return whole.reshape(width, count).T.tobytes() + shuffled[count * width :]


class Way(NamedTuple):
    """How streams of a filter are made up, what they come to, and the number of the filter."""

    made: Callable[[random.Random], tuple[bytes, int]]
    expected: Callable[[bytes, int], bytes | None]
    number: int


ZLIB_WAY, LZF_WAY = Way(deflated, by_zlib, GZIP), Way(lzf_encoded, by_liblzf, LZF)


def run_pairs(cases: int, seed: int, memory: type[Guarded] | type[Exact] = Guarded) -> Counter[str]:
    """Inflate `cases` streams, most of them damaged, two at a time, some part by part."""
    return run_streams(ZLIB_WAY, cases, seed, memory)


def run_lzf(cases: int, seed: int, memory: type[Guarded] | type[Exact] = Guarded) -> Counter[str]:
    """The same of LZF streams."""
    return run_streams(LZF_WAY, cases, seed, memory)


def run_streams(
    way: Way, cases: int, seed: int, memory: type[Guarded] | type[Exact]
) -> Counter[str]:
    """Decode `cases` streams, most of them damaged, up to three in one call, some part by part."""
    rng = random.Random(seed)
    longest = 100_000
    places = [(memory(longest), memory(longest)) for _ in range(3)]
    scratch = memory(10 * longest)
    outcomes: Counter[str] = Counter()
    while outcomes.total() < cases:
        jobs = []
        for given, out in places[: min(rng.randrange(1, 4), cases - outcomes.total())]:
            data, size = way.made(rng)
            if rng.random() < 0.8:
                data = damaged(rng, data)[:longest]
            if rng.random() < 0.1:
                size = max(size + rng.choice((-300, -1, 1, 300)), 0)
            jobs.append(Job(data, size, given, out, rng.random() < 0.75))
        width, checksum = rng.choice((1, 1, 1, 2, 3, 4, 8)), rng.random() < 0.2
        filters: list[Filter] = [(way.number, ())]
        filters = [(SHUFFLE, (width,)), *filters] if width > 1 else filters
        decoder = batch_decoder([*filters, (FLETCHER32, ())] if checksum else filters)
        assert decoder is not None
        results = []
        state = rng.getstate()
        for poison in (0x55, 0xAA):
            rng.setstate(state)
            outs = [job.out.take(job.size, job.at_end) for job in jobs]
            for out in outs:
                out[:] = poison
            results.append(decoded(decoder, rng, jobs, outs, scratch))
        for job, one, other in zip(jobs, *results, strict=True):
            if one != other:
                outcomes["leaked"] += 1
            elif one != by_hdf5(way.expected(job.data, job.size), width):
                outcomes["wrong"] += 1
            else:
                outcomes["damaged" if one is None else "decoded"] += 1
    return outcomes


def decoded(
    decoder: BatchDecoder,
    rng: random.Random,
    jobs: list[Job],
    outs: list[Bytes],
    scratch: Guarded | Exact,
) -> list[bytes | None]:
    """What the streams come to, at once or by several calls; None where they are not sound."""
    numbers, all_bytes = range(len(jobs)), 10**6
    stored = [job.data for job in jobs]
    if decoder.checksum:
        sums = [int(imagecodecs.h5checksum_fletcher32(data)) for data in stored]
        stored = [d + one.to_bytes(4, "little") for d, one in zip(stored, sums, strict=True)]

    def part(number: int, first: int, most: int) -> Bytes:
        fed = stored[number][first : first + most]
        taken = jobs[number].stored.take(len(fed), jobs[number].at_end)
        taken[:] = np.frombuffer(fed, np.uint8)
        return taken

    def buffer(largest: int, share: float = 1.0) -> Bytes:
        return scratch.take(decoder.scratch_bytes(largest, max(map(len, outs)), share), True)

    if not decoder.resumes or rng.random() < 0.5:
        if rng.random() < 0.5:
            found = decoder.decode([part(n, 0, all_bytes) for n in numbers], None, outs, buffer(0))
        else:
            found = decoder.decode(*in_file(rng, stored), outs, buffer(max(map(len, stored))))
        sound = found.verdicts
    else:
        streams = [decoder.stream(len(data)) for data in stored]
        spans = in_file(rng, stored) if rng.random() < 0.5 else None
        for until in (*sorted((rng.randrange(40_000), rng.randrange(40_000))), 10**6):
            for most in (rng.randrange(100), rng.randrange(3_000), all_bytes):
                if spans is None:
                    parts = [part(n, streams[n].fed, most) for n in numbers]
                    found = decoder.decode(parts, None, outs, buffer(0), streams, until)
                else:
                    largest, share = max(map(len, stored)), rng.random() * 1.2
                    found = decoder.decode(
                        *spans, outs, buffer(largest, share), streams, until, share
                    )
                sound = found.verdicts
    return [
        out.tobytes() if verdict is Verdict.OK else None
        for out, verdict in zip(outs, sound, strict=True)
    ]


def in_file(
    rng: random.Random, parts: list[bytes]
) -> tuple[int, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(descriptor of a file with these parts, some of which adjoin, their offsets and sizes)."""
    os.ftruncate(FILE, 0)
    offsets, at = [], 0
    for data in parts:
        at += rng.choice((0, 0, 7))
        offsets.append(at)
        os.pwrite(FILE, data, at)
        at += len(data)
    return FILE, (np.array(offsets, np.int64), np.array(list(map(len, parts)), np.int64))


if __name__ == "__main__":
    runs = {"pairs": run_pairs, "lzf streams": run_lzf}
    print(json.dumps(runs[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))))
