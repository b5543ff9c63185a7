"""Rows of the plan store that others have written, and a database that cannot be read or written."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from dashboard.prefetch import plan_store, viewer_plan
from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.planner import MAX_SAMPLES
from dashboard.prefetch.viewer_plan import PREFIX, VERSION, ViewerPlan
from dashboard.storage.bytes_cache import INLINE_BYTES
from dashboard.storage.rows import DiskRows, RowsUnavailable
from tests.clock import Clock
from tests.rows import MemoryRows
from tests.unit.prefetch.plans import only, view, viewers


def row(version: int = VERSION, **changes: Any) -> bytes:
    geometry = {"extent": [2160], "chunk": [68], "brick_bytes": 1000}
    geometry |= {name: changes.pop(name) for name in geometry if name in changes}
    good: dict[str, Any] = {
        "viewer": "eve",
        "file": "scan.h5",
        "dataset": "/volume",
        "fingerprint": [1, 2, 3, 4],
        "selection": "700,:,:",
        "plane": [1, 2],
        "geometry": geometry,
        "decode_s": 0.5,
        "last_request_at": 1_700_000_000.0,
        "trajectory": [[1_700_000_000.0, [700]]],
        "made_at": 1_700_000_000.0,
        "budget_bytes": 8_000,
    }
    return json.dumps({"version": version, "plan": good | changes}).encode()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        row(version=1),
        row(viewer="ann"),
        row(viewer=7),
        row(file=3),
        row(plane=[1]),
        row(plane=[1, "2"]),
        row(extent=[0]),
        row(extent=[True]),
        row(chunk=[0]),
        row(chunk=[68, 68]),
        row(extent=[9] * 9, chunk=[9] * 9),
        row(trajectory=[]),
        row(trajectory=[[1.0, [2160]]]),
        row(trajectory=[[1.0, [-1]]]),
        row(trajectory=[[1.0, [1, 1]]]),
        row(trajectory=[[float("nan"), [1]]]),
        row(trajectory=[[1.0, [1]]] * (MAX_SAMPLES + 1)),
        row(trajectory=[[1.0]]),
        row(budget_bytes=-1),
        row(made_at="1"),
        row(brick_bytes=-1),
        row(fingerprint=[2**63]),
        row(decode_s="1"),
        row(decode_s=1e11),
        row(last_request_at=True),
    ],
)
def test_what_others_planted_is_skipped(
    board: PlanStore, cache: DiskRows, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cache.set(PREFIX + "eve", value)
    view(board, 700)
    assert only(board).viewer == "ann"
    board.plans()
    # What is larger than any plan is not even read.
    assert caplog.text.count("skipped") == (len(value) <= INLINE_BYTES)
    view(board, 800, viewer="eve")
    assert viewers(board) == ["ann", "eve"]


def test_a_sound_row_reads_back(board: PlanStore, cache: DiskRows) -> None:
    cache.set(PREFIX + "ann", row(viewer="ann"))
    assert only(board).bricks[0].position == (700,)


def test_a_board_that_cannot_be_written_is_no_error(
    board: PlanStore, cache: DiskRows, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "board" / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not view(board, 100)
    other.execute("ROLLBACK")
    other.close()
    assert view(board, 100)


def test_a_board_that_cannot_be_read_has_no_plans(
    board: PlanStore, cache: DiskRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RowsUnavailable("malformed")

    view(board, 100)
    for reading in ("changes", "keys_with_prefix"):
        monkeypatch.setattr(cache, reading, broken)
    assert board.plans() == []
    assert board.in_flight() == frozenset()


def test_plans_of_other_machines_are_not_decoded_for_ones_own(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = MemoryRows(clock)
    here, there = (PlanStore(rows, clock=clock, node=name) for name in ("höhe", "b"))
    assert not here.have_rows()
    view(here, 700)
    view(there, 700, viewer="bob", file='with "node":"höhe" in its name.h5')
    decoded: list[str] = []

    def counted(key: str, value: bytes | None) -> ViewerPlan | None:
        decoded.append(key)
        return viewer_plan.read(key, value)

    monkeypatch.setattr(plan_store, "read", counted)
    (own,) = here.own_plans()
    assert (own.viewer, decoded) == ("ann", ["plan:ann"])
    assert here.have_rows()
    assert here.live_plan("ann") is own
    assert here.live_plan("eve") is None
    assert decoded == ["plan:ann"]
    # Who needs all of them gets the same objects each time.
    both = here.plans()
    assert both[0] is own
    assert here.own_plans() == [own]
    assert all(one is other for one, other in zip(here.plans(), both, strict=True))
    assert decoded == ["plan:ann", "plan:bob"]
