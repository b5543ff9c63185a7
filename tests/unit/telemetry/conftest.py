"""A ledger for one test, with its clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.storage.rows import DiskRows, open_rows
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.statistics import Stats
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[DiskRows]:
    opened = open_rows(tmp_path / "ledger", timeout_s=0.05)
    yield opened
    opened.close()


@pytest.fixture
def ledger(cache: DiskRows, clock: Clock) -> Ledger:
    return Ledger(cache, "web", clock)


@pytest.fixture
def stats(cache: DiskRows, clock: Clock) -> Stats:
    return Stats(cache, clock)
