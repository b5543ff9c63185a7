"""The simulated environment of the prefetch worker, and a plan store with a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.prefetch.plan_store import PlanStore
from dashboard.storage.rows import DiskRows, open_rows
from tests.clock import Clock
from tests.prefetching import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.board_store.close()
    made.ledger_store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[DiskRows]:
    opened = open_rows(tmp_path / "board", timeout_s=0.05)
    yield opened
    opened.close()


@pytest.fixture
def board(cache: DiskRows, clock: Clock) -> PlanStore:
    return PlanStore(cache, plan_seconds=30.0, budget_bytes=8_000, clock=clock)
