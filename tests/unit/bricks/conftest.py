"""Fixtures of the brick tests: a cache and a brick store for one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.bricks.history import BrickHistory
from dashboard.bricks.store import BrickStore
from dashboard.storage.bytes_cache import BytesCache, open_cache
from dashboard.storage.eviction import LruEvictor
from tests import files
from tests.clock import Clock
from tests.parts import Counts
from tests.rows import MemoryRows
from tests.small_volume import HOW, VALUES


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[BytesCache]:
    opened = open_cache(tmp_path / "cache")
    yield opened
    opened.close()


@pytest.fixture
def make_store(tmp_path: Path, cache: BytesCache, ledger: Counts) -> Callable[..., BrickStore]:
    def make(limit: int = 2**30, clock: Clock | None = None, **given: Any) -> BrickStore:
        how = {} if clock is None else {"clock": clock}
        evictor = LruEvictor(cache, limit, tmp_path / "room.lock", **how)
        history = BrickHistory(MemoryRows())
        return BrickStore(cache, evictor, tmp_path / "partial", ledger, history, **given)

    return make


@pytest.fixture
def store(make_store: Callable[..., BrickStore]) -> BrickStore:
    return make_store()


@pytest.fixture
def volume_file(data: Path) -> Path:
    """The small volume of `tests/small_volume.py`: in bricks of two ways of decoding, and contiguous."""
    return files.write(
        data / "a.h5",
        x=(VALUES, HOW),
        b=(VALUES, {"chunks": (4, 10, 10), **files.CHUNKED["blosc2"]}),
        c=VALUES,
    )
