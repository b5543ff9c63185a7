"""Keys that are held for a while."""

from __future__ import annotations

import math
from typing import Final

from cachetools import FIFOCache

MAX_ENTRIES: Final = 10_000


class ExpiringSet:
    """Keys with expiry times (Unix time, s)."""

    def __init__(self) -> None:
        self._until: FIFOCache[str, float] = FIFOCache(MAX_ENTRIES)

    def holds(self, key: str, now: float) -> bool:
        return now < self._until.get(key, -math.inf)

    def remember(self, key: str, until: float) -> None:
        self._until[key] = until
