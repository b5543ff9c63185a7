"""The plan store: one row for each picture of a viewer with its newest plan, which expires.

Web processes record the positions of their viewers, the prefetch worker reads all plans. A row has the
trajectory. The bricks are a function of it: they are neither stored nor found before somebody needs them. A new
plan replaces the old one as a whole, so there is no queue that could grow and nothing to cancel. Pictures
beside the main one each have a plan of their own, so that none ends the movement of another. Each brick that is
being prefetched has a row as well, its in-flight marker.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from cachetools import LRUCache

from dashboard.log_limit import NameLogLimit
from dashboard.prefetch import planner
from dashboard.prefetch.planner import Geometry, Position, PositionSample
from dashboard.prefetch.trajectory import extended
from dashboard.prefetch.viewer_plan import PREFIX, ViewerPlan, planes_name, read, row_of
from dashboard.storage.followed_rows import FollowedRows
from dashboard.storage.rows import Rows, RowsUnavailable, update

log = logging.getLogger(__name__)

FLIGHT: Final = "flight:"
PAUSE: Final = "pause:"
WORKER: Final = "worker"
# Lifetime of an in-flight marker; it is renewed after a third of it, and expires if the worker is killed.
FLIGHT_S: Final = 6.0
CLOCKS_DIFFER_S: Final = 1.0

# Viewer ids are chosen by clients, so only this many of the newest plans are considered.
MAX_PLANS: Final = 256


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
        # What rows have of machines, as `row_of` writes them.
        self._written_here = f'"node":{json.dumps(node, ensure_ascii=False)}'.encode()
        self._followed = FollowedRows(rows, MAX_PLANS, PREFIX, PAUSE, clock=self.clock)
        # By key: values of rows, and what they say.
        self._known: dict[str, tuple[bytes, ViewerPlan | None]] = {}
        # What this process wrote last for a viewer: to read it again takes as long as to plan.
        self._written: LRUCache[str, tuple[bytes, ViewerPlan]] = LRUCache(MAX_PLANS)
        self._lock, self._reading = threading.Lock(), threading.Lock()
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
            made_at=now,
            budget_bytes=self._budget,
            person=person,
            beside=planes_name(file, dataset, plane) if beside else "",
            node=self._node,
        )
        name = new.name
        key = PREFIX + name
        with self._lock:
            written, own = self._written.get(name, (None, None))

        def continued(row: bytes | None) -> bytes:
            nonlocal written, own
            old = own if row is not None and row == written else read(key, row)
            own = replace(extended(old, new, painted_before), made_at=now)
            written = row_of(own)
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
        until = self.clock() + seconds
        # One that ends is stored too, for as long as plans are read.
        lasts_s = seconds if seconds > 0 else self._plan_seconds
        return self._rows.set(PAUSE + viewer, json.dumps(until).encode(), expire=lasts_s)

    def plans(self) -> list[ViewerPlan]:
        """The live plans as of now; viewers that have stopped since get the plan of an idle viewer.

        Viewers that have paused prefetching have none.
        """
        return self._read(lambda _, __: True)

    def own_plans(self) -> list[ViewerPlan]:
        """Those of viewers that this machine answered last; no others are decoded, whose viewers may be many."""
        return [plan for plan in self._read(self._is_written_here) if plan.node == self._node]

    def live_plan(self, name: str) -> ViewerPlan | None:
        """The one of this name."""
        return next(iter(self._read(lambda key, _: key == PREFIX + name)), None)

    def have_rows(self) -> bool:
        """Whether there was a plan of anybody when plans were read last."""
        return bool(self._followed.values)

    def _is_written_here(self, _: str, row: bytes) -> bool:
        return self._written_here in row

    def _read(self, admits: Callable[[str, bytes], bool]) -> list[ViewerPlan]:
        """The live plans in rows that `admits` says yes to, by key and value."""
        now = self.clock()
        with self._reading:
            try:
                rows = self._followed.read()
            except RowsUnavailable as error:
                # The worker polls several times a second.
                if self._lines.admits("reading") is not None:
                    log.warning("the plans cannot be read: %s", error)
                return []
            paused = {
                key.removeprefix(PAUSE)
                for key, value in rows.items()
                if key.startswith(PAUSE) and now < _time(key, value)
            }
            # The newest, since a client that invents ids must not displace the viewers that move.
            newest = [key for key in rows if key.startswith(PREFIX)][-MAX_PLANS:]
            found = {
                key: self._as_known(key, rows[key], now) for key in newest if admits(key, rows[key])
            }
            self._known = {key: self._known[key] for key in newest if key in self._known} | found
            plans = [plan for _, plan in found.values() if plan is not None]
        return [plan for plan in plans if self._is_live(plan, now) and plan.viewer not in paused]

    def _as_known(self, key: str, value: bytes, now: float) -> tuple[bytes, ViewerPlan | None]:
        """A row and its plan as of now, which is the same one until it changes."""
        before, plan = self._known.get(key, (None, None))
        if before != value:
            plan = read(key, value)
        return value, None if plan is None else _as_of(plan, now)

    def _is_live(self, plan: ViewerPlan, now: float) -> bool:
        return -CLOCKS_DIFFER_S <= now - plan.last_request_at < self._plan_seconds

    def plan_of(self, name: str) -> ViewerPlan | None:
        """The plan of this name as it was written last, without bricks in a pause; None without a live one."""
        key, now = PREFIX + name, self.clock()
        plan = read(key, self._rows.get(key))
        if plan is None or not self._is_live(plan, now):
            return None
        pause = PAUSE + plan.viewer
        until = _time(pause, self._rows.get(pause) or b"0")
        return replace(plan, budget_bytes=0) if now < until else plan

    def mark_in_flight(self, brick: str) -> None:
        """Mark the brick as being prefetched; the marker has to be renewed while that is so."""
        until = self.clock() + FLIGHT_S
        self._rows.set(FLIGHT + brick, json.dumps(until).encode(), expire=FLIGHT_S)

    def clear_in_flight(self, brick: str) -> None:
        """Remove the brick's in-flight marker."""
        self._rows.delete(FLIGHT + brick)

    def in_flight(self) -> frozenset[str]:
        """The keys of the bricks that are being prefetched."""
        try:
            keys = self._rows.keys_with_prefix(FLIGHT)
        except RowsUnavailable as error:
            log.debug("bricks in flight cannot be read: %s", error)
            return frozenset()
        bricks = (key.removeprefix(FLIGHT) for key in keys)
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
        until = _time(marker, rows.get(marker) or b"0")
        # Clocks of several machines agree to some milliseconds.
        return now < until <= now + FLIGHT_S + CLOCKS_DIFFER_S


def _as_of(plan: ViewerPlan, now: float) -> ViewerPlan:
    """The plan, made anew where its viewer has stopped since."""
    stopped_at = plan.trajectory[-1].t + planner.REST_AFTER_S
    if len(plan.trajectory) > 1 and plan.made_at < stopped_at <= now:
        return replace(plan, made_at=now)
    return plan


def _time(key: str, value: bytes) -> float:
    """The Unix time (s) of a row; long ago where it has none."""
    try:
        return float(json.loads(value))
    except (ValueError, TypeError, OverflowError, RecursionError):
        log.warning("marker %.80r skipped", key)
        return -math.inf
