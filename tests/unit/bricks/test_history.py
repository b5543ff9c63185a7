"""The history of bricks: what happened last to each box of voxels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from dashboard.addressing.addresses import Fingerprint
from dashboard.addressing.outcomes import Reason
from dashboard.bricks.history import BRICK, BrickHistory
from dashboard.storage.rows import RowsUnavailable
from tests.bricks import brick_at
from tests.clock import Clock
from tests.rows import MemoryRows

HERE = brick_at(4)
CHANGED = replace(HERE, volume=replace(HERE.volume, fingerprint=Fingerprint(1, 2, 3, 5)))


class FailingRows(MemoryRows):
    """Rows that cannot be written while `failing`."""

    failing = True

    def replace(
        self,
        removed: Collection[str],
        stored: Mapping[str, bytes],
        expire: Mapping[str, float] | None = None,
    ) -> bool:
        if self.failing:
            raise RowsUnavailable("a full disk")
        return super().replace(removed, stored, expire)


def reason(history: BrickHistory) -> Reason | None:
    past = history.of(HERE)
    return None if past is None else past.reason(HERE)


def test_the_last_event_is_the_reason() -> None:
    history = BrickHistory(MemoryRows())
    assert reason(history) is None
    history.refused(HERE)
    assert reason(history) is Reason.NO_SPACE
    history.stored(HERE)
    history.evicted(HERE.box, HERE.key, 100)
    assert reason(history) is Reason.EVICTED
    history.stored(CHANGED)
    assert reason(history) is Reason.CHANGED


def test_other_processes_read_what_was_flushed() -> None:
    rows, clock = MemoryRows(), Clock()
    history, other = BrickHistory(rows, clock), BrickHistory(rows, clock)
    history.evicted(HERE.box, HERE.key, 100)
    assert reason(other) is None
    history.flush()
    past = other.of(HERE)
    assert past is not None
    assert (past.event, past.at, other.evicted_since(past)) == ("evicted", clock(), 0)
    for box in ("one", "two"):
        history.evicted(box, "key", 1000)
    history.flush()
    assert other.evicted_since(past) == 2000


def test_what_cannot_be_written_is_kept() -> None:
    rows = FailingRows()
    history = BrickHistory(rows)
    history.evicted(HERE.box, HERE.key, 100)
    history.flush()
    assert rows.get(BRICK + HERE.box) is None
    assert reason(history) is Reason.EVICTED
    rows.failing = False
    history.flush()
    history.evicted("other", "key", 7)
    history.flush()
    past = BrickHistory(rows).of(HERE)
    assert past is not None
    assert (past.evicted_bytes, history.evicted_since(past)) == (100, 7)


@pytest.mark.parametrize("row", [b"", b"{}", b"[1]", b'{"key":"k","event":"eaten","at":1}'])
def test_a_damaged_row_is_no_history(row: bytes) -> None:
    rows = MemoryRows()
    rows.set(BRICK + HERE.box, row)
    rows.set("evicted_bytes", row)
    history = BrickHistory(rows)
    assert history.of(HERE) is None
    history.evicted(HERE.box, HERE.key, 5)
    history.flush()
    assert reason(history) is Reason.EVICTED
