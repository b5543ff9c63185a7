"""The other files that the values of a dataset come from, and the states that they were in."""

from __future__ import annotations

import os
from pathlib import Path

from dashboard.volumes.address import Fingerprint
from dashboard.volumes.description import Depends

# Stands for a file that does not exist (yet).
ABSENT = Fingerprint(0, 0, 0, 0)


def state_of(path: Path) -> Fingerprint:
    """The fingerprint of what lies at `path` now, `ABSENT` for nothing."""
    try:
        return Fingerprint.of(os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT


def unchanged(depends: Depends) -> bool:
    """Whether all of them are in the state that they were in."""
    try:
        return all(state_of(path) == known for path, known in depends)
    except OSError:
        return False
