"""The plan store: one row for each picture of a viewer with its newest plan, which expires.

Web processes record the positions of their viewers, the prefetch worker reads all plans. A new plan replaces the
old one as a whole, so there is no queue that could grow and nothing to cancel. Pictures beside the main one each
have a plan of their own, so that none ends the movement of another. Each brick that is being prefetched
has a row as well, its in-flight marker.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

from cachetools import LRUCache
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from dashboard.addressing.selection import MAX_RANK
from dashboard.log_limit import NameLogLimit
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
from dashboard.prefetch.trajectory import extended
from dashboard.storage.rows import Rows, RowsUnavailable, update

log = logging.getLogger(__name__)

PLAN: Final = "plan:"
FLIGHT: Final = "flight:"
PAUSE: Final = "pause:"
WORKER: Final = "worker"
# Lifetime of an in-flight marker; it is renewed after a third of it, and expires if the worker is killed.
FLIGHT_S: Final = 6.0
CLOCKS_DIFFER_S: Final = 1.0

# Viewer ids are chosen by clients, so only this many of the newest plans are considered.
MAX_PLANS: Final = 256
# SQLite limits the depth of a condition.
_MAX_RANGES: Final = 128
# Version of the rows; rows of other versions are skipped.
VERSION: Final = 3


@dataclass(frozen=True, slots=True)
class ViewerPlan:
    """Position of one viewer, its trajectory, and the bricks that it will probably need.

    `fingerprint` is the file's, as numbers. `selection` is the canonical text of the current slice, `plane` its
    two dimensions (rows, columns). A `PlannedBrick.position` has an index for each of the other dimensions, in
    order. `last_request_at` is the time of the viewer's last request (Unix time, s); `person` is signed in there.
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
    state: State
    bricks: tuple[PlannedBrick, ...]
    person: str = ""
    beside: str = ""
    node: str = ""

    @property
    def name(self) -> str:
        """Of this picture of the viewer: viewers' ids have no `+`."""
        return f"{self.viewer}+{self.beside}" if self.beside else self.viewer

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


