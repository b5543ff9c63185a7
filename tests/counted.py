"""Figures of a real server in which everything is that it has answered.

A process counts a request before it sends the headers of the response. Once a second it writes what it has
counted, and then a heartbeat. So what was answered before the heartbeats of all processes is in the figures;
what pages report is counted a little later than answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

WITHIN_S = 60.0
# Ages of heartbeats are rounded.
MARGIN_S = 0.001


def written_until(stats: Mapping[str, Any]) -> dict[int, float]:
    """The web processes, and for each the time until which all that it counted is in `stats` (Unix time, s)."""
    return {
        one["pid"]: stats["to"] - one["heartbeat_s"] - MARGIN_S
        for one in stats["processes"]
        if one["role"] == "web"
    }


def all_counted(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `read` gives of `/api/v1/stats` when everything that was answered before the call is in it."""
    now, end = time.time(), time.monotonic() + WITHIN_S
    while min(written_until(stats := read()).values(), default=0.0) < now:
        assert time.monotonic() < end, "a web process does not write its figures"
        time.sleep(0.1)
    return stats
