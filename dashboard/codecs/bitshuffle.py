"""The bitshuffle filter (32008): alone, with LZ4 as detectors write it, or with Zstandard.

A compressed chunk consists of a header of twelve bytes (decoded length in eight, block length in four), the
blocks, each preceded by its compressed length in four bytes, and the uncompressed last elements, fewer than
eight. All numbers are big-endian. The format:
https://github.com/kiyo-masui/bitshuffle/blob/master/src/bshuf_h5filter.c
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import imagecodecs
import numpy as np

from dashboard.codecs.errors import Bytes, CorruptChunk, as_buffer
from dashboard.codecs.filters import BITSHUFFLE, MAX_ELEMENT_BYTES

UNCOMPRESSED, LZ4, ZSTD = 0, 2, 3
# Minimum elements of a block: each block costs some steps of Python. The filter's own choice is 128 or more.
SHORTEST_BLOCK = 64
# Bytes that are decompressed before their bits are put together, so that they are in the processor's cache.
TOGETHER_BYTES = 256 * 1024

_HEADER = struct.Struct(">QI")
_LENGTH = struct.Struct(">I")


def is_supported(values: tuple[int, ...]) -> bool:
    """Whether chunks of a filter with this client data are decoded in process."""
    return (
        len(values) >= 3
        and 1 <= values[2] <= MAX_ELEMENT_BYTES
        and _block(values) % 8 == 0
        and (_method(values) == UNCOMPRESSED or not 0 < _block(values) < SHORTEST_BLOCK)
        and _method(values) in (UNCOMPRESSED, LZ4, ZSTD)
    )


def keeps_length(values: tuple[int, ...]) -> bool:
    """Whether a chunk has the same length before and after the filter."""
    return _method(values) == UNCOMPRESSED


def decode(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    """Decode a chunk to `size` bytes in `scratch`; blocks are in `spare` before their bits are put together.

    Both buffers have at least `size` bytes. Raises `CorruptChunk`.
    """
    source = np.frombuffer(data, np.uint8)
    if _method(values) != UNCOMPRESSED:
        blocks = Blocks(source, values, size, scratch)
        blocks.decode(0, blocks.count, spare)
        return blocks.finish()
    width = _checked_width(values, size)
    if len(source) != size:
        raise CorruptChunk(f"it has {len(source)} bytes instead of {size}")
    _put_together(source, _block(values), width, scratch[:size])
    return scratch[:size]


class Blocks:
    """The compressed blocks of a chunk that decodes to `size` bytes in `out`; several threads can share them.

    Raises `CorruptChunk` unless header and lengths are sound.
    """

    def __init__(self, source: Bytes, values: tuple[int, ...], size: int, out: Bytes) -> None:
        self._width, self._method = _checked_width(values, size), _method(values)
        if len(source) < _HEADER.size:
            raise CorruptChunk("its header is cut short")
        claimed, block = _HEADER.unpack_from(as_buffer(source))
        if claimed != size:
            raise CorruptChunk(f"its header says {claimed} bytes instead of {size}")
        if block < SHORTEST_BLOCK * self._width or block % (8 * self._width):
            raise CorruptChunk(f"its header says blocks of {block} bytes")
        self._tail = size % (8 * self._width)
        self._whole, self._block = size - self._tail, int(block)
        self._ends = _ends(source, self._whole, block)
        if len(source) != self._ends[-1] + self._tail:
            stored = self._ends[-1] + self._tail
            raise CorruptChunk(f"it has {len(source)} bytes, and its blocks add up to {stored}")
        # LZ4 writes into it for a moment.
        self._source = source if source.flags.writeable else source.copy()
        self._out = out[:size]

    @property
    def count(self) -> int:
        """Number of blocks."""
        return len(self._ends) - 1

    def ranges(self, parts: int) -> list[tuple[int, int]]:
        """Up to `parts` ranges of blocks that can be decoded at the same time."""
        count, lengths = self.count, np.diff(self._ends)
        if parts < 2 or count < 2 * parts or self._method != LZ4 or lengths.min() < _HEADER.size:
            return [(0, count)]
        starts = [count * part // parts for part in range(parts + 1)]
        return list(pairwise(starts))

    def decode(self, first: int, last: int, spare: Bytes) -> None:
        """Decode blocks first … last through `spare`, which has `spare_bytes`."""
        step = max(TOGETHER_BYTES // self._block, 1)
        # The first one by itself: what stands before it belongs to another range.
        at, end = first, min(first + 1, last)
        while at < last:
            low, high = at * self._block, min(end * self._block, self._whole)
            shuffled = spare[: high - low]
            if self._method == LZ4:
                self._lz4(at, end, shuffled)
            else:
                self._each(imagecodecs.zstd_decode, range(at, end), at, shuffled)
            _put_together(shuffled, self._block // self._width, self._width, self._out[low:high])
            at, end = end, min(end + step, last)

    def spare_bytes(self) -> int:
        """Memory that `decode` needs beside the output."""
        return max(TOGETHER_BYTES, self._block)

    def finish(self) -> Bytes:
        """The chunk, with the last elements, which are stored as they are."""
        self._out[self._whole :] = self._source[self._ends[-1] :]
        return self._out

    def _lz4(self, first: int, last: int, out: Bytes) -> None:
        """Decode several blocks in one call: behind a header, the format is that of HDF5's LZ4 filter.

        With a call for each block, the interpreter lock is released so often that two threads are no faster than
        one (1.9 GB/s of uint16; in one call 3.4 with one thread and 6.3 with two).
        """
        if last - first == 1:
            self._each(imagecodecs.lz4_decode, range(first, last), first, out)
            return
        begin = self._ends[first] - _HEADER.size
        stored = self._source[begin : self._ends[last]]
        before = stored[: _HEADER.size].copy()
        _HEADER.pack_into(as_buffer(stored), 0, len(out), self._block)
        try:
            found = imagecodecs.lz4h5_decode(as_buffer(stored), out=as_buffer(out))
        finally:
            stored[: _HEADER.size] = before
        if len(found) != len(out):
            raise CorruptChunk(f"its blocks decode to {len(found)} bytes instead of {len(out)}")
        # The LZ4 filter stores blocks that LZ4 does not shorten, so it copied blocks that are as long as their
        # decoded bytes; in this format they are compressed like the others.
        lengths = np.diff(self._ends[first : last + 1]) - 4
        same = np.flatnonzero(lengths == self._block) + first
        if lengths[-1] == len(out) - (last - first - 1) * self._block != self._block:
            same = np.append(same, last - 1)
        self._each(imagecodecs.lz4_decode, same.tolist(), first, out)

    def _each(self, decoder: Any, chosen: Iterable[int], begin: int, out: Bytes) -> None:
        """Decode the blocks numbered `chosen`, each to its position in `out`, which begins with block `begin`."""
        for at in chosen:
            low = (at - begin) * self._block
            high = min(low + self._block, len(out))
            stored = self._source[self._ends[at] + 4 : self._ends[at + 1]]
            found = decoder(stored, out=out[low:high])
            if len(found) != high - low:
                raise CorruptChunk(f"a block decodes to {len(found)} bytes instead of {high - low}")


def can_split(pipeline: Sequence[tuple[int, tuple[int, ...]]]) -> bool:
    """Whether ranges of a chunk's blocks can be decoded at the same time."""
    return len(pipeline) == 1 and pipeline[0][0] == BITSHUFFLE and _method(pipeline[0][1]) == LZ4