class PlanStore:
    """The plans of all viewers, shared by all processes.

    A plan expires `plan_seconds` after its viewer's last movement; `budget_bytes` bounds the decoded bytes planned
    for one viewer. `clock` gives Unix time (s). `own` are rows of this machine alone. An unavailable store is
    logged, not raised: plans are hints.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        plan_seconds: float = 30.0,
        budget_bytes: int = 2 * 2**30,
        clock: Callable[[], float] = time.time,
        node: str = "",
        own: Rows | None = None,
    ) -> None:
        self._rows = rows
        self._own = own or rows
        self._plan_seconds = plan_seconds
        self._budget = budget_bytes
        self.clock = clock
        self._node = node
        self._known: dict[str, tuple[bytes | None, ViewerPlan | None]] = {}
        # What this process wrote last for a viewer: to read it again takes as long as to plan.
        self._written: LRUCache[str, tuple[bytes, ViewerPlan]] = LRUCache(MAX_PLANS)
        self._lock = threading.Lock()
        self._lines = NameLogLimit()

    def record_position(
        self,
        *,
        viewer: str,
        file: str,
        dataset: str,
        fingerprint: Sequence[int],
        selection: str,
        plane: tuple[int, int],
        position: Sequence[int],
        geometry: Geometry,
        decode_s: float,
        at: float | None = None,
        before: Sequence[PositionSample] = (),
        painted_before: Sequence[Position] | None = None,
        person: str = "",
        beside: bool = False,
    ) -> bool:
        """Record a viewer's request for the slice at `position` (at Unix time `at`, or now) and replan.

        `before` has the requests of the viewer since its last plan. Of a position that a page reports, which may
        be older than the newest request, `painted_before` are the positions that it reports before it, in order.
        A slice `beside` the main picture belongs to the movement of its own planes; other plans stay as they are.
        Returns whether the plan could be written.
        """
        now = self.clock()
        sample = PositionSample(now if at is None else at, tuple(position))
        new = ViewerPlan(
            viewer=viewer,
            file=file,
            dataset=dataset,
            fingerprint=tuple(fingerprint),
            selection=selection,
            plane=plane,
            geometry=geometry,
            decode_s=decode_s,
            last_request_at=sample.t,
            trajectory=(*before, sample)[-planner.MAX_SAMPLES :],
            state="resting",
            bricks=(),
            person=person,
            beside=planes_name(file, dataset, plane) if beside else "",
            node=self._node,
        )
        name = new.name
        key = PLAN + name
        paused = self._rows.get(PAUSE + viewer) is not None
        with self._lock:
            written, own = self._written.get(name, (None, None))

        def continued(row: bytes | None) -> bytes:
            nonlocal written, own
            old = own if row is not None and row == written else _read(key, row)
            own = self._planned(extended(old, new, painted_before), now)
            if paused:
                # The trajectory goes on, so that the next plan is as good as without a pause.
                own = replace(own, bricks=())
            written = _ROW.dump_json(_Row(VERSION, own))
            return written

        try:
            # Two processes may answer requests of one viewer concurrently.
            update(self._rows, key, continued, self._plan_seconds, likely=written)
        except RowsUnavailable as error:
            log.warning("the plan of a viewer was not written: %s", error)
            return False
        assert written is not None
        assert own is not None
        with self._lock:
            self._written[name] = written, own
        return True

    def pause(self, viewer: str, seconds: float) -> bool:
        """Prefetch nothing for this viewer during `seconds`; 0 ends a pause. Returns whether that is stored."""
        if seconds > 0:
            return self._rows.set(PAUSE + viewer, b"1", expire=seconds)
        self._rows.delete(PAUSE + viewer)
        return True

    def plans(self) -> list[ViewerPlan]:
        """The live plans as of now; viewers that have stopped since get the plan of an idle viewer.

        Viewers that have paused prefetching have none.
        """
        now = self.clock()
        paused = {key.removeprefix(PAUSE) for key in self._keys(PAUSE)}
        known: dict[str, tuple[bytes | None, ViewerPlan | None]] = {}
        live = []
        # The newest, since a client that invents ids must not displace the viewers that move.
        for key, value in self._values(self._keys(PLAN, MAX_PLANS)):
            # The worker polls several times a second and has parsed most rows before.
            before, plan = self._known.get(key, (None, None))
            if before != value:
                plan = _read(key, value)
            age = math.inf if plan is None else now - plan.last_request_at
            if (
                plan is not None
                and plan.viewer not in paused
                and -CLOCKS_DIFFER_S <= age < self._plan_seconds
            ):
                plan = self._as_of(plan, now)
                if plan is not None:
                    live.append(plan)
            known[key] = value, plan
        self._known = known
        return live

    def is_own(self, plan: ViewerPlan) -> bool:
        """Whether this machine answered the plan's viewer last."""
        return plan.node == self._node

    def plan_of(self, name: str) -> ViewerPlan | None:
        """The plan of this name as it was written last; None without a live one."""
        key = PLAN + name
        plan = _read(key, self._rows.get(key))
        if (
            plan is None
            or not -CLOCKS_DIFFER_S <= self.clock() - plan.last_request_at < self._plan_seconds
        ):
            return None
        return plan

    def _as_of(self, plan: ViewerPlan, now: float) -> ViewerPlan | None:
        """The plan, recomputed where its viewer has stopped; None where that is not possible."""
        if plan.state != "moving" or now - plan.trajectory[-1].t < planner.REST_AFTER_S:
            return plan
        try:
            return self._planned(plan, now)
        except (ValueError, ArithmeticError, IndexError) as error:
            # Rows written by something else may have lengths that overflow.
            if self._lines.admits(plan.viewer) is not None:
                log.warning("the plan of viewer %s was skipped: %r", plan.viewer, error)
            return None

    def mark_in_flight(self, brick: str) -> None:
        """Mark the brick as being prefetched; the marker has to be renewed while that is so."""
        until = self.clock() + FLIGHT_S
        self._rows.set(FLIGHT + brick, json.dumps(until).encode(), expire=FLIGHT_S)

    def clear_in_flight(self, brick: str) -> None:
        """Remove the brick's in-flight marker."""
        self._rows.delete(FLIGHT + brick)

    def in_flight(self) -> frozenset[str]:
        """The keys of the bricks that are being prefetched."""
        bricks = [key.removeprefix(FLIGHT) for key in self._keys(FLIGHT)]
        return frozenset(brick for brick in bricks if self.is_in_flight(brick))

    def is_in_flight(self, brick: str) -> bool:
        """Whether a brick is being prefetched."""
        return self._is_valid(FLIGHT + brick, self._rows)

    def mark_worker_alive(self) -> None:
        """Say that a worker serves the plans; valid as long as an in-flight marker."""
        self._own.set(WORKER, json.dumps(self.clock() + FLIGHT_S).encode(), expire=FLIGHT_S)

    def worker_is_alive(self) -> bool:
        """Whether a worker serves the plans of this machine."""
        return self._is_valid(WORKER, self._own)

    def _is_valid(self, marker: str, rows: Rows) -> bool:
        now = self.clock()
        try:
            until = float(json.loads(rows.get(marker) or b"0"))
        except (ValueError, TypeError, RecursionError):
            log.warning("marker %.80r skipped", marker)
            return False
        # Clocks of several machines agree to some milliseconds.
        return now < until <= now + FLIGHT_S + CLOCKS_DIFFER_S

    def _planned(self, plan: ViewerPlan, now: float) -> ViewerPlan:
        found: Plan = planner.plan(plan.trajectory, plan.geometry, plan.decode_s, self._budget, now)
        return replace(plan, state=found.state, bricks=found.bricks)

    def _values(self, keys: list[str]) -> Iterator[tuple[str, bytes | None]]:
        """The rows with these keys; those that are large are read one by one."""
        for first in range(0, len(keys), _MAX_RANGES):
            some = keys[first : first + _MAX_RANGES]
            listed: dict[str, bytes] = {}
            if len(some) > 1:
                with suppress(RowsUnavailable):
                    rows = self._rows.rows_between(*((key, f"{key}\0") for key in some))
                    listed = {row.key: row.value for row in rows}
            for key in some:
                yield key, listed[key] if key in listed else self._rows.get(key)

    def _keys(self, prefix: str, newest: int | None = None) -> list[str]:
        try:
            return self._rows.keys_with_prefix(prefix, newest)
        except RowsUnavailable as error:
            # The worker polls several times a second.
            if self._lines.admits("reading") is not None:
                log.warning("the plans cannot be read: %s", error)
            return []


