"""Filters that are decoded in process, by decoders that release the interpreter lock.

A pipeline is decoded from its last filter to its first. Each decoder gets the bytes, a scratch buffer for the
result and a spare one for intermediate values, and returns the result as a bytes-like object of uint8. The formats
are those of the registered HDF5 filters:
https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import imagecodecs
import numpy as np

from dashboard import errors
from dashboard.codecs import bitshuffle, blosc, compiled, szip
from dashboard.codecs.errors import Bytes, CorruptChunk, as_buffer
from dashboard.codecs.filters import (
    BITSHUFFLE,
    BLOSC,
    BZIP2,
    FLETCHER32,
    GZIP,
    LZ4,
    LZF,
    MAX_ELEMENT_BYTES,
    SHUFFLE,
    SZIP,
    ZSTD,
)

# (number of the filter, its client data)
Filter = tuple[int, tuple[int, ...]]

# Number of pipelines (with their masks) whose properties are cached, since each chunk needs them.
MAX_CACHED_PIPELINES = 256


def _gzip(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    # libdeflate through imagecodecs: twice the speed of zlib, and it releases the interpreter lock.
    return _array(imagecodecs.deflate_decode(data, out=_out_view(scratch, size)))


def _shuffle(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    width = values[0]
    source = _array(data)
    count, rest = divmod(len(source), width)
    if width == 1 or count <= 1:
        return source
    out = scratch[: len(source)]
    if compiled.available():
        compiled.unshuffle(source, out, width)
        return out
    if width in (2, 4) and sys.byteorder == "little":
        # All elements at once, one byte of each at a time: 14 and 7 GB/s, against 1 and 1.5 for copying the
        # transposed bytes and 4 for copying columns.
        whole = out[: count * width].view(f"u{width}")
        np.copyto(whole, source[(width - 1) * count : width * count])
        for at in range(width - 2, -1, -1):
            np.left_shift(whole, 8, out=whole)
            np.bitwise_or(whole, source[at * count : (at + 1) * count], out=whole)
    else:
        elements = out[: count * width].reshape(count, width)
        for at in range(width):
            elements[:, at] = source[at * count : (at + 1) * count]
    if rest:
        out[count * width :] = source[count * width :]
    return out


def _fletcher32(
    data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes
) -> Bytes:
    source = _array(data)
    if len(source) < 4:
        raise CorruptChunk("its checksum is missing")
    body = source[:-4]
    stored = int.from_bytes(source[-4:].tobytes(), "little")
    found = int(imagecodecs.h5checksum_fletcher32(as_buffer(body)))
    # HDF5 before 1.6.3 wrote each half byte-swapped, and readers accept both.
    swapped = ((found & 0x00FF00FF) << 8) | ((found >> 8) & 0x00FF00FF)
    if stored not in (found, swapped):
        raise CorruptChunk("its checksum does not fit its bytes")
    return body


def _lzf(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    return _array(imagecodecs.lzf_decode(data, out=_out_view(scratch, size)))


def _zstd(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    return _array(imagecodecs.zstd_decode(data, out=_out_view(scratch, size)))


def _lz4(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    return _array(imagecodecs.lz4h5_decode(data, out=_out_view(scratch, size)))


def _bzip2(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    # One byte more than expected: libbz2 reports no error when the rest does not fit.
    found = _array(imagecodecs.bz2_decode(data, out=_out_view(spare, size + 1)))
    if len(found) != size:
        raise CorruptChunk(f"it does not decode to {size} bytes")
    np.copyto(scratch[:size], found)
    return scratch[:size]


def _szip(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    return szip.decode(data, values, size, scratch)


def _blosc(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    return blosc.decode(data, size, scratch)


# Only decoders that withstand damaged bytes, since a crash here ends a server. Others stay in the HDF5 workers
# (docs/decisions/0013-decoders-by-robustness.md).
DECODERS: dict[int, Callable[[Any, tuple[int, ...], int, Bytes, Bytes], Bytes]] = {
    GZIP: _gzip,
    SHUFFLE: _shuffle,
    FLETCHER32: _fletcher32,
    SZIP: _szip,
    BZIP2: _bzip2,
    LZF: _lzf,
    BLOSC: _blosc,
    LZ4: _lz4,
    BITSHUFFLE: bitshuffle.decode,
    ZSTD: _zstd,
}
_WITH_SPARE = {BZIP2, BITSHUFFLE}


def _shuffle_fits(values: tuple[int, ...]) -> bool:
    # The decoder loops over the bytes of an element, so its time depends on the width.
    return len(values) == 1 and 1 <= values[0] <= MAX_ELEMENT_BYTES


# Whether a filter with this client data is decoded in process; a filter without an entry always is.
_IS_SUPPORTED: dict[int, Callable[[tuple[int, ...]], bool]] = {
    SHUFFLE: _shuffle_fits,
    SZIP: szip.is_supported,
    BLOSC: blosc.is_supported,
    BITSHUFFLE: bitshuffle.is_supported,
}


def can_decode(pipeline: Sequence[Filter]) -> bool:
    """Whether the pipeline is decoded in process: at most one shuffle and one compressor, and checksums.

    The intermediate result of two compressors may be longer than the chunk.
    """
    numbers = [number for number, _ in pipeline]
    compressors = [n for n in numbers if n not in (SHUFFLE, FLETCHER32)]
    return (
        all(
            n in DECODERS and (n not in _IS_SUPPORTED or _IS_SUPPORTED[n](values))
            for n, values in pipeline
        )
        and len(compressors) <= 1
        and all(numbers.count(n) <= 1 for n in (SHUFFLE, FLETCHER32))
    )


def scratch_bytes(size: int) -> int:
    """Size of a scratch buffer for chunks of `size` bytes.

    Includes the checksum that a chunk still carries between two filters.
    """
    return size + 8


@lru_cache(maxsize=MAX_CACHED_PIPELINES)
def scratch_count(pipeline: tuple[Filter, ...]) -> int:
    """Number of scratch buffers for `decode`: up to two that alternate, and a spare one."""
    return _ping_pong_buffers(pipeline) + any(n in _WITH_SPARE for n, _ in pipeline)


@lru_cache(maxsize=MAX_CACHED_PIPELINES)
def last_buffer(pipeline: tuple[Filter, ...], mask: int) -> int | None:
    """Index of the buffer with the decoded bytes; None when no decoder writes them, or a checksum follows them."""
    writers = [at for at, (n, _) in enumerate(pipeline) if n != FLETCHER32 and not mask >> at & 1]
    if not writers or _trailing_checksum_bytes(pipeline, mask)[writers[0]]:
        return None
    return (len(writers) - 1) % 2


def decode(
    data: Any, pipeline: tuple[Filter, ...], mask: int, size: int, buffers: Sequence[Bytes]
) -> Bytes:
    """Decode one chunk to `size` bytes: a uint8 array, which may be a view of one of `buffers`.

    Bit k of `mask` is set if filter k was skipped when the chunk was written. Raises `CorruptChunk`, and `Busy`
    when the machine is out of memory.
    """
    current, count = 0, _ping_pong_buffers(pipeline)
    trailing = _trailing_checksum_bytes(pipeline, mask)
    for at in range(len(pipeline) - 1, -1, -1):
        if mask >> at & 1:
            continue
        number, values = pipeline[at]
        # The output of a filter before a checksum, in the file's order, is four bytes longer.
        capacity = size + (trailing[at] if number not in (SHUFFLE, FLETCHER32) else 0)
        try:
            data = DECODERS[number](data, values, capacity, buffers[current], buffers[-1])
        except CorruptChunk:
            raise
        except MemoryError:
            # A chunk is decoded within `buffers`; the missing memory is the decoder's own few kilobytes.
            raise errors.Busy("This machine is short of memory; try again in a moment.") from None
        except Exception as error:
            # Bindings raise many types, such as OverflowError and struct.error; a list would be incomplete.
            raise CorruptChunk(f"its bytes cannot be decoded ({type(error).__name__})") from error
        if number != FLETCHER32:
            current = (current + 1) % count
    decoded = _array(data)
    if len(decoded) != size:
        raise CorruptChunk(f"it decodes to {len(decoded)} bytes instead of {size}")
    return decoded


def keeps_length(pipeline: Sequence[Filter]) -> bool:
    """Whether each chunk has the same size in the file as decoded, so that HDF5 writes it in place."""
    return all(
        n in (SHUFFLE, FLETCHER32) or (n == BITSHUFFLE and bitshuffle.keeps_length(values))
        for n, values in pipeline
    )


def _ping_pong_buffers(pipeline: tuple[Filter, ...]) -> int:
    return min(len(pipeline), 2)


@lru_cache(maxsize=MAX_CACHED_PIPELINES)
def _trailing_checksum_bytes(pipeline: tuple[Filter, ...], mask: int) -> tuple[int, ...]:
    """For each filter, the checksum bytes that its decoded output still carries."""
    extra = 0
    result = []
    for at, (number, _) in enumerate(pipeline):
        result.append(extra)
        if number == FLETCHER32 and not mask >> at & 1:
            extra += 4
    return tuple(result)


def _out_view(scratch: Bytes, size: int) -> Any:
    return scratch[:size]


def _array(data: Any) -> Bytes:
    return data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
