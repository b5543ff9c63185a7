"""A small volume for real servers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import files


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A file with one dataset, `scan`, of 40 × 60 × 50."""
    values = np.arange(40 * 60 * 50, dtype="u2").reshape(40, 60, 50)
    return files.write(
        tmp_path / "v.h5", scan=(values, {"chunks": (8, 16, 16), "compression": "gzip"})
    )
