"""In C, without the interpreter's lock: chunks read and decoded several in one call, and quantization.

Inflating is limited by a dependency: each code begins where the one before it ends. Two streams are independent
of each other, so gzip chunks are inflated two at a time in one thread (`codecs/paired_inflate`), where the
processor has AVX2 and BMI2. LZF refers to at most 8 KiB of its own output. Both can be suspended anywhere.

The C files are compiled at installation, given a C compiler; otherwise imagecodecs and NumPy give the same values,
more slowly (`dashboard.codecs.pipeline`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from dashboard.codecs.errors import Bytes

try:
    from dashboard.codecs.compiled import _native
except ImportError:
    _compiled = False
else:
    # A checkout that was updated has the module of before until it is installed again.
    _compiled = all(hasattr(_native, name) for name in ("decode", "ramp", "unshuffle"))

if TYPE_CHECKING:
    from dashboard.codecs.compiled._native import Stream


def available() -> bool:
    """Whether all functions were compiled."""
    return _compiled


@cache
def _inflates() -> bool:
    return _native.inflates()


def inflates() -> bool:
    """Whether gzip is decoded: available, and this processor has the instructions (AVX2, BMI1 and BMI2)."""
    return available() and _inflates()


def stream(codec: int, size: int) -> Stream:
    """A chunk of `size` stored bytes that is decoded in several calls; `fed` is the number of bytes consumed."""
    return _native.Stream(codec, size)


def stream_bytes() -> int:
    """Memory of one `stream` of gzip (bytes)."""
    return _native.STREAM_BYTES


def span_bytes(largest: int, share: float) -> int:
    """Most bytes read in one go of chunks of up to `largest` stored bytes, at first this share of each."""
    # One more, since the sum may be rounded up there.
    part = int(largest * min(share, 1.0)) + _native.SLACK_BYTES + 1
    return max(min(part, largest), _native.GROUP_BYTES)


def decode(
    codec: int,
    width: int,
    checksum: bool,
    source: int | list[Bytes],
    spans: tuple[NDArray[Any], NDArray[Any]] | None,
    outs: list[Bytes],
    streams: list[Any] | None,
    until: int,
    share: float,
    scratch: Bytes,
) -> tuple[list[int], int, float, float]:
    """What `BatchDecoder.decode` describes; requires `available`, for gzip `inflates`."""
    offsets, sizes = spans or (None, None)
    return _native.decode(
        codec, width, checksum, source, offsets, sizes, outs, streams, until, share, scratch
    )


def ramp(
    values: NDArray[Any],
    codes: Bytes,
    ends: tuple[int, int],
    shift: float,
    slope: float,
    half: float,
) -> None:
    """Write (value + shift) * slope + half, truncated, to `codes`, in float32; requires `available`.

    `values` are native integers of one or two bytes, clipped to `ends` first, and contiguous.
    """
    kind = f"{values.dtype.kind}{values.dtype.itemsize}"
    _native.ramp(kind, values, codes, *ends, shift, slope, half)


def unshuffle(chunk: Bytes, output: Bytes, width: int) -> None:
    """Undo the shuffle of a chunk into an array of the same length; requires `available`."""
    _native.unshuffle(chunk, output, width)
