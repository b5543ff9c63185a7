"""Filters that are undone here, by decoders that release the interpreter lock.

A pipeline is undone from its last filter to its first. Each decoder gets the bytes, a scratch array
to decode into and a spare one for what it has in between, and returns what it decoded as bytes-like
of uint8. The formats are those of the registered HDF5 filters:
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
from dashboard.codecs import bitshuffle, blosc, szip
from dashboard.codecs.errors import Bytes, CorruptChunk

# (number of the filter, its client data)
Filter = tuple[int, tuple[int, ...]]

GZIP, SHUFFLE, FLETCHER32, SZIP, BZIP2, LZF = 1, 2, 3, 4, 307, 32000
BLOSC, LZ4, BITSHUFFLE, ZSTD = 32001, 32004, 32008, 32015

# Pipelines (with their masks) of which is kept what each of their chunks asks for anew.
MAX_CACHED_PIPELINES = 256


def _gzip(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    # libdeflate behind imagecodecs: twice the speed of zlib, and the lock is free meanwhile.
    return _array(imagecodecs.deflate_decode(data, out=_out_view(scratch, size)))


def _shuffle(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    width = values[0]
    source = _array(data)
    count, rest = divmod(len(source), width)
    if width == 1 or count <= 1:
        return source
    out = scratch[: len(source)]
    if width in (2, 4) and sys.byteorder == "little":
        # All elements at once, a byte of each at a time: 14 and 7 GB/s, against 1 and 1.5 for a copy of the
        # transposed bytes and 4 for the columns.
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
    found = int(imagecodecs.h5checksum_fletcher32(_any(body)))
    # HDF5 before 1.6.3 wrote each half with its bytes swapped, and readers accept both.
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
    # Room for a byte too many: libbz2 says nothing when what is left has no room.
    found = _array(imagecodecs.bz2_decode(data, out=_out_view(spare, size + 1)))
    if len(found) != size:
        raise CorruptChunk(f"it does not decode to {size} bytes")
    np.copyto(scratch[:size], found)
    return scratch[:size]


def _szip(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    return szip.decode(data, values, size, scratch)


def _blosc(data: Any, values: tuple[int, ...], size: int, scratch: Bytes, spare: Bytes) -> Bytes:
    return blosc.decode(data, size, scratch)


# Only decoders that stand damaged bytes: what is decoded here can end a server. Those for which this
# does not hold stay in the children (docs/decisions.md).
_DECODERS: dict[int, Callable[[Any, tuple[int, ...], int, Bytes, Bytes], Bytes]] = {
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
# The widest type that can be shown, complex128, has elements of 16 bytes.
WIDEST = 16


def _shuffle_fits(values: tuple[int, ...]) -> bool:
    # The decoder goes through an element byte by byte, so the width is what its time depends on.
    return len(values) == 1 and 1 <= values[0] <= WIDEST


# Whether a filter's client data is such that it is undone here; without an entry any is.
_IS_SUPPORTED: dict[int, Callable[[tuple[int, ...]], bool]] = {
    SHUFFLE: _shuffle_fits,
    SZIP: szip.is_supported,
    BLOSC: blosc.is_supported,
    BITSHUFFLE: bitshuffle.is_supported,
}


def can_decode(pipeline: Sequence[Filter]) -> bool:
    """Whether the pipeline is undone here: at most one shuffle and one compressor, and checksums.

    What two compressors in a row leave in between may be longer than the chunk.
    """
    numbers = [number for number, _ in pipeline]
    compressors = [n for n in numbers if n not in (SHUFFLE, FLETCHER32)]
    return (
        all(
            n in _DECODERS and (n not in _IS_SUPPORTED or _IS_SUPPORTED[n](values))
            for n, values in pipeline
        )
        and len(compressors) <= 1
        and all(numbers.count(n) <= 1 for n in (SHUFFLE, FLETCHER32))
    )


def scratch_bytes(size: int) -> int:
    """Length of a scratch buffer for chunks of `size` bytes.

    There is room for the checksum that a chunk still carries between two filters.
    """
    return size + 8


@lru_cache(maxsize=MAX_CACHED_PIPELINES)
def scratch_count(pipeline: tuple[Filter, ...]) -> int:
    """How many scratch buffers `decode` wants: up to two that it takes turns with, and a spare one."""
    return _ping_pong_buffers(pipeline) + any(n in _WITH_SPARE for n, _ in pipeline)


@lru_cache(maxsize=MAX_CACHED_PIPELINES)
def last_buffer(pipeline: tuple[Filter, ...], mask: int) -> int | None:
    """Which buffer the decoded bytes end up in; None when no decoder writes them, or a checksum with them."""
    writers = [at for at, (n, _) in enumerate(pipeline) if n != FLETCHER32 and not mask >> at & 1]
    if not writers or _trailing_checksum_bytes(pipeline, mask)[writers[0]]:
        return None
    return (len(writers) - 1) % 2


def inflated_first(pipeline: tuple[Filter, ...]) -> bool:
    """Whether what is undone first is gzip, so that several chunks can be inflated together."""
    return bool(pipeline) and pipeline[-1][0] == GZIP


@lru_cache(maxsize=MAX_CACHED_PIPELINES)
def inflated_bytes(pipeline: tuple[Filter, ...], size: int) -> int:
    """How long a chunk of `size` bytes is once its last filter is undone."""
    return size + _trailing_checksum_bytes(pipeline, 0)[-1]


def decode(
    data: Any, pipeline: tuple[Filter, ...], mask: int, size: int, buffers: Sequence[Bytes]
) -> Bytes:
    """Undo the filters of one chunk: `size` bytes as a uint8 array, which may lie in `buffers`.

    Bit k of `mask` says that filter k was skipped when the chunk was written. Raises `Damaged`, and `Busy`
    when the machine is out of memory.
    """
    current, count = 0, _ping_pong_buffers(pipeline)
    trailing = _trailing_checksum_bytes(pipeline, mask)
    for at in range(len(pipeline) - 1, -1, -1):
        if mask >> at & 1:
            continue
        number, values = pipeline[at]
        # A filter that lies before a checksum in the file's order gives four bytes more.
        capacity = size + (trailing[at] if number not in (SHUFFLE, FLETCHER32) else 0)
        try:
            data = _DECODERS[number](data, values, capacity, buffers[current], buffers[-1])
        except CorruptChunk:
            raise
        except MemoryError:
            # All that a chunk needs is in `buffers`: what is missing here is the decoder's own few kilobytes.
            raise errors.Busy("This machine is short of memory; try again in a moment.") from None
        except Exception as error:
            # Bindings raise what they like, OverflowError and struct.error among it: a list would have gaps.
            raise CorruptChunk(f"its bytes cannot be decoded ({type(error).__name__})") from error
        if number != FLETCHER32:
            current = (current + 1) % count
    decoded = _array(data)
    if len(decoded) != size:
        raise CorruptChunk(f"it decodes to {len(decoded)} bytes instead of {size}")
    return decoded


def keeps_length(pipeline: Sequence[Filter]) -> bool:
    """Whether each chunk is as long in the file as decoded, so that HDF5 writes it in place."""
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


def _any(data: Any) -> Any:
    # imagecodecs takes arrays everywhere, its type hints do not say so.
    return data


def _out_view(scratch: Bytes, size: int) -> Any:
    return scratch[:size]


def _array(data: Any) -> Bytes:
    return data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