def planes_name(file: str, dataset: str, plane: tuple[int, int]) -> str:
    """Names the planes of two dimensions of a dataset, in the name of a plan beside a viewer's main one."""
    return f"{zlib.crc32(repr((file, dataset, plane)).encode()):08x}"


def _consistent(plan: ViewerPlan) -> ViewerPlan:
    extent, chunk = plan.geometry.extent, plan.geometry.chunk
    if len(chunk) != len(extent) or len(extent) > MAX_RANK:
        raise ValueError("the dimensions do not agree")
    for position, _ in (*((p, t) for t, p in plan.trajectory), *plan.bricks):
        if len(position) != len(extent) or any(
            x >= n for x, n in zip(position, extent, strict=True)
        ):
            raise ValueError("a position outside the volume")
    return plan


@dataclass(frozen=True, slots=True)
class _Row:
    """A plan as it is stored. Rows are untrusted, so they are validated when they are read."""

    version: Literal[3]
    plan: Annotated[ViewerPlan, AfterValidator(_consistent)]


_ROW = TypeAdapter(_Row)


def _read(key: str, value: bytes | None) -> ViewerPlan | None:
    if value is None:
        return None
    try:
        plan = _ROW.validate_json(value, strict=True).plan
    except ValidationError as error:
        log.warning("plan %.80r skipped: %.200s", key, error.errors(include_url=False)[0]["msg"])
        return None
    if key != PLAN + plan.name:
        log.warning("plan %.80r skipped: it is of another viewer", key)
        return None
    return plan
