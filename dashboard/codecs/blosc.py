"""The blosc filter (32001), undone by c-blosc2 once its header has been judged.

c-blosc itself follows the offsets in a header wherever they point. c-blosc2 reads its chunks as well
and checks them, but does much besides: extended headers that name files to read, plug-ins to load
and programs to ask for them. None of these gets past here. The format:
https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
"""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np

from dashboard.codecs.errors import Bytes, CorruptChunk

# The number that the client data has for it; c-blosc2 does not know this compressor.
SNAPPY = 3

VERSION = 2
SHUFFLED, STORED, RESERVED, BITSHUFFLED = 1, 2, 8, 4
# With elements of 12 bytes c-blosc2 2.23 writes beyond its buffers. These are those of all types.
WIDTHS = {1, 2, 4, 8, 16}
# What the upper three bits of the flags say: blosclz, LZ4, zlib, Zstandard.
FORMATS = {0, 1, 3, 4}

# version, version of the compressor, flags, width of an element; decoded length, block, length.
_HEADER = struct.Struct("<4B3I")


def is_supported(values: tuple[int, ...]) -> bool:
    """Whether chunks of a filter with this client data are undone here."""
    return len(values) >= 4 and values[2] in WIDTHS and (len(values) < 7 or values[6] != SNAPPY)


def decode(data: Any, size: int, scratch: Bytes) -> Bytes:
    """Undo the filter: `size` bytes, in `scratch` or in `data` itself. Raises `Damaged`."""
    source = np.frombuffer(data, np.uint8)
    if len(source) < _HEADER.size:
        raise CorruptChunk("its header is cut short")
    version, _, flags, width, claimed, block, length = _HEADER.unpack_from(_any(source))
    extended = flags & SHUFFLED and flags & BITSHUFFLED
    if version != VERSION or extended or flags & RESERVED or width not in WIDTHS:
        raise CorruptChunk("its header is none that blosc writes")
    if claimed != size:
        raise CorruptChunk(f"its header says {claimed} bytes instead of {size}")
    if not _HEADER.size <= length <= len(source):
        raise CorruptChunk(f"its header says {length} stored bytes, and it has {len(source)}")
    stored: Bytes = source[:length]
    if flags & STORED:
        return stored[_HEADER.size :]
    if flags >> 5 not in FORMATS:
        raise CorruptChunk(
            f"its header names the compressor {flags >> 5}, which blosc does not have"
        )
    if not 0 < block <= size:
        raise CorruptChunk(f"its header says blocks of {block} bytes")
    _judge_offsets(stored, -(-size // block))
    out: Any = scratch[:size]
    return np.frombuffer(imagecodecs.blosc2_decode(_any(stored), numthreads=1, out=out), np.uint8)


def _judge_offsets(source: Bytes, count: int) -> None:
    """Raise `Damaged` unless all blocks begin between the table of their offsets and the end."""
    first = _HEADER.size + 4 * count
    if first > len(source):
        raise CorruptChunk("its blocks are cut short")
    offsets = source[_HEADER.size : first].view("<u4")
    if offsets.min() < first or offsets.max() > len(source) - 4:
        raise CorruptChunk("its blocks lie outside of it")


def _any(data: Any) -> Any:
    # Arrays are taken wherever bytes are, which the type hints do not say.
    return data
