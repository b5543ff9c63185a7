"""Effects of viewers' activity, from requests for slices and from the reports of their browsers.

They are deferred until the response has been sent. A report never opens a file, calls an HDF5 worker or decodes:
it is checked against the metadata of volumes that were opened before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple, Protocol

from dashboard import errors
from dashboard.addressing import selection
from dashboard.addressing.outcomes import Outcome
from dashboard.addressing.requester import ViewerIdentity
from dashboard.addressing.selection import Selection
from dashboard.bulkhead import Bulkhead
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import Volume
from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.planner import MAX_SAMPLES, Geometry, Position, PositionSample
from dashboard.runtime.behind import BehindResponses
from dashboard.telemetry import browser_report
from dashboard.telemetry.browser_report import PaintedSlice
from dashboard.telemetry.groups import Demand, axis_name, volume_name
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.row_limit import RowLimit

log = logging.getLogger(__name__)

MAX_DEFERRED = 512
# Slices of more bricks are not planned for, and at most this many bricks of a report are marked as accessed: a
# report that takes a millisecond to send must not take seconds to process.
MAX_BRICKS_PER_REPORT = 256
# A page reports every two seconds, or sooner.
MAX_VOLUMES_PER_REPORT = 8

SliceView = tuple[Volume, Selection]


class DecodeEstimate(Protocol):
    """The part of `dashboard.bricks.loader.BrickLoader` that is needed here."""

    def estimate_decode_s(self, volume: Volume, nbytes: int) -> float:
        """Estimated time to decode `nbytes` of the volume (s)."""


class _View(NamedTuple):
    """What a viewer has requested, and when (Unix time, s)."""

    volume: Volume
    chosen: Selection
    at: float
    # Whether it is shown beside the viewer's main picture.
    beside: bool

    def continues(self, other: _View) -> bool:
        """Whether both are positions of one movement."""
        return (
            self.volume.address == other.volume.address and self.chosen.plane == other.chosen.plane
        )


class _Painted(NamedTuple):
    """What a report has of one picture: all its slices, and those that the page had."""

    rows: list[SliceView]
    seen: list[SliceView]


class Activity:
    """Converts demands to plans, and reports to statistics.

    `record_demand` marks a slice as accessed in the caches, where it is cached. `clock` gives Unix time,
    `monotonic` a monotonic one (s).
    """

    def __init__(
        self,
        metadata: MetadataService,
        plans: PlanStore,
        ledger: Ledger,
        estimate: DecodeEstimate,
        record_demand: Callable[[Volume, Selection], object],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metadata = metadata
        self._plans = plans
        self._ledger = ledger
        self._estimate = estimate
        self._record_demand = record_demand
        self._clock = clock
        self.row_limit = RowLimit(monotonic)
        self._deferred = BehindResponses("deferred")
        self._slots = threading.Semaphore(MAX_DEFERRED)
        # A failure for one slice says nothing about the viewer's next one, so there is no pause; log lines are
        # limited.
        self._bulkhead = Bulkhead(log, pause_s=0.0, clock=monotonic)
        self._unplanned: dict[ViewerIdentity, deque[_View]] = {}
        self._lock = threading.Lock()

    def viewed(
        self,
        viewer: str,
        volume: Volume,
        chosen: Selection,
        person: str = "",
        *,
        beside: bool = False,
    ) -> None:
        """Handle a viewer's demand; its plan is updated after the response. `person` is signed in there.

        A slice `beside` the viewer's main picture has a plan of its own.
        """
        self._ledger.viewer(viewer)
        if not volume.reads_planes_directly(chosen):
            who = ViewerIdentity(viewer, person)
            view = _View(volume, chosen, self._clock(), beside)
            with self._lock:
                is_first = who not in self._unplanned
                self._unplanned.setdefault(who, deque(maxlen=MAX_SAMPLES)).append(view)
            # With many viewers planning falls behind, and one plan then does for all that a viewer has requested
            # meanwhile.
            if is_first and not self.defer("Planning for a viewer", self._plan_waiting, who):
                with self._lock:
                    self._unplanned.pop(who, None)

    def report(
        self, body: bytes, sees: Callable[[str], bool] = lambda _: True, person: str = ""
    ) -> None:
        """Count the plausible rows of a browser's report of painted slices.

        Rows about files that the person may not see, by `sees`, count as unknown. Implausible rows are refused and
        counted by reason. `person` is signed in. Raises `BadRequest` when all rows are malformed, and
        `TooManyRequests` when none is accepted because of the viewer's rate.
        """
        try:
            report = browser_report.parse_report(body, self.row_limit.admit)
        except browser_report.MalformedReport as error:
            self._refused("malformed", error.rows)
            raise
        self._refused("malformed", report.malformed)
        self._refused("too_frequent", report.not_admitted)
        if report.not_admitted and not report.slices:
            raise errors.TooManyRequests(
                "This viewer reports more slices than a screen can display; wait a second."
            )
        self._count_page(report)
        known = _KnownVolumes(self._metadata, sees)
        pictures: dict[object, _Painted] = {}
        for painted in report.slices:
            reason, slice_ = known.find(painted)
            if slice_ is None:
                self._refused(reason, 1)
                continue
            context = (slice_[0].address, slice_[1].plane) if painted.beside else None
            picture = pictures.setdefault(context, _Painted([], []))
            picture.rows.append(slice_)
            demand, perceived_ms = demand_of(*slice_, report.viewer), painted.perceived_ms
            perceived_s = None if perceived_ms is None else perceived_ms / 1e3
            self._ledger.count("reports.accepted")
            self._ledger.stages(painted.seconds)
            if perceived_s is not None:
                self._ledger.slice_perceived(painted.outcome, perceived_s)
            if painted.source == "ring":
                self._ledger.demand(Outcome.RING, demand=demand)
                picture.seen.append(slice_)
            else:
                self._ledger.slices.painted(demand, painted.outcome, painted.seconds, perceived_s)
        for which, (rows, seen) in pictures.items():
            if not seen:
                continue
            self._ledger.viewer(report.viewer)
            # Where the server's answer to another request was painted last, that is where the viewer is.
            newest = seen[-1] is rows[-1] and known.is_current(seen[-1][0])
            before = _positions(rows) if newest else None
            self.defer(
                "Following a report",
                self._follow,
                ViewerIdentity(report.viewer, person),
                seen,
                before,
                self._clock(),
                which is not None,
            )

    def _count_page(self, report: browser_report.Report) -> None:
        amounts = {
            "page.skipped": report.skipped,
            "page.ahead": report.ahead.count,
            "page.ahead_bytes": report.ahead.bytes,
        }
        for name, amount in amounts.items():
            if amount:
                self._ledger.count(name, amount, report.viewer)

    def defer(self, name: str, work: Callable[..., None], *arguments: Any) -> bool:
        """Run something after the response; returns whether it is queued, and not dropped since that is full."""
        if not self._slots.acquire(blocking=False):
            return False

        def run() -> None:
            try:
                self._bulkhead.run(name, lambda: work(*arguments), None)
            finally:
                self._slots.release()

        self._deferred.put(run)
        return True

    def drain(self) -> None:
        """Wait for the work that is deferred by now."""
        self._deferred.drain()

    def close(self) -> None:
        """Wait for deferred work, and end the thread."""
        self._deferred.close()

    def _refused(self, reason: str, rows: int) -> None:
        if rows:
            self._ledger.count("reports.refused", rows)
            self._ledger.count(f"reports.{reason}", rows)

    def _follow(
        self,
        who: ViewerIdentity,
        seen: list[SliceView],
        before: list[Position] | None,
        at: float,
        beside: bool,
    ) -> None:
        """Mark slices as accessed, and plan for the last one, unless `before` it is None."""
        left = MAX_BRICKS_PER_REPORT
        for volume, chosen in seen:
            left -= 1 if volume.reads_planes_directly(chosen) else _bricks(volume, chosen)
            if left < 0:
                break
            self._record_demand(volume, chosen)
        # Only the last row: positions of one report have the same time and give no velocity.
        volume, chosen = seen[-1]
        if before is not None and not volume.reads_planes_directly(chosen):
            self._plan(who, _View(volume, chosen, at, beside), before)

    def _plan_waiting(self, who: ViewerIdentity) -> None:
        """Plan for what a viewer has requested since its last plan."""
        with self._lock:
            views = self._unplanned.pop(who)
        pictures: dict[object, list[_View]] = {}
        for view in views:
            context = (view.volume.address, view.chosen.plane) if view.beside else None
            pictures.setdefault(context, []).append(view)
        for shown in pictures.values():
            last = shown.pop()
            same = takewhile(last.continues, reversed(shown))
            before = [PositionSample(view.at, _position(view.chosen)) for view in same][::-1]
            self._plan(who, last, before=before)

    def _plan(
        self,
        who: ViewerIdentity,
        view: _View,
        painted_before: list[Position] | None = None,
        before: Sequence[PositionSample] = (),
    ) -> None:
        volume, chosen = view.volume, view.chosen
        if _bricks(volume, chosen) > MAX_BRICKS_PER_REPORT:
            return
        rows, cols = chosen.plane
        dims = sorted(chosen.fixed)
        brick_bytes = sum(map(volume.grid.decoded_bytes, volume.bricks(chosen)))
        sides = volume.grid.brick_shape(rows, cols)
        self._plans.record_position(
            viewer=who.viewer,
            person=who.person,
            file=volume.address.file,
            dataset=volume.address.dataset,
            fingerprint=volume.address.fingerprint.as_list(),
            selection=str(chosen),
            plane=(rows, cols),
            position=_position(chosen),
            geometry=Geometry(
                tuple(volume.shape[d] for d in dims),
                tuple(sides[d] for d in dims),
                brick_bytes,
            ),
            decode_s=self._estimate.estimate_decode_s(volume, brick_bytes),
            at=view.at,
            beside=view.beside,
            before=before,
            painted_before=painted_before,
        )


def demand_of(volume: Volume, chosen: Selection, viewer: str, format_: str = "") -> Demand:
    """What a viewer demands, as the statistics call it; without a format, the page had the frame."""
    return Demand(
        volume=volume_name(volume.address.file, volume.address.dataset),
        axis=axis_name(chosen.fixed),
        selection=str(chosen),
        viewer=viewer,
        format=format_,
        slice_bytes=chosen.row_span.cells * chosen.col_span.cells * volume.dtype.itemsize,
    )


def _position(chosen: Selection) -> Position:
    return tuple(chosen.fixed[dim] for dim in sorted(chosen.fixed))


def _positions(rows: list[SliceView]) -> list[Position]:
    """The positions of the slices before the last one, of the same planes of the same volume."""
    volume, last = rows[-1]
    return [
        _position(chosen)
        for other, chosen in rows[:-1]
        if other.address == volume.address and chosen.plane == last.plane
    ]


def _bricks(volume: Volume, chosen: Selection) -> int:
    """Number of bricks of a slice, without listing them."""
    rows, cols = chosen.row_span, chosen.col_span
    count, _ = volume.grid.count_touched(
        *chosen.plane, (rows.start, rows.stop), (cols.start, cols.stop)
    )
    return count


class _KnownVolumes:
    """Known versions of the volumes of one report, each looked up once; of `MAX_VOLUMES_PER_REPORT` at most."""

    def __init__(self, metadata: MetadataService, sees: Callable[[str], bool]) -> None:
        self._metadata = metadata
        self._sees = sees
        self._states: dict[tuple[str, str], list[Volume]] = {}

    def find(self, painted: PaintedSlice) -> tuple[str, SliceView | None]:
        """The volume and the selection of a row, or the reason to refuse it."""
        reason = "unknown"
        for volume in self._of(painted.file, painted.dataset):
            if painted.version not in (None, volume.version):
                continue
            reason = "contradictory"
            chosen = _selection(painted, volume)
            if chosen is not None:
                return "", (volume, chosen)
        return reason, None

    def is_current(self, volume: Volume) -> bool:
        """Whether no more recent version of the volume is known, whose plan an older one would replace."""
        states = self._of(volume.address.file, volume.address.dataset)
        return bool(states) and states[0].address == volume.address

    def _of(self, file: str, dataset: str) -> list[Volume]:
        key = file, dataset
        if key not in self._states and len(self._states) < MAX_VOLUMES_PER_REPORT:
            known = self._metadata.known(file, dataset) if self._sees(file) else []
            self._states[key] = known
        return self._states.get(key, [])


def _selection(painted: PaintedSlice, volume: Volume) -> Selection | None:
    """The row's selection; None when it does not fit the volume, or contradicts the row's axis and index."""
    try:
        chosen = selection.parse(painted.selection, volume.shape)
    except errors.BadRequest:
        return None
    if painted.axis is not None:
        agrees = painted.axis in chosen.fixed and painted.index in (
            None,
            chosen.fixed[painted.axis],
        )
    else:
        # Volumes of two dimensions have one slice, which the page counts as number 0.
        agrees = painted.index is None or painted.index in (chosen.fixed.values() or (0,))
    return chosen if agrees else None
