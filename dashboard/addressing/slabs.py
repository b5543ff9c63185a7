"""Slabs: what a load balancer sends to one machine.

A slab has the slices of one chunk, or of several of one plane that are decoded together, across the dimensions
that a plane fixes: a machine that decodes one of them has the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

# Of datasets without chunks, which are read as they lie in the file or in blocks.
WITHOUT_CHUNKS: Final = 64

_OFFSET: Final = 0x811C9DC5
_PRIME: Final = 0x01000193


def thickness(shape: Sequence[int], chunks: Sequence[int] | None) -> list[int]:
    """Slices of a slab across each dimension, 1 or more."""
    if chunks is None:
        return [max(1, min(length, WITHOUT_CHUNKS)) for length in shape]
    return list(chunks)


def slab_of(file: str, dataset: str, fixed: Mapping[int, int], thick: Sequence[int]) -> str:
    """The slab of a plane that fixes these dimensions (dimension → index): eight hexadecimal digits.

    They are the FNV-1a hash (32 bits) of file, dataset and `dimension:number of the slab` for each fixed
    dimension, as UTF-8. A routing key and nothing else: two slabs may have the same.
    """
    numbers = ",".join(f"{dim}:{index // thick[dim]}" for dim, index in sorted(fixed.items()))
    found = _OFFSET
    for byte in f"{file}\n{dataset}\n{numbers}".encode("utf-8", "replace"):
        found = (found ^ byte) * _PRIME & 0xFFFFFFFF
    return f"{found:08x}"
