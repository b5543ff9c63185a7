"""Lengths and areas on a plane in the units of its axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Self

from dashboard.addressing.selection import Selection
from dashboard.meaning.model import AxisMeaning, Meaning
from dashboard.meaning.units import size_of


@dataclass(frozen=True, slots=True)
class Step:
    """The distance of two neighbours along a dimension (above 0), and its unit."""

    size: float
    unit: str

    @classmethod
    def of(cls, axis: AxisMeaning) -> Self | None:
        """That of a dimension with a unit and regular coordinates; None for others."""
        coordinates = axis["coordinates"]
        if coordinates is None or "step" not in coordinates or not axis["unit"]:
            return None
        return cls(abs(coordinates["step"]), axis["unit"])

    def in_unit(self, unit: str) -> Step | None:
        """The same in another unit of the same kind; None where they are not comparable."""
        if unit == self.unit:
            return self
        (kind, size), (other, of) = size_of(self.unit), size_of(unit)
        return Step(self.size * size / of, unit) if kind is not None and kind == other else None


@dataclass(frozen=True, slots=True)
class VoxelSize:
    """The size of voxels along rows and columns of a plane; None for what is not known."""

    down: Step | None = None
    along: Step | None = None

    @classmethod
    def of(cls, meaning: Meaning | None, selection: Selection) -> Self:
        """That of the dimensions of a selection."""
        if meaning is None:
            return cls()
        rows, cols = selection.plane
        return cls(Step.of(meaning["axes"][rows]), Step.of(meaning["axes"][cols]))

    def distance(self, rows: float, cols: float) -> tuple[float, str | None]:
        """The length of a line over so many voxels in the rows' unit, or the only one that matters.

        In voxels, with the unit None, where units are missing or of different kinds.
        """
        down, along = self.down, self.along
        if not rows and cols and along is not None:
            return abs(cols) * along.size, along.unit
        if down is not None and not cols:
            return abs(rows) * down.size, down.unit
        if down is not None and along is not None:
            same = along.in_unit(down.unit)
            if same is not None:
                return hypot(rows * down.size, cols * same.size), down.unit
        return hypot(rows, cols), None

    def area(self, voxels: int) -> tuple[float, str | None]:
        """The area of so many voxels, as in `µm²` or `µm·s`; their number and None where units are missing."""
        down, along = self.down, self.along
        if down is None or along is None:
            return float(voxels), None
        same = along.in_unit(down.unit)
        if same is not None:
            return voxels * down.size * same.size, f"{_factor(down.unit)}²"
        return voxels * down.size * along.size, f"{_factor(down.unit)}·{_factor(along.unit)}"


def _factor(unit: str) -> str:
    return unit if unit.isalpha() else f"({unit})"
