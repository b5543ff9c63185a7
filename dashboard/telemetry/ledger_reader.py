"""Incremental reader of the ledger: new rows, summed by second, and of its history when that is needed."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import TypedDict

from dashboard.log_limit import NameLogLimit
from dashboard.storage.rows import Rows
from dashboard.telemetry.aggregates import Dimension, Totals, decode_row
from dashboard.telemetry.compaction import BASE, ROW, SHARED, summed
from dashboard.telemetry.history import KEEP_S
from dashboard.telemetry.ledger import COMPACT_S
from dashboard.telemetry.processes import PROCESS, Heartbeat, node_of

log = logging.getLogger(__name__)

# Seconds that are not compacted by then are forgotten here: nobody can write the ledger.
FORGET_S: Final = KEEP_S + 4 * COMPACT_S
# Age at which the worker's last heartbeat counts as missing.
WORKER_AWAY_S: Final = 10.0


class ProcessStats(TypedDict):
    """One live process; `heartbeat_s` is the age of its last heartbeat (s)."""

    pid: int
    role: str
    rss_bytes: int
    heartbeat_s: float


class ProcessLoad(TypedDict):
    """What a process does: for how long it has run (s), and the processors that it keeps busy, on average.

    `bookkeeping` is what of them the ledger takes.
    """

    role: str
    rss_bytes: int
    heartbeat_s: float
    up_s: float
    cpu: float
    bookkeeping: float


class WorkerStats(TypedDict):
    """The prefetch worker: `up`, `away` (stopped or hung), `ended`, or `none` that is known; for how long (s)."""

    state: str
    since_s: float | None


@dataclass(slots=True)
class Bin:
    """All rows of one second; `per_process` has the gauges of each process, `shared` those of each machine."""

    totals: Totals = field(default_factory=Totals)
    viewers: set[str] = field(default_factory=set)
    shared: dict[str, dict[str, float]] = field(default_factory=dict)
    per_process: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Process:
    """A live process; `name` is what its rows call it, `label` what people do, such as `web-0`."""

    name: str
    label: str
    stats: ProcessStats
    load: ProcessLoad
    gauges: dict[str, float]

    @property
    def node(self) -> str:
        """The machine that it runs on, empty where there is one alone."""
        return node_of(self.name)


class LedgerReader:
    """Content of the ledger as of the last `refresh`; for one thread at a time.

    `all` sums everything since the ledger began, `bins` what is not compacted yet (the last 15 to 20 minutes) by
    whole Unix seconds. `bases` changes with each compaction. `worker` is that of the machine `node`.
    """

    def __init__(self, rows: Rows, node: str = "") -> None:
        self._rows = rows
        self._node = node
        self._shared: dict[str, dict[str, float]] = {}
        self._lines = NameLogLimit()
        self.processes: list[Process] = []
        self.worker: WorkerStats = {"state": "none", "since_s": None}
        self._forget()

    def _forget(self) -> None:
        self._mark: tuple[int, str] = (0, "")
        self.all = Totals()
        self.bins: dict[int, Bin] = {}
        self.bases: frozenset[str] = frozenset()

    def refresh(self, now: float) -> None:
        """Read new rows; `now` is Unix time (s). Raises `RowsUnavailable`.

        All that a process counted until its heartbeat is in them.
        """
        # A process writes its heartbeat after its row, so it is read before.
        records = list(self._read_records())
        for key, value in self._new_rows():
            if key.startswith((ROW, BASE)):
                self._add(key, value)
        oldest = math.floor(now - FORGET_S)
        for second in [s for s in self.bins if s < oldest]:
            del self.bins[second]
        self.processes = [_process(key, one, now) for key, one in records if one.is_live(now)]
        workers = [one for _, one in records if one.role == "worker"]
        self.worker = _worker([one for one in workers if node_of(one.process) == self._node], now)
        for process in sorted(self.processes, key=lambda p: -p.stats["heartbeat_s"]):
            shared = {k: v for k, v in process.gauges.items() if k.startswith(SHARED)}
            self._shared.setdefault(process.node, {}).update(shared)
        # The caches of the one machine are there without a process; those of one that has left are not.
        here = {process.node for process in self.processes} | {""}
        self._shared = {node: levels for node, levels in self._shared.items() if node in here}
        for node, levels in self._shared.items():
            for name in [name for name in levels if name.endswith(".limit")]:
                # Each process follows the free space by itself, a moment later than another one: the smallest
                # holds.
                own = [p.gauges for p in self.processes if p.node == node]
                limits = [gauges[name] for gauges in own if name in gauges]
                levels[name] = min(limits, default=levels[name])

    def gauges(self) -> dict[str, float]:
        """Current values of all gauges, without those of dead processes."""
        gauges = summed(self._shared.values())
        for process in self.processes:
            for name, value in process.gauges.items():
                if not name.startswith(SHARED):
                    gauges[name] = gauges.get(name, 0.0) + value
        return gauges

    def _new_rows(self) -> Iterator[tuple[str, bytes]]:
        # The last row is read again: if it is missing or another one, or if there is a new base, rows that were
        # read before have been removed or merged, and everything is read again.
        # One SELECT sees one snapshot, so a row and the base that it was merged into never occur together.
        last, key = self._mark
        rows = self._rows.rows_after(last - 1, ROW, BASE)
        if last > 0:
            there = bool(rows) and rows[0][:2] == (last, key)
            rows = rows[1:] if there else rows
            if not there or any(new.startswith(BASE) for _, new, _ in rows):
                rows = self._rows.rows_after(0, ROW, BASE)
                self._forget()
        for row_id, new, value in rows:
            self._mark = (row_id, new)
            yield new, value

    def _add(self, key: str, value: bytes) -> None:
        if key.startswith(BASE):
            self.bases |= {key}
        try:
            row = decode_row(value)
        except ValueError as error:
            self._skipped(key, error)
            return
        if key.startswith(BASE):
            self.all.merge(row.totals)
            return
        by_viewer = row.totals.groups.pop(Dimension.VIEWER, None)
        self.all.merge(row.totals)
        if by_viewer is not None:
            row.totals.groups[Dimension.VIEWER] = by_viewer
        second = self.bins.setdefault(math.floor(row.t), Bin())
        second.totals.merge(row.totals)
        second.viewers.update(row.viewers)
        own = second.per_process.setdefault(row.process, {})
        shared = second.shared.setdefault(node_of(row.process), {})
        for name, gauge in row.gauges.items():
            (shared if name.startswith(SHARED) else own)[name] = gauge

    def _skipped(self, key: str, error: Exception) -> None:
        if self._lines.admits(key) is not None:
            log.warning("ledger row %.64r skipped: %r", key, error)

    def _read_records(self) -> Iterator[tuple[str, Heartbeat]]:
        for key in self._rows.keys_with_prefix(PROCESS):
            value = self._rows.get(key)
            if value is None:
                continue
            try:
                yield key, Heartbeat.model_validate_json(value)
            except ValueError as error:
                self._skipped(key, error)


def _process(key: str, record: Heartbeat, now: float) -> Process:
    stats: ProcessStats = {
        "pid": record.pid,
        "role": record.role,
        "rss_bytes": record.rss_bytes,
        "heartbeat_s": max(0.0, round(now - record.heartbeat, 3)),
    }
    load: ProcessLoad = {
        "role": record.role,
        "rss_bytes": record.rss_bytes,
        "heartbeat_s": stats["heartbeat_s"],
        "up_s": max(0.0, round(now - record.began, 1)) if record.began else 0.0,
        "cpu": record.cpu,
        "bookkeeping": record.bookkeeping,
    }
    label = key.removeprefix(PROCESS)
    return Process(record.process or label, label, stats, load, record.gauges)


def _worker(records: Sequence[Heartbeat], now: float) -> WorkerStats:
    """The state of the worker that was heard of last."""
    up = [one for one in records if not one.ended and now - one.heartbeat < WORKER_AWAY_S]
    if up:
        return {"state": "up", "since_s": max(0.0, now - min(one.began for one in up))}
    last = max(records, key=lambda one: one.heartbeat, default=None)
    if last is None:
        return {"state": "none", "since_s": None}
    return {"state": "ended" if last.ended else "away", "since_s": now - last.heartbeat}
