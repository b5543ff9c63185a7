"""Which requests are refused when more are asked for than the server can take: those for slices, each counted."""

from __future__ import annotations

from dashboard.errors import Busy
from dashboard.http.shedding import Shedding
from dashboard.telemetry.ledger import Ledger
from dashboard.web.server_timing import kind_of


def shedding(path: str, ledger: Ledger) -> Shedding:
    """What the HTTP server refuses; `path` is that of slices."""

    def refused(query: str, queued_s: float) -> None:
        ledger.request(f"{kind_of(query)}_{Busy.status}", queued_s)
        ledger.count("overload.refused")

    return Shedding(path, refused)
