"""The szip filter (4): the decoded length in four bytes, little-endian, then libaec's stream.

https://github.com/HDFGroup/hdf5/blob/develop/src/H5Zszip.c
"""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np

from dashboard.codecs.client_data import SZIP_BLOCKS_IN_A_LINE, SZIP_MAX_BLOCK, SZIP_OPTIONS
from dashboard.codecs.errors import Bytes, CorruptChunk


def is_supported(values: tuple[int, ...]) -> bool:
    """Whether chunks of a filter with this client data are decoded in process.

    The client data is (options, pixels of a block, bits of a pixel, pixels of a line). Lines that are
    not whole blocks are left to the HDF5 workers: libaec decodes these through memory that it does not clear,
    and returns some of it for a chunk that is cut short.
    """
    if len(values) < 4:
        return False
    options, block, bits, line = values[:4]
    return (
        not options & ~SZIP_OPTIONS
        and bits in (8, 16, 32, 64)
        and 2 <= block <= SZIP_MAX_BLOCK
        and block % 2 == 0
        and 0 < line <= SZIP_BLOCKS_IN_A_LINE * block
        and line % block == 0
    )


def decode(data: Any, values: tuple[int, ...], size: int, scratch: Bytes) -> Bytes:
    """Decode a chunk to `size` bytes in `scratch`. Raises `CorruptChunk`."""
    source: Any = np.frombuffer(data, np.uint8)
    if len(source) <= 4:
        raise CorruptChunk("its header is cut short")
    claimed = int.from_bytes(source[:4].tobytes(), "little")
    if claimed != size:
        raise CorruptChunk(f"its header says {claimed} bytes instead of {size}")
    if size % (values[2] // 8):
        raise CorruptChunk(f"its pixels of {values[2]} bits do not make up {size} bytes")
    out: Any = scratch[:size]
    return np.frombuffer(imagecodecs.szip_decode(source[4:], *values[:4], out=out), np.uint8)
