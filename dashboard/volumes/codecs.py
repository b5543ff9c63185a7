"""Filters that are undone here, by decoders that release the interpreter lock.

A pipeline is undone from its last filter to its first. Each decoder gets the bytes and a scratch
array to decode into, and returns what it decoded as bytes-like of uint8. The formats are those of
the registered HDF5 filters:
https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

# (number of the filter, its client data)
Filter = tuple[int, tuple[int, ...]]
Bytes = NDArray[np.uint8]

GZIP, SHUFFLE, FLETCHER32, LZF, LZ4, ZSTD = 1, 2, 3, 32000, 32004, 32015


class Damaged(ValueError):
    """A chunk's bytes are not what its filters write."""


def _gzip(data: Any, values: tuple[int, ...], size: int, scratch: Bytes) -> Bytes:
    # libdeflate behind imagecodecs: twice the speed of zlib, and the lock is free meanwhile.
    return _array(imagecodecs.deflate_decode(data, out=_room(scratch, size)))


def _shuffle(data: Any, values: tuple[int, ...], size: int, scratch: Bytes) -> Bytes:
    width = values[0] if values else 1
    if width <= 1:
        return _array(data)
    source = _array(data)
    count, rest = divmod(len(source), width)
    out = scratch[: len(source)]
    # One strided copy; NumPy releases the lock for it. A tail shorter than an element stays as it
    # is.
    np.copyto(
        out[: count * width].reshape(count, width), source[: count * width].reshape(width, count).T
    )
    if rest:
        out[count * width :] = source[count * width :]
    return out


def _fletcher32(data: Any, values: tuple[int, ...], size: int, scratch: Bytes) -> Bytes:
    source = _array(data)
    if len(source) < 4:
        raise Damaged("its checksum is missing")
    body = source[:-4]
    stored = int.from_bytes(source[-4:].tobytes(), "little")
    found = int(imagecodecs.h5checksum_fletcher32(_any(body)))
    # HDF5 before 1.6.3 wrote each half with its bytes swapped, and readers accept both.
    swapped = ((found & 0x00FF00FF) << 8) | ((found >> 8) & 0x00FF00FF)
    if stored not in (found, swapped):
        raise Damaged("its checksum does not fit its bytes")
    return body


def _lzf(data: Any, values: tuple[int, ...], size: int, scratch: Bytes) -> Bytes:
    return _array(imagecodecs.lzf_decode(data, out=_room(scratch, size)))


def _zstd(data: Any, values: tuple[int, ...], size: int, scratch: Bytes) -> Bytes:
    return _array(imagecodecs.zstd_decode(data, out=_room(scratch, size)))


def _lz4(data: Any, values: tuple[int, ...], size: int, scratch: Bytes) -> Bytes:
    return _array(imagecodecs.lz4h5_decode(data, out=_room(scratch, size)))


# Only decoders that stand damaged bytes: what is decoded here can end a server. c-blosc follows the
# offsets in its header wherever they point, so it stays in the children.
_DECODERS: dict[int, Callable[[Any, tuple[int, ...], int, Bytes], Bytes]] = {
    GZIP: _gzip,
    SHUFFLE: _shuffle,
    FLETCHER32: _fletcher32,
    LZF: _lzf,
    LZ4: _lz4,
    ZSTD: _zstd,
}


def can_decode(pipeline: Sequence[Filter]) -> bool:
    """Whether the pipeline is undone here: at most one shuffle and one compressor, and checksums.

    What two compressors in a row leave in between may be longer than the chunk.
    """
    numbers = [number for number, _ in pipeline]
    compressors = [n for n in numbers if n not in (SHUFFLE, FLETCHER32)]
    return (
        all(n in _DECODERS for n in numbers)
        and len(compressors) <= 1
        and all(numbers.count(n) <= 1 for n in (SHUFFLE, FLETCHER32))
    )


def scratch_bytes(size: int) -> int:
    """Length of a scratch buffer for chunks of `size` bytes.

    There is room for the checksum that a chunk still carries between two filters.
    """
    return size + 8


def scratch_count(pipeline: Sequence[Filter]) -> int:
    """How many scratch buffers `decode` takes turns with."""
    return min(len(pipeline), 2)


def last_buffer(pipeline: Sequence[Filter], mask: int) -> int | None:
    """Which buffer the decoded bytes end up in; None when no decoder writes them, or a checksum with them."""
    writers = [at for at, (n, _) in enumerate(pipeline) if n != FLETCHER32 and not mask >> at & 1]
    if not writers or _trailing(pipeline, mask)[writers[0]]:
        return None
    return (len(writers) - 1) % 2


def decode(
    data: Any, pipeline: Sequence[Filter], mask: int, size: int, buffers: Sequence[Bytes]
) -> Bytes:
    """Undo the filters of one chunk: `size` bytes as a uint8 array, which may lie in `buffers`.

    Bit k of `mask` says that filter k was skipped when the chunk was written. Raises `Damaged`.
    """
    turn = 0
    trailing = _trailing(pipeline, mask)
    for at in range(len(pipeline) - 1, -1, -1):
        if mask >> at & 1:
            continue
        number, values = pipeline[at]
        # A filter that lies before a checksum in the file's order gives four bytes more.
        room = size + (trailing[at] if number not in (SHUFFLE, FLETCHER32) else 0)
        try:
            data = _DECODERS[number](data, values, room, buffers[turn])
        except Damaged:
            raise
        except (ValueError, RuntimeError, TypeError, OSError, IndexError) as error:
            raise Damaged(f"its bytes cannot be decoded ({type(error).__name__})") from error
        if number != FLETCHER32:
            turn = 1 - turn if len(buffers) > 1 else 0
    decoded = _array(data)
    if len(decoded) != size:
        raise Damaged(f"it decodes to {len(decoded)} bytes instead of {size}")
    return decoded


def _trailing(pipeline: Sequence[Filter], mask: int) -> list[int]:
    """For each filter, the checksum bytes that its decoded output still carries."""
    extra = 0
    result = []
    for at, (number, _) in enumerate(pipeline):
        result.append(extra)
        if number == FLETCHER32 and not mask >> at & 1:
            extra += 4
    return result


def _any(data: Any) -> Any:
    # imagecodecs takes arrays everywhere, its type hints do not say so.
    return data


def _room(scratch: Bytes, size: int) -> Any:
    return scratch[:size]


def _array(data: Any) -> Bytes:
    return data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
