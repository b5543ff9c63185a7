"""Requests for slices that are refused are counted by who sent them."""

from __future__ import annotations

from pathlib import Path

from dashboard.storage.rows import open_rows
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.statistics import Stats
from dashboard.web.overload import shedding


def test_a_refusal_is_counted_by_kind(tmp_path: Path) -> None:
    ledger = Ledger(open_rows(tmp_path / "ledger"), "test")
    made = shedding("/p/api/v1/slice", ledger)
    for more in ("", "&viewer=v", "&viewer=v&ahead=1"):
        head = f"GET /p/api/v1/slice?file=f{more} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        query = made.query(head)
        assert query == f"file=f{more}"
        made.refused(query, 0.5)
    ledger.close()
    counts = Stats(open_rows(tmp_path / "ledger")).totals().counts
    assert counts["overload.refused"] == 3
    for kind in ("script", "demand", "ahead"):
        assert counts[f"requests.{kind}_503"] == 1
