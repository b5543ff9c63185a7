"""Caches for one test; locked ones time out soon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.storage.bytes_cache import BytesCache, open_cache
from tests.unit.storage import harm


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[BytesCache]:
    opened = open_cache(tmp_path / "cache", timeout_s=0.05)
    yield opened
    opened.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of `opened`, in one that may be deleted as well."""
    return tmp_path / "home" / "cache"


@pytest.fixture
def opened(directory: Path) -> Iterator[BytesCache]:
    """A cache of 201 entries."""
    cache = open_cache(directory, timeout_s=0.5)
    for number in range(200):
        cache.set(f"key{number}", bytes(500))
    cache.set("large", harm.LARGE)
    yield cache
    cache.close()
