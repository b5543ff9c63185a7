"""Reading the ledger's history: sums of its rows by step, cached by the rows that they are made of.

Rows are immutable and have keys of their own, so a sum is known by the keys of its rows. After a compaction, or
when a window slides, only what has other rows is read and summed again; of a busy day that is a hundredth.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from cachetools import LRUCache

from dashboard.log_limit import NameLogLimit
from dashboard.storage.rows import Rows, RowsUnavailable
from dashboard.telemetry.aggregates import decode_row
from dashboard.telemetry.compaction import BASE
from dashboard.telemetry.history import Sums, Tier
from dashboard.telemetry.ledger_reader import LedgerReader

log = logging.getLogger(__name__)

# Sums of one step, or of one part of a window, of which each has up to 100 kB.
MAX_CACHED_SUMS: Final = 400
# Parts of a window that are summed by themselves.
PARTS: Final = 90
_BASE_KEYS: Final = (BASE, BASE[:-1] + ";")
# Between a refresh and a read of the history, another process may compact the ledger.
_ATTEMPTS: Final = 8
_MAX_RANGES: Final = 200


class PastReader:
    """Reads what lies before the seconds of a `LedgerReader`; `prepare` may be called from any thread."""

    def __init__(self, rows: Rows, reader: LedgerReader) -> None:
        self._rows = rows
        self._reader = reader
        self._lines = NameLogLimit()
        self._lock = threading.Lock()
        self._sums: LRUCache[tuple[str, ...], Sums] = LRUCache(MAX_CACHED_SUMS)

    def steps(
        self, tiers: Sequence[Tier], first: float, step: float, until: float, now: float
    ) -> Mapping[int, Sums]:
        """The sums of each step of `step` seconds (inf: of one step) from `first` to `until` (Unix time, s).

        They and the reader's seconds are of one moment: where the ledger was compacted meanwhile, the reader is
        refreshed. They are shared and must not be modified. Raises `RowsUnavailable`.
        """
        for _ in range(_ATTEMPTS):
            keys = self._keys(tiers, first, min(until, now))
            current = self._reader.bases == {key for key in keys if key.startswith(BASE)}
            parts = _parts(tiers, keys, first, step, until, now)
            sums = self._summed(parts) if current else None
            if sums is not None:
                return sums if math.isfinite(step) else {0: _together(sums)}
            self._reader.refresh(now)
        raise RowsUnavailable("the ledger is compacted too often")

    def prepare(
        self, tiers: Sequence[Tier], first: float, step: float, until: float, now: float
    ) -> None:
        """Cache the sums that `steps` needs: a long time span takes seconds. Raises `RowsUnavailable`."""
        keys = self._keys(tiers, first, min(until, now))
        self._summed(_parts(tiers, keys, first, step, until, now))

    def _keys(self, tiers: Sequence[Tier], first: float, last: float) -> list[str]:
        return self._rows.keys_between(*(tier.keys(first, last) for tier in tiers), _BASE_KEYS)

    def _summed(self, parts: Mapping[int, list[tuple[int, str]]]) -> dict[int, Sums] | None:
        """The sums of all parts; None when a row is gone, since the ledger was compacted."""
        names = {index: tuple(key for _, key in rows) for index, rows in parts.items()}
        with self._lock:
            sums = {i: self._sums[name] for i, name in names.items() if name in self._sums}
        missing = [key for index in sorted(names.keys() - sums.keys()) for key in names[index]]
        values = self._values(missing)
        if values is None:
            return None
        for index in names.keys() - sums.keys():
            made = Sums()
            for key in names[index]:
                self._add(made, key, values[key])
            sums[index] = made
            with self._lock:
                self._sums[names[index]] = made
        return sums

    def _values(self, keys: list[str]) -> dict[str, bytes] | None:
        values: dict[str, bytes] = {}
        for first in range(0, len(keys), _MAX_RANGES):
            ranges = [(key, f"{key}:") for key in keys[first : first + _MAX_RANGES]]
            values |= {key: value for _, key, value in self._rows.rows_between(*ranges)}
        return values if values.keys() >= set(keys) else None

    def _add(self, sums: Sums, key: str, value: bytes) -> None:
        try:
            row = decode_row(value)
        except ValueError as error:
            if self._lines.admits(key) is not None:
                log.warning("ledger row %.64r skipped: %r", key, error)
            return
        sums.add(row.totals, row.gauges, row.t)
        sums.viewers.update(row.viewers)


def _parts(
    tiers: Sequence[Tier],
    keys: Sequence[str],
    first: float,
    step: float,
    until: float,
    now: float,
) -> dict[int, list[tuple[int, str]]]:
    """Starts and keys of the rows of each step, or of each part of a window."""
    begin, length = first, step
    if not math.isfinite(step):
        span = max(min(until, now) - first, 1.0)
        begin, length = 0.0, 60.0 * math.ceil(span / (60.0 * PARTS))
    parts: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for tier in tiers:
        for key in keys:
            number = tier.number_of(key)
            if number is not None and first <= number * tier.seconds < until:
                start = number * tier.seconds
                parts[math.floor((start - begin) / length)].append((start, key))
    for rows in parts.values():
        rows.sort()
    return parts


def _together(sums: Mapping[int, Sums]) -> Sums:
    whole = Sums()
    for index in sorted(sums):
        whole.add(sums[index].totals, sums[index].gauges, sums[index].t)
        whole.viewers |= sums[index].viewers
    return whole
