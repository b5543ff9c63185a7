"""Rate limit of report rows for each viewer: a sliding window of one second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from dashboard.rate_limit import RateLimit

# Twice as many slices as a screen shows at 60 frames a second.
ROWS_PER_SECOND: Final = 120
WINDOW_S: Final = 1.0
# Viewer ids are chosen by clients; the least recently active one is forgotten first.
VIEWERS: Final = 4096


class RowLimit(RateLimit):
    """Admits at most `ROWS_PER_SECOND` rows of a viewer within any second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(ROWS_PER_SECOND, WINDOW_S, VIEWERS, clock)
