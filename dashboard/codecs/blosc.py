"""The blosc filter (32001), decoded by c-blosc2 after its header has been checked.

c-blosc follows the offsets in a header without checking them. c-blosc2 reads the same chunks and checks them, but
also supports extended headers that name files to read, plug-ins to load and programs to run. The checks
below reject all of these. The format:
https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
"""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np

from dashboard.codecs.errors import Bytes, CorruptChunk, as_buffer

# Its number in the client data; c-blosc2 does not have this compressor.
SNAPPY = 3

VERSION = 2
SHUFFLED, STORED, RESERVED, BITSHUFFLED = 1, 2, 8, 4
# The widths of all supported types. With elements of 12 bytes c-blosc2 2.23 writes beyond its buffers.
WIDTHS = {1, 2, 4, 8, 16}
# Values of the upper three bits of the flags: blosclz, LZ4, zlib, Zstandard.
FORMATS = {0, 1, 3, 4}

# version, compressor version, flags, element width; decoded length, block length, stored length.
_HEADER = struct.Struct("<4B3I")


def is_supported(values: tuple[int, ...]) -> bool:
    """Whether chunks of a filter with this client data are decoded in process."""
    return len(values) >= 4 and values[2] in WIDTHS and (len(values) < 7 or values[6] != SNAPPY)


def decode(data: Any, size: int, scratch: Bytes) -> Bytes:
    """Decode a chunk to `size` bytes, in `scratch` or in `data` itself. Raises `CorruptChunk`."""
    source = np.frombuffer(data, np.uint8)
    if len(source) < _HEADER.size:
        raise CorruptChunk("its header is cut short")
    version, _, flags, width, claimed, block, length = _HEADER.unpack_from(as_buffer(source))
    extended = flags & SHUFFLED and flags & BITSHUFFLED
    if version != VERSION or extended or flags & RESERVED or width not in WIDTHS:
        raise CorruptChunk("its header is none that blosc writes")
    if claimed != size:
        raise CorruptChunk(f"its header says {claimed} bytes instead of {size}")
    if not _HEADER.size <= length <= len(source):
        raise CorruptChunk(
            f"its header has a stored length of {length} bytes, and it has {len(source)}"
        )
    stored: Bytes = source[:length]
    if flags & STORED:
        return stored[_HEADER.size :]
    if flags >> 5 not in FORMATS:
        raise CorruptChunk(
            f"its header names the compressor {flags >> 5}, which blosc does not have"
        )
    if not 0 < block <= size:
        raise CorruptChunk(f"its header says blocks of {block} bytes")
    _check_offsets(stored, -(-size // block))
    out: Any = scratch[:size]
    return np.frombuffer(
        imagecodecs.blosc2_decode(as_buffer(stored), numthreads=1, out=out), np.uint8
    )


def _check_offsets(source: Bytes, count: int) -> None:
    """Raise `CorruptChunk` unless all blocks begin between the offset table and the end."""
    first = _HEADER.size + 4 * count
    if first > len(source):
        raise CorruptChunk("its blocks are cut short")
    offsets = source[_HEADER.size : first].view("<u4")
    if offsets.min() < first or offsets.max() > len(source) - 4:
        raise CorruptChunk("its blocks lie outside of it")
