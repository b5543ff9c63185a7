"""Lists of single slices: the slowest and the latest, each with what its page reported."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

from cachetools import LRUCache

from dashboard import errors
from dashboard.log_limit import NameLogLimit
from dashboard.storage.rows import Rows, RowsUnavailable
from dashboard.telemetry.history import DAY_S, DEFAULT_RETENTION, Retention, duration, resolve_span
from dashboard.telemetry.served import JOIN_S, PageTimes, ServedSlice, joined
from dashboard.telemetry.slice_rows import LATEST_S, PAINTED, SERVED, Kind, R

log = logging.getLogger(__name__)

# Days of slow slices in one response, which reads all of them.
MAX_DAYS: Final = 31
# Rows whose records stay decoded, since most have not changed when a list is asked for again. A row has 40 records
# of about 2 kB in memory.
DECODED_ROWS: Final = 64


class Order(StrEnum):
    """The order of a list, and which slices are in it where not all are."""

    SLOWEST = "slowest"
    LATEST = "latest"


class SliceLists:
    """Reads what processes keep of single slices; all methods may be called from any thread.

    `clock` gives Unix time (s).
    """

    def __init__(
        self,
        rows: Rows,
        clock: Callable[[], float] = time.time,
        retention: Retention = DEFAULT_RETENTION,
    ) -> None:
        self._rows = rows
        self._clock = clock
        self._retention = retention
        self._lines = NameLogLimit()
        self._lock = threading.Lock()
        # Key → (value of the row, its records).
        self._records: LRUCache[str, tuple[bytes, Sequence[Any]]] = LRUCache(DECODED_ROWS)

    def between(
        self, start: float, end: float, most: int, order: Order = Order.SLOWEST
    ) -> tuple[float, float, list[tuple[ServedSlice, PageTimes | None]]]:
        """At most `most` slices of a time span, the slowest or the latest first, and the span (Unix time, s).

        Of each day (UTC) the 200 slowest are known, and of the last 15 minutes the latest 200 of each process.
        Times are as in `Stats.between`; raises `BadRequest` for those that are not kept, and `Busy`.
        """
        now = self._clock()
        start, end = resolve_span(start, end, now)
        keep_s = self._retention.names_days * DAY_S
        if keep_s <= 0:
            raise errors.BadRequest("This server keeps no single slices, which name viewers.")
        if now - start > max(keep_s, DAY_S):
            raise errors.BadRequest(f"Slow slices are kept for {duration(keep_s)}.")
        if end - start > MAX_DAYS * DAY_S:
            raise errors.BadRequest(f"Slow slices of {MAX_DAYS} days can be listed at most.")
        try:
            reports = self._known(PAINTED, start, end + JOIN_S, now)
            served = self._known(SERVED, start, end, now)
        except RowsUnavailable as error:
            log.warning("the lists of slices cannot be read: %s", error)
            raise errors.Busy("The statistics cannot be read now; try again.") from None
        found = joined(served, reports)
        found.sort(
            key=lambda pair: (pair[0].rank_s if order is Order.SLOWEST else 0.0, pair[0].time),
            reverse=True,
        )
        return start, end, found[:most]

    def _known(self, kind: Kind[R], start: float, end: float, now: float) -> list[R]:
        """The records of one kind from `start` to `end` (Unix time, s), each once; raises `RowsUnavailable`."""
        known: list[R] = list(self._decoded(kind, kind.days.keys(start, end)))
        if end >= now - LATEST_S:
            ring: Iterator[R] = self._decoded(kind, (kind.ring, kind.ring + "~"))
            known += [one for one in ring if one.time >= now - LATEST_S]
        in_span = (one for one in known if start <= one.time <= end)
        return list({(one.time, *one.identity): one for one in in_span}.values())

    def _decoded(self, kind: Kind[R], keys: tuple[str, str]) -> Iterator[R]:
        for _, key, value in self._rows.rows_between(keys):
            with self._lock:
                before, records = self._records.get(key, (b"", ()))
            if before != value:
                try:
                    records = kind.decode(value)
                except ValueError as error:
                    if self._lines.admits("rows") is not None:
                        log.warning("ledger row %.64r skipped: %s", key, error)
                    continue
                with self._lock:
                    self._records[key] = value, records
            yield from records
