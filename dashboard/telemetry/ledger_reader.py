"""Incremental reader of the ledger: new rows, summed by second.

What is older than the ledger keeps rows is in the total alone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypedDict

from dashboard.bulkhead import LogLimit
from dashboard.storage.rows import Rows
from dashboard.telemetry.aggregates import Totals, decode_row
from dashboard.telemetry.ledger import BASE, KEEP_S, PROCESS, PROCESS_EXPIRES_S, ROW, Heartbeat

log = logging.getLogger(__name__)

# Gauges of shared resources, of which the newest value counts. All others are per process and summed.
SHARED: Final = ("bricks.", "frames.")


class ProcessStats(TypedDict):
    """One live process; `heartbeat_s` is the age of its last heartbeat (s)."""

    pid: int
    role: str
    rss_bytes: int
    heartbeat_s: float


@dataclass(slots=True)
class Bin:
    """All rows of one second; `per_process` has the gauges of each process."""

    totals: Totals = field(default_factory=Totals)
    viewers: set[str] = field(default_factory=set)
    shared: dict[str, float] = field(default_factory=dict)
    per_process: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Process:
    """A live process; `name` is what its rows call it."""

    name: str
    stats: ProcessStats
    gauges: dict[str, float]


class LedgerReader:
    """Content of the ledger as of the last `refresh`; for one thread at a time.

    `all` sums everything since the ledger began, `bins` the last 15 minutes by whole Unix seconds.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._shared: dict[str, float] = {}
        self._lines = LogLimit()
        self.processes: list[Process] = []
        self._forget()

    def _forget(self) -> None:
        self._mark: tuple[int, str] = (0, "")
        self.all = Totals()
        self.bins: dict[int, Bin] = {}

    def refresh(self, now: float) -> None:
        """Read new rows; `now` is Unix time (s). Raises `RowsUnavailable`."""
        for key, value in self._new_rows():
            if key.startswith((ROW, BASE)):
                self._add(key, value)
        oldest = math.floor(now - KEEP_S)
        for second in [s for s in self.bins if s < oldest]:
            del self.bins[second]
        self.processes = list(self._read_processes(now))
        for process in sorted(self.processes, key=lambda p: -p.stats["heartbeat_s"]):
            self._shared |= {k: v for k, v in process.gauges.items() if k.startswith(SHARED)}

    def gauges(self) -> dict[str, float]:
        """Current values of all gauges, without those of dead processes."""
        gauges = dict(self._shared)
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
        rows = self._rows.rows_after(last - 1)
        if last > 0:
            there = bool(rows) and rows[0][:2] == (last, key)
            rows = rows[1:] if there else rows
            if not there or any(new.startswith(BASE) for _, new, _ in rows):
                rows = self._rows.rows_after(0)
                self._forget()
        for row_id, new, value in rows:
            self._mark = (row_id, new)
            yield new, value

    def _add(self, key: str, value: bytes) -> None:
        try:
            row = decode_row(value)
        except ValueError as error:
            self._skipped(key, error)
            return
        self.all.merge(row.totals)
        if key.startswith(BASE):
            return
        second = self.bins.setdefault(math.floor(row.t), Bin())
        second.totals.merge(row.totals)
        second.viewers.update(row.viewers)
        own = second.per_process.setdefault(row.process, {})
        for name, gauge in row.gauges.items():
            (second.shared if name.startswith(SHARED) else own)[name] = gauge

    def _skipped(self, key: str, error: Exception) -> None:
        if self._lines.admits(key) is not None:
            log.warning("ledger row %.64r skipped: %r", key, error)

    def _read_processes(self, now: float) -> Iterator[Process]:
        for key in self._rows.keys_with_prefix(PROCESS):
            value = self._rows.get(key)
            if value is None:
                continue
            try:
                process = _process(key, value, now)
            except ValueError as error:
                self._skipped(key, error)
                continue
            if process.stats["heartbeat_s"] <= PROCESS_EXPIRES_S:
                yield process


def _process(key: str, value: bytes, now: float) -> Process:
    record = Heartbeat.model_validate_json(value)
    stats: ProcessStats = {
        "pid": record.pid,
        "role": record.role,
        "rss_bytes": record.rss_bytes,
        "heartbeat_s": max(0.0, round(now - record.heartbeat, 3)),
    }
    return Process(key.removeprefix(PROCESS), stats, record.gauges)
