"""The ledger of all statistics: every process appends one row of differences a second.

A row has a key of its own and is immutable. All statistics are sums over rows, so processes share nothing while
they count, and nothing is counted twice or lost:

- a row that could not be written is written again, unchanged, under the same key;
- rows older than `KEEP_S` are merged into a base row in one step (`compaction`), and into the history, which has
  copies of what the base has (`history`). The base is a row like any other, dated at the beginning of time.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from dashboard.addressing.outcomes import Outcome, Provenance, Stage
from dashboard.addressing.requester import VIEWER_ID
from dashboard.log_limit import NameLogLimit
from dashboard.storage.rows import Rows
from dashboard.telemetry.aggregates import (
    MAX_GROUPS,
    NAME,
    OTHER,
    Dimension,
    Group,
    Histogram,
    LedgerRow,
    Totals,
    encode_row,
    exact,
    is_valid_duration,
    merge_groups,
)
from dashboard.telemetry.compaction import ROW, Compaction, last_compaction
from dashboard.telemetry.groups import Demand
from dashboard.telemetry.history import DEFAULT_RETENTION, Retention
from dashboard.telemetry.processes import ProcessRecord, process_name
from dashboard.telemetry.slice_rows import KeptSlices, lifetimes

log = logging.getLogger(__name__)

FLUSH_S: Final = 1.0
COMPACT_S: Final = 5 * 60.0
# Viewer ids are chosen by clients; these bound the size of a row.
VIEWERS_A_ROW: Final = 256
MAX_NEW_GROUPS: Final = 256

# Counters of responses to requests for slices: `requests.KIND_STATUS`, as in `requests.ahead_200`.
REQUESTS: Final = "requests"
# Bytes of slices sent to viewers: `sent_bytes.OUTCOME`.
SENT: Final = "sent_bytes"
# Times for which requests for slices waited for a thread.
QUEUE: Final = "queue"
BRICK_WRITE: Final = "brick_write"
# Times from a prefetched brick being ready to its first demand.
PREFETCH_LEAD: Final = "prefetch_lead"
# Counters of bytes decoded ahead by the cause of their waste, and of those that were used after all:
# `wasted_bytes.CAUSE`. Rows of earlier versions have `prefetch.wasted_bytes`, for evicted ones.
WASTED: Final = "wasted_bytes"
RECOVERED: Final = "recovered_bytes"

# Counters of requests for slices whose clients left before they had the response: `given_up.KIND`.
GIVEN_UP: Final = "given_up"
KINDS: Final = ("demand", "ahead", "script")


_NOTHING: Final[Mapping[Stage, int]] = {}
_SENT: Final = {outcome: f"{SENT}.{outcome}" for outcome in Outcome}


class Ledger:
    """Counts for one process; cheap to call from any thread.

    `role` names what the process does ("web", "worker" …), `clock` gives Unix time (s), and `retention` says
    what is kept of the past. `node` names this machine where several have one ledger.
    """

    def __init__(
        self,
        rows: Rows,
        role: str,
        clock: Callable[[], float] = time.time,
        retention: Retention = DEFAULT_RETENTION,
        node: str = "",
    ) -> None:
        self.rows = rows
        self._role = role
        self._clock = clock
        self._retention = retention
        self._node = node
        self._gauges: dict[str, Callable[[], float]] = {}
        self._lines = NameLogLimit()
        self._started = False
        self._begin()
        os.register_at_fork(after_in_child=partial(_begin_in_child, weakref.ref(self)))

    def _begin(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._new = Totals()
        self._viewers: dict[str, None] = {}
        self._unwritten: dict[str, bytes] = {}
        self._written_gauges: dict[str, float] = {}
        self.failing = False
        self._compact_at = -math.inf
        self._process = process_name(self._node)
        self.slices = KeptSlices(self._process, self._clock, self._retention.names_days > 0)
        self._record = ProcessRecord(self.rows, self._role, self._process)

    # Counting

    def demand(
        self, outcome: Outcome, counters: Iterable[str] = (), demand: Demand | None = None
    ) -> None:
        """Count one demand, what was demanded, and one in each of `counters`.

        All are in the same row, so that the reasons of misses add up to the misses at any time. Raises ValueError
        for an outcome that does not exist.
        """
        outcome = Outcome(outcome)
        with self._lock:
            self._add_demand(outcome, counters, demand, 0.0, 0)
        self._ensure_flusher()

    def served(
        self,
        found: Provenance,
        demand: Demand | None,
        stages: Mapping[Stage, float],
        total_s: float,
        sent_bytes: int,
        moved: Mapping[Stage, int] = _NOTHING,
    ) -> None:
        """Count a demand that the server answered: its stages (s), the server's total (s) and the bytes sent.

        `moved` are bytes that were read and decoded for it. One call and not three, since a request takes a few
        milliseconds in all.
        """
        with self._lock:
            self._add_demand(found.outcome, found.counters(), demand, total_s, sent_bytes)
            for stage, taken in stages.items():
                self._new.stages.setdefault(stage, Histogram()).add(taken)
            self._new.server.setdefault(found.outcome, Histogram()).add(total_s)
        if demand is not None:
            self.slices.served(found, demand, stages, total_s, sent_bytes, moved)
        self._ensure_flusher()

    def _add_demand(
        self,
        outcome: Outcome,
        counters: Iterable[str],
        demand: Demand | None,
        server_s: float,
        sent_bytes: int,
    ) -> None:
        new, counters = self._new, tuple(counters)
        new.demand[outcome] = new.demand.get(outcome, 0) + 1
        for name in counters:
            new.counts[name] = new.counts.get(name, 0.0) + 1.0
        if sent_bytes:
            name = _SENT[outcome]
            new.counts[name] = new.counts.get(name, 0.0) + sent_bytes
        if demand is None:
            return
        groups = demand.groups | ({Dimension.NODE: self._node} if self._node else {})
        for dimension, name in groups.items():
            group = self._group(dimension, name)
            if group is None:
                continue
            group.demand[outcome] = group.demand.get(outcome, 0) + 1
            group.server_s += exact(server_s)
            group.sent_bytes += sent_bytes
            for counter in counters:
                group.counts[counter] = group.counts.get(counter, 0) + 1

    def _group(self, dimension: Dimension, name: str) -> Group | None:
        """The group to count in, None where viewers are not to be named."""
        if dimension is Dimension.VIEWER and self._retention.names_days <= 0:
            return None
        groups = self._new.groups.setdefault(dimension, {})
        group = groups.get(name)
        if group is None:
            full = len(groups) >= MAX_NEW_GROUPS
            group = groups.setdefault(OTHER if full else name, Group())
        return group

    def _add_count(self, name: str, amount: float, viewer: str | None) -> None:
        counts = self._new.counts
        counts[name] = counts.get(name, 0.0) + exact(amount)
        group = self._group(Dimension.VIEWER, viewer) if viewer is not None else None
        if group is not None:
            group.counts[name] = group.counts.get(name, 0) + int(amount)

    def stages(self, seconds: Mapping[Stage, float]) -> None:
        """Count how long stages took (s); raises ValueError for a stage that does not exist.

        Invalid times (negative, not finite) are omitted; browsers' clocks produce them.
        """
        taken_s = {Stage(stage): taken for stage, taken in seconds.items()}
        with self._lock:
            for stage, taken in taken_s.items():
                if is_valid_duration(taken):
                    self._new.stages.setdefault(stage, Histogram()).add(taken)
        self._ensure_flusher()

    def request(self, kind: str, queued_s: float, viewer: str | None = None) -> None:
        """Count a response to a request for a slice, `KIND_STATUS`, and how long it waited for a thread (s).

        With `viewer`, it is counted for this viewer too.
        """
        with self._lock:
            self._add_count(f"{REQUESTS}.{kind}", 1, viewer)
            self._new.times.setdefault(QUEUE, Histogram()).add(queued_s)
        self._ensure_flusher()

    def brick_written(self, seconds: float) -> None:
        """Count how long a brick's file took to be allocated, written and added to the cache (s)."""
        with self._lock:
            self._new.times.setdefault(BRICK_WRITE, Histogram()).add(seconds)
        self._ensure_flusher()

    def slice_perceived(self, outcome: Outcome, seconds: float) -> None:
        """Count the time from a viewer's request to the painted slice (s)."""
        with self._lock:
            self._new.perceived.setdefault(outcome, Histogram()).add(seconds)
        self._ensure_flusher()

    def count(self, name: str, amount: float = 1.0, viewer: str | None = None) -> None:
        """Add to a counter, with `viewer` to that viewer's too (whole amounts only).

        Raises ValueError for a malformed name or amount.
        """
        if NAME.fullmatch(name) is None or not is_valid_duration(amount):
            raise ValueError(f"no counter and amount: {name!r}, {amount!r}")
        with self._lock:
            self._add_count(name, amount, viewer)
        self._ensure_flusher()

    def count_all(
        self, amounts: Mapping[str, float], times: Mapping[str, float] | None = None
    ) -> None:
        """Add to several counters, and times (s) to histograms, all in the same row.

        Raises ValueError for a malformed name or amount.
        """
        for name, amount in (*amounts.items(), *(times or {}).items()):
            if NAME.fullmatch(name) is None or not is_valid_duration(amount):
                raise ValueError(f"no counter and amount: {name!r}, {amount!r}")
        with self._lock:
            for name, amount in amounts.items():
                self._add_count(name, amount, None)
            for name, seconds in (times or {}).items():
                self._new.times.setdefault(name, Histogram()).add(seconds)
        self._ensure_flusher()

    def gauge(self, name: str, fn: Callable[[], float]) -> None:
        """Sample `fn` at each flush; raises ValueError for a malformed name."""
        if NAME.fullmatch(name) is None:
            raise ValueError(f"no gauge: {name!r}")
        self._gauges[name] = fn

    def viewer(self, viewer: str) -> None:
        """Record that this viewer is active; invalid ids are ignored."""
        with self._lock:
            if len(self._viewers) < VIEWERS_A_ROW and VIEWER_ID.fullmatch(viewer):
                self._viewers[viewer] = None

    # Writing

    def start(self) -> None:
        """Flush once a second from a daemon thread, until `close`."""
        self._started = True
        self._record.ended = False
        self._stop.clear()
        self._ensure_flusher()

    def _ensure_flusher(self) -> None:
        # A forked child has no threads; its first count restarts the flusher.
        if self._started and self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        self.flush()
        while not self._stop.wait(FLUSH_S):
            self.flush()
        self.rows.close()  # Closes the connection of this thread.

    def close(self) -> None:
        """Stop the thread, write the remaining counts and remove this process from the list."""
        self._started = False
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None
        self._record.ended = True
        self.flush()

    def flush(self) -> None:
        """Write the counts since the last flush, and a heartbeat; never raises.

        Rows that cannot be written are kept for the next flush.
        """
        with self._flushing:
            try:
                self._flush()
                if self.failing:
                    log.info("the ledger can be written again")
                self.failing = False
            except Exception as error:  # noqa: BLE001
                # A failure of telemetry must not fail a request or a thread. Logged once, not every second.
                if not self.failing:
                    log.warning(
                        "the ledger cannot be written, its statistics are kept in memory: %r", error
                    )
                self.failing = True

    def _flush(self) -> None:
        now = self._clock()
        gauges = self._sample()
        # Failed rows are written unchanged under their keys: if the failed write succeeded after all, this one
        # is idempotent.
        self._write_rows()
        with self._lock:
            new, viewers = self._new, tuple(self._viewers)
            self._new, self._viewers = Totals(), {}
        slices = self.slices.take()
        if new or viewers or slices or gauges != self._written_gauges:
            for dimension, groups in new.groups.items():
                merge_groups(groups, {}, MAX_GROUPS[dimension])
            row = LedgerRow(now, self._process, new, gauges, viewers)
            self._unwritten = {ROW + uuid.uuid4().hex: piece for piece in encode_row(row)} | slices
        self._write_rows()
        self._written_gauges = gauges
        self._record.beat(now, gauges)
        self._compact_if_due(now)

    def _write_rows(self) -> None:
        if self._unwritten:
            self.rows.replace((), self._unwritten, lifetimes(self._unwritten))
            self._unwritten = {}

    def _sample(self) -> dict[str, float]:
        gauges: dict[str, float] = {}
        for name, fn in list(self._gauges.items()):
            try:
                value = float(fn())
            except Exception as error:  # noqa: BLE001  # whatever it is that others gave us
                if self._lines.admits(name) is not None:
                    log.warning("gauge %s failed: %r", name, error)
                continue
            if math.isfinite(value):
                gauges[name] = value
        return gauges

    def compact(self) -> bool:
        """Compact the ledger as of now; returns whether anything was changed. Raises `RowsUnavailable`.

        It is not, for instance, when another process compacts it at the same time.
        """
        return Compaction(self.rows, self._clock(), self._retention, self._dropped).run()

    def _dropped(self, key: str, error: ValueError) -> None:
        if self._lines.admits("rows") is not None:
            log.warning("ledger row %.64r dropped: %s", key, error)

    def _compact_if_due(self, now: float) -> None:
        """Compact every few minutes, unless another process has done it."""
        if 0.0 <= now - self._compact_at < COMPACT_S:
            return
        last = last_compaction(self.rows)
        if 0.0 <= now - last < COMPACT_S:
            self._compact_at = last
            return
        self._compact_at = now
        self.compact()


def _begin_in_child(ledger: weakref.ref[Ledger]) -> None:
    # Counts copied by a fork belong to the parent, and a copied lock may be locked for ever.
    alive = ledger()
    if alive is not None:
        alive._begin()  # noqa: SLF001  # its own module
