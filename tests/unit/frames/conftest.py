"""Fixtures of the frame tests: one array in every storage layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import files


@pytest.fixture
def values(data: Path) -> Any:
    return files.write_storages(data / "a.h5")