def _checked_width(values: tuple[int, ...], size: int) -> int:
    width = values[2]
    if size % width:
        raise CorruptChunk(f"its elements of {width} bytes do not make up {size}")
    return width


def _put_together(shuffled: Bytes, block: int, width: int, out: Bytes) -> None:
    """Put together the bits of elements in blocks of `block` elements (0: the library's choice)."""
    # Any type of this width: the decoder uses only the width.
    kind: Any = np.dtype((np.void, width))
    imagecodecs.bitshuffle_decode(
        as_buffer(shuffled.view(kind)), blocksize=block, out=as_buffer(out.view(kind))
    )


def _ends(source: Bytes, whole: int, block: int) -> list[int]:
    """End offsets of the header and of each block, checked to be inside `source`."""
    view, at, ends = memoryview(as_buffer(source)), _HEADER.size, [_HEADER.size]
    length, last = _LENGTH.unpack_from, len(source) - _LENGTH.size
    for _ in range(0, whole, block):
        if at > last:
            raise CorruptChunk("its blocks are cut short")
        at += 4 + length(view, at)[0]
        ends.append(at)
    if at > len(source):
        raise CorruptChunk("its blocks are cut short")
    return ends


def _block(values: tuple[int, ...]) -> int:
    """Elements of a block in the client data; 0 if the library chooses."""
    return values[3] if len(values) > 3 else 0


def _method(values: tuple[int, ...]) -> int:
    return values[4] if len(values) > 4 else UNCOMPRESSED
