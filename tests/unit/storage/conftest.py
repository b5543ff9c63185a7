"""A cache for one test; a locked one times out soon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.storage.bytes_cache import BytesCache, open_cache


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[BytesCache]:
    opened = open_cache(tmp_path / "cache", timeout_s=0.05)
    yield opened
    opened.close()
