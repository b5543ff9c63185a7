"""In C, without the interpreter's lock: LZF and HDF5's shuffle for several chunks in one call, and quantization.

The C files are compiled at installation, given a C compiler; otherwise imagecodecs and NumPy give the same values,
more slowly (`dashboard.codecs.pipeline`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from dashboard.codecs.errors import Bytes

try:
    from dashboard.codecs.compiled import _native
except ImportError:
    _compiled = False
else:
    # A checkout that was updated has the module of before until it is installed again.
    _compiled = all(hasattr(_native, name) for name in ("lzf", "ramp", "unshuffle"))

# (input, output, bytes of it that are there, bytes that are needed, whether the input ends here)
LzfJob = tuple[Bytes, Bytes, int, int, bool]


def available() -> bool:
    """Whether all functions were compiled."""
    return _compiled


def lzf(jobs: list[LzfJob]) -> list[tuple[int, int, int]]:
    """(verdict, bytes consumed, bytes of the output) of each job; requires `available`."""
    return _native.lzf(jobs)


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


def unshuffle(chunks: Sequence[Bytes], outputs: Sequence[Bytes], width: int) -> None:
    """Undo the shuffle of each chunk into the array of the same index and length; requires `available`."""
    _native.unshuffle(list(chunks), list(outputs), width)
