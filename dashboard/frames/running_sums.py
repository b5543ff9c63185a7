"""Sums of slabs that were projected lately: one that moves by a slice adds one plane and subtracts another."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from dashboard.frames.cell_reductions import Cells

LIMIT_BYTES: Final = 64 * 2**20


@dataclass
class SlabSums:
    """The sums of the slices `slab`, in strips of cells by their first row."""

    slab: frozenset[int] = frozenset()
    cells: dict[int, Cells] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of the sums."""
        return sum(cells.nbytes for cells in self.cells.values())

    def steps_to(self, slab: Collection[int]) -> tuple[list[int], list[int]]:
        """(slices to add, slices to subtract) for another slab."""
        return [at for at in slab if at not in self.slab], sorted(self.slab - frozenset(slab))


class RunningSums:
    """The sums that a process keeps; who takes some has them alone, until they are put back."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, SlabSums] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, slab: Collection[int]) -> SlabSums:
        """Sums of a slab from which fewer steps lead to `slab` than it has slices; empty ones otherwise."""
        with self._lock:
            found = self._kept.pop(key, None)
        if found is not None and sum(map(len, found.steps_to(slab))) < len(slab):
            return found
        return SlabSums()

    def put(self, key: str, sums: SlabSums) -> None:
        """Keep sums; those that were not used for longest are forgotten beyond the limit."""
        with self._lock:
            self._kept[key] = sums
            self._kept.move_to_end(key)
            while self._kept and _total(self._kept.values()) > self._limit:
                self._kept.popitem(last=False)


def _total(kept: Iterable[SlabSums]) -> int:
    return sum(one.nbytes for one in kept)
