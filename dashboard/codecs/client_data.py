"""Checks of filters' client data against the dataset's type and chunk, before anything is decoded.

Client data consists of numbers out of the file, and decoders (libhdf5's included) loop and allocate by them. Each
check admits what the filter's own `set_local` can have written for this type and chunk; sources:
https://github.com/HDFGroup/hdf5/tree/develop/src (H5Zshuffle.c, H5Zszip.c, H5Znbit.c, H5Zscaleoffset.c),
https://github.com/h5py/h5py/tree/master/lzf, and those that docs/RegisteredFilterPlugins.md of hdf5_plugins
names. Numbers that no decoder reads (the levels of bzip2, lz4 and zstd) are not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashboard.codecs.filters import (
    BITSHUFFLE,
    BLOSC,
    BLOSC2,
    GZIP,
    LZF,
    NBIT,
    SCALEOFFSET,
    SHUFFLE,
    SZIP,
)

Values = tuple[int, ...]

MAX_GZIP_LEVEL = 9
# All options of szip in HDF5: K13, chip, EC, LSB, MSB, NN, raw.
SZIP_OPTIONS = 1 | 2 | 4 | 8 | 16 | 32 | 128
SZIP_MAX_BLOCK, SZIP_BLOCKS_IN_A_LINE = 32, 128
# H5Zszip.c rounds wider types up to 32 or 64 bits.
SZIP_MAX_BITS = 24
# c-blosc treats wider elements as single bytes.
BLOSC_MAX_WIDTH = 255
BITSHUFFLE_METHODS = (0, 2, 3)
NBIT_ATOMIC, NBIT_ARRAY, NBIT_COMPOUND, NBIT_OPAQUE = 1, 2, 3, 4
NBIT_MAX_DEPTH = 4
SCALEOFFSET_VALUES = 20


@dataclass(frozen=True, slots=True)
class StoredType:
    """The properties of a dataset that filters use: bytes of an element and of its parts, elements of a chunk.

    `parts` are the members of a compound (a complex number's two halves) and the base of an array.
    """

    size: int
    parts: frozenset[int]
    elements: int

    @property
    def chunk_bytes(self) -> int:
        """Decoded bytes of a chunk."""
        return self.size * self.elements

    def has_width(self, width: int) -> bool:
        """Whether a filter processes elements of `width` bytes here."""
        return width == self.size or width in self.parts


def check_client_data(filters: Sequence[tuple[int, Values]], stored: StoredType) -> str | None:
    """The reason why HDF5 cannot have written these filters for this type and chunk, or None.

    `filters` are (number of the filter, its client data).
    """
    for number, values in filters:
        check = CHECKS.get(number)
        reason = check(values, stored) if check is not None else None
        if reason is not None:
            return reason
    return None


def _gzip(values: Values, _: StoredType) -> str | None:
    if len(values) != 1:
        return f"Its filter gzip has {len(values)} parameters instead of 1."
    if values[0] > MAX_GZIP_LEVEL:
        return f"Its filter gzip has the level {values[0]}, and the highest is {MAX_GZIP_LEVEL}."
    return None


def _shuffle(values: Values, stored: StoredType) -> str | None:
    if len(values) != 1:
        return f"Its filter shuffle has {len(values)} parameters instead of 1."
    return _width("shuffle", values[0], stored)


def _width(name: str, width: int, stored: StoredType) -> str | None:
    if stored.has_width(width):
        return None
    return f"Its filter {name} says elements of {width} bytes, and its type has {stored.size}."


def _szip(values: Values, stored: StoredType) -> str | None:
    # If an optional filter cannot be applied, HDF5 keeps the author's parameters and stores chunks as
    # they are; of those that were not, libhdf5 says that parameters are missing.
    if len(values) < 4:
        return None
    options, block, bits, line = values[:4]
    if options & ~SZIP_OPTIONS:
        return f"Its filter szip has the options {options}, which HDF5 does not have."
    if block % 2 or not 2 <= block <= SZIP_MAX_BLOCK:
        return f"Its filter szip says blocks of {block} pixels; they have 2 to {SZIP_MAX_BLOCK}, and even."
    if not (1 <= bits <= SZIP_MAX_BITS or bits in (32, 64)) or bits > 8 * stored.size:
        return f"Its filter szip says pixels of {bits} bits, and its type has {8 * stored.size}."
    if not 0 < line <= min(SZIP_BLOCKS_IN_A_LINE * block, stored.elements):
        return (
            f"Its filter szip says lines of {line} pixels, which chunks of {stored.elements:,}"
            f" elements in blocks of {block} do not have."
        )
    return None


def _nbit(values: Values, stored: StoredType) -> str | None:
    wrong = "Its filter nbit has parameters that HDF5 does not write for this type"
    if len(values) < 3 or values[0] != len(values) or values[1] > 1:
        return f"{wrong}."
    if values[2] != stored.elements:
        return (
            f"Its filter nbit says chunks of {values[2]} elements, and they have {stored.elements}."
        )
    if values[1]:
        return None  # no unused bits: chunks are stored unchanged, and the other parameters are not read
    if len(values) < 5 or values[4] != stored.size:
        return f"{wrong}."
    return (
        None if _nbit_type(values, 3, stored.size, NBIT_MAX_DEPTH) == len(values) else f"{wrong}."
    )


def _nbit_type(values: Values, at: int, available: int, depth: int) -> int | None:
    """End of the type description that begins at `at`; None if the type takes more than `available` bytes."""
    kind, size, *rest = (*values[at : at + 5], 0, 0, 0, 0, 0)[:5]
    if not 0 < size <= available or not depth:
        return None
    if kind == NBIT_OPAQUE:
        return at + 2
    if kind == NBIT_ATOMIC:
        order, precision, offset = rest
        fits = order <= 1 and precision > 0 and precision + offset <= 8 * size
        return at + 5 if fits else None
    if kind == NBIT_ARRAY:
        return _nbit_type(values, at + 2, size, depth - 1)
    if kind != NBIT_COMPOUND:
        return None
    end: int | None = at + 3
    for _ in range(min(rest[0], len(values))):
        if end is None or end >= len(values) or values[end] >= size:
            return None
        end = _nbit_type(values, end + 1, size - values[end], depth - 1)
    return end


def _scaleoffset(values: Values, stored: StoredType) -> str | None:
    if len(values) != SCALEOFFSET_VALUES:
        return (
            f"Its filter scaleoffset has {len(values)} parameters instead of {SCALEOFFSET_VALUES}."
        )
    how, factor, elements, kind, size, sign, order, has_fill = values[:8]
    if elements != stored.elements:
        return f"Its filter scaleoffset says chunks of {elements} elements, and they have {stored.elements}."
    if size != stored.size:
        return _width("scaleoffset", size, stored) or "Its filter scaleoffset is none of its type."
    # Decimal digits of real numbers may be negative, bits of integers may not.
    if how > 2 or kind > 1 or max(sign, order, has_fill) > 1 or (kind == 0 and factor > 8 * size):
        return "Its filter scaleoffset has parameters that HDF5 does not write."
    return None


def _lzf(values: Values, stored: StoredType) -> str | None:
    # The first version of the filter had no length.
    if len(values) < 3 or values[2] in (0, stored.chunk_bytes):
        return None
    return f"Its filter lzf says chunks of {values[2]} bytes, and they have {stored.chunk_bytes}."


def _blosc(values: Values, stored: StoredType) -> str | None:
    if len(values) < 4:
        return None
    # No decoder uses this width, and some writers set another one.
    if not 1 <= values[2] <= BLOSC_MAX_WIDTH:
        return (
            f"Its filter blosc says elements of {values[2]} bytes, and its type has {stored.size}."
        )
    if values[3] not in (0, stored.chunk_bytes):
        return f"Its filter blosc says chunks of {values[3]} bytes, and they have {stored.chunk_bytes}."
    return None


def _bitshuffle(values: Values, stored: StoredType) -> str | None:
    if len(values) < 3:
        return f"Its filter bitshuffle has {len(values)} parameters, and needs 3."
    if reason := _width("bitshuffle", values[2], stored):
        return reason
    if len(values) > 3 and values[3] % 8:
        return (
            f"Its filter bitshuffle says blocks of {values[3]} elements; they are multiples of 8."
        )
    if len(values) > 4 and values[4] not in BITSHUFFLE_METHODS:
        return f"Its filter bitshuffle names the compressor {values[4]}, which it does not have."
    return None


CHECKS: dict[int, Callable[[Values, StoredType], str | None]] = {
    GZIP: _gzip,
    SHUFFLE: _shuffle,
    SZIP: _szip,
    NBIT: _nbit,
    SCALEOFFSET: _scaleoffset,
    LZF: _lzf,
    BLOSC: _blosc,
    BITSHUFFLE: _bitshuffle,
    BLOSC2: _blosc,
}
