"""Figures: repeated measurements with their spread and target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

Judge = Literal["median", "worst"]


@dataclass(frozen=True)
class Figure:
    """One quantity and its value in each repetition.

    `floor` and `aim` are its targets, if any; `judge` selects the value that is compared with them.
    """

    what: str
    values: tuple[float, ...]
    unit: str = "×"
    floor: float | None = None
    aim: float | None = None
    more: bool = True
    judge: Judge = "median"

    @property
    def headline(self) -> float:
        """The value that is compared with the targets."""
        if self.judge == "median":
            return median(self.values)
        return min(self.values) if self.more else max(self.values)

    @property
    def verdict(self) -> str:
        """The target that is reached, as text; empty without targets."""
        if self.floor is None:
            return ""
        if not self.values:
            return "not measured"
        if self.aim is not None and self._reaches(self.aim):
            return "aim reached"
        return "reached" if self._reaches(self.floor) else "**not reached**"

    @property
    def missed(self) -> bool:
        """Whether the floor is missed."""
        return self.floor is not None and bool(self.values) and not self._reaches(self.floor)

    def _reaches(self, mark: float) -> bool:
        return self.headline >= mark if self.more else self.headline <= mark


@dataclass
class Section:
    """Figures measured by one method, which `method` describes in Markdown."""

    key: str
    title: str
    method: str
    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def add(
        self,
        what: str,
        values: Iterable[float],
        unit: str = "×",
        *,
        floor: float | None = None,
        aim: float | None = None,
        more: bool = True,
        judge: Judge = "median",
    ) -> None:
        """Add a figure; one without targets and without values is omitted."""
        found = tuple(values)
        if found or floor is not None:
            self.figures.append(Figure(what, found, unit, floor, aim, more, judge))


@dataclass(frozen=True)
class Table:
    """A table of text cells."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Quotients of pairs; the two values of a pair were measured in immediate succession."""
    return [a / b for a, b in zip(above, below, strict=True)]
