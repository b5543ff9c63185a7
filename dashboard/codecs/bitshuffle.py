"""The bitshuffle filter (32008): alone, with LZ4 as detectors write it, or with Zstandard.

A compressed chunk consists of a header of twelve bytes (decoded length in eight, block length in four), the
blocks, each preceded by its compressed length in four bytes, and the uncompressed last elements, fewer than
eight. All numbers are big-endian. The format:
https://github.com/kiyo-masui/bitshuffle/blob/master/src/bshuf_h5filter.c
"""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np

from dashboard.codecs.errors import Bytes, CorruptChunk, as_buffer
from dashboard.codecs.filters import MAX_ELEMENT_BYTES

UNCOMPRESSED, LZ4, ZSTD = 0, 2, 3
# Minimum elements of a block: each block costs some steps of Python. The filter's own choice is 128 or more.
SHORTEST_BLOCK = 64

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
    """Decode a chunk to `size` bytes in `scratch`, with the shuffled bytes in `spare`.

    Both buffers have at least `size` bytes. Raises `CorruptChunk`.
    """
    width, method = values[2], _method(values)
    if size % width:
        raise CorruptChunk(f"its elements of {width} bytes do not make up {size}")
    source, block = np.frombuffer(data, np.uint8), _block(values) * width
    if method != UNCOMPRESSED:
        source, block = _decompressed(source, method, width, size, spare)
    if len(source) != size:
        raise CorruptChunk(f"it has {len(source)} bytes instead of {size}")
    # Any type of this width: the decoder uses only the width.
    kind = np.dtype((np.void, width))
    out: Any = scratch[:size]
    imagecodecs.bitshuffle_decode(
        as_buffer(source.view(kind)), blocksize=block // width, out=out.view(kind)
    )
    return scratch[:size]


def _decompressed(
    source: Bytes, method: int, width: int, size: int, spare: Bytes
) -> tuple[Bytes, int]:
    """(the shuffled bytes in `spare`, the length of a block)."""
    if len(source) < _HEADER.size:
        raise CorruptChunk("its header is cut short")
    claimed, block = _HEADER.unpack_from(as_buffer(source))
    if claimed != size:
        raise CorruptChunk(f"its header says {claimed} bytes instead of {size}")
    if block < SHORTEST_BLOCK * width or block % (8 * width):
        raise CorruptChunk(f"its header says blocks of {block} bytes")
    tail = size % (8 * width)
    whole = size - tail
    ends = _ends(source, whole, block)
    end = ends[-1]
    if len(source) != end + tail:
        raise CorruptChunk(f"it has {len(source)} bytes, and its blocks add up to {end + tail}")
    if method == LZ4:
        _lz4(source, ends, whole, block, spare[:size])
    else:
        _decode_blocks(
            imagecodecs.zstd_decode, source, ends, range(len(ends) - 1), whole, block, spare
        )
    spare[whole:size] = source[end:]
    return spare[:size], block


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


def _lz4(source: Bytes, ends: list[int], whole: int, block: int, out: Bytes) -> None:
    """Decode all blocks in one call: except for the last elements, the format is that of HDF5's LZ4 filter.

    With a call for each block, the interpreter lock is released so often that two threads are no faster than
    one (1.9 GB/s of uint16; in one call 3.4 with one thread and 6.3 with two).
    """
    count = len(ends) - 1
    # The LZ4 filter would not write a last block that is followed by uncompressed elements.
    batched = count if whole == len(out) else count - 1
    if batched > 0:
        expected = min(batched * block, whole)
        found = imagecodecs.lz4h5_decode(as_buffer(source[: ends[batched]]), out=as_buffer(out))
        if len(found) != expected:
            raise CorruptChunk(f"its blocks decode to {len(found)} bytes instead of {expected}")
    # The LZ4 filter stores blocks that LZ4 does not shorten, so it copied blocks that are as long as their
    # decoded bytes; in this format they are compressed like the others.
    separate = [
        at
        for at in range(count)
        if at >= batched or ends[at + 1] - ends[at] - 4 == min(block, whole - at * block)
    ]
    _decode_blocks(imagecodecs.lz4_decode, source, ends, separate, whole, block, out)


def _decode_blocks(
    decoder: Any, source: Bytes, ends: list[int], chosen: Any, whole: int, block: int, out: Bytes
) -> None:
    """Decode the blocks numbered `chosen`, each to its position in `out`."""
    for at in chosen:
        first, last = at * block, min(at * block + block, whole)
        found = decoder(source[ends[at] + 4 : ends[at + 1]], out=out[first:last])
        if len(found) != last - first:
            raise CorruptChunk(f"a block decodes to {len(found)} bytes instead of {last - first}")


def _block(values: tuple[int, ...]) -> int:
    """Elements of a block in the client data; 0 if the library chooses."""
    return values[3] if len(values) > 3 else 0


def _method(values: tuple[int, ...]) -> int:
    return values[4] if len(values) > 4 else UNCOMPRESSED
