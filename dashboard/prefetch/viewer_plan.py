"""A viewer's plan: its trajectory, which is stored, and the bricks that it needs next, which follow from that."""

from __future__ import annotations

import logging
import zlib
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from dashboard.addressing.selection import MAX_RANK
from dashboard.once import cached_property
from dashboard.prefetch import planner
from dashboard.prefetch.planner import (
    Geometry,
    Index,
    Plan,
    PlannedBrick,
    Position,
    PositionSample,
    State,
    Time,
)

log = logging.getLogger(__name__)

PREFIX: Final = "plan:"
# Version of the rows; rows of other versions are skipped.
VERSION: Final = 4


@dataclass(frozen=True)
class ViewerPlan:
    """Position of one viewer, its trajectory, and the bricks that it will probably need.

    `fingerprint` is the file's, as numbers. `selection` is the canonical text of the current slice, `plane` its
    two dimensions (rows, columns). A `PlannedBrick.position` has an index for each of the other dimensions, in
    order. `last_request_at` is the time of the viewer's last request (Unix time, s); `person` is signed in there.
    `made_at` is when the plan was made, and `budget_bytes` bounds its decoded bytes; a paused viewer has none.
    `beside` names the planes of a picture that the viewer shows beside its main one, whose name is empty.
    `node` is the machine that answered there, empty where there is one alone.
    """

    viewer: str
    file: str
    dataset: str
    fingerprint: tuple[Index, ...]
    selection: str
    plane: tuple[Index, Index]
    geometry: Geometry
    decode_s: Time
    last_request_at: Time
    trajectory: Annotated[
        tuple[PositionSample, ...], Field(min_length=1, max_length=planner.MAX_SAMPLES)
    ]
    made_at: Time
    budget_bytes: Index
    person: str = ""
    beside: str = ""
    node: str = ""

    @property
    def name(self) -> str:
        """Of this picture of the viewer: viewers' ids have no `+`."""
        return f"{self.viewer}+{self.beside}" if self.beside else self.viewer

    @property
    def state(self) -> State:
        """Whether the viewer moves."""
        return self._made.state

    @property
    def bricks(self) -> tuple[PlannedBrick, ...]:
        """The bricks, earliest deadline first; raises `ArithmeticError` or `ValueError` for absurd lengths."""
        return self._made.bricks

    @cached_property
    def _made(self) -> Plan:
        return planner.plan(
            self.trajectory, self.geometry, self.decode_s, self.budget_bytes, self.made_at
        )

    @property
    def sharer(self) -> str:
        """Who has one share of the worker's time: a person with all tabs, or a viewer without a person."""
        return f"person:{self.person}" if self.person else f"viewer:{self.viewer}"

    @property
    def position(self) -> Position:
        """Current position of the viewer."""
        return self.trajectory[-1].position

    @property
    def last_moved_axis(self) -> int:
        """The dimension outside the plane that the viewer moved along last; without movement, the first."""
        for before, after in zip(self.trajectory[-2::-1], self.trajectory[:0:-1], strict=False):
            for number, (a, b) in enumerate(zip(before.position, after.position, strict=True)):
                if a != b:
                    return number
        return 0

    def continues(self, other: ViewerPlan) -> bool:
        """Whether both plans have the same planes of the same volume, so that the trajectory continues."""
        return self._context == other._context

    @property
    def _context(self) -> tuple[object, ...]:
        # The bricks' size is not compared: a zoomed view needs fewer tiles, and its trajectory continues all the
        # same.
        geometry = self.geometry
        return (
            self.file,
            self.dataset,
            self.fingerprint,
            self.plane,
            geometry.extent,
            geometry.chunk,
        )


def planes_name(file: str, dataset: str, plane: tuple[int, int]) -> str:
    """Names the planes of two dimensions of a dataset, in the name of a plan beside a viewer's main one."""
    return f"{zlib.crc32(repr((file, dataset, plane)).encode()):08x}"


def _consistent(plan: ViewerPlan) -> ViewerPlan:
    extent, chunk = plan.geometry.extent, plan.geometry.chunk
    if len(chunk) != len(extent) or len(extent) > MAX_RANK:
        raise ValueError("the dimensions do not agree")
    for _, position in plan.trajectory:
        if len(position) != len(extent) or any(
            x >= n for x, n in zip(position, extent, strict=True)
        ):
            raise ValueError("a position outside the volume")
    return plan


@dataclass(frozen=True, slots=True)
class _Row:
    """A plan as it is stored. Rows are untrusted, so they are validated when they are read."""

    version: Literal[4]
    plan: Annotated[ViewerPlan, AfterValidator(_consistent)]


_ROW = TypeAdapter(_Row)


def read(key: str, value: bytes | None) -> ViewerPlan | None:
    """The plan of a row; None for a row that is none, which is logged."""
    if value is None:
        return None
    try:
        plan = _ROW.validate_json(value, strict=True).plan
    except ValidationError as error:
        log.warning("plan %.80r skipped: %.200s", key, error.errors(include_url=False)[0]["msg"])
        return None
    if key != PREFIX + plan.name:
        log.warning("plan %.80r skipped: it is of another viewer", key)
        return None
    return plan


def row_of(plan: ViewerPlan) -> bytes:
    """A plan as it is stored."""
    return _ROW.dump_json(_Row(VERSION, plan))
