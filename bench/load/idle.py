"""Idle tabs: what pages that nobody uses cost the server's processes."""

from __future__ import annotations

import heapq
import json
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlencode

from bench.load.warm import ROOT, SHAPE
from dashboard.benchmarking.processes import busy_s
from dashboard.benchmarking.server import Server
from dashboard.web.page import panels
from dashboard.web.page.ids import Panel

# A plan and the pages of a viewer that has just stopped cost more.
SETTLE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Request:
    """A request of a tab, which it sends again and again."""

    method: str
    target: str
    body: bytes | None = None


def idle_tabs(
    server: Server, headers: dict[str, str], count: int, seconds: float
) -> dict[str, float]:
    """Processor time of all server processes while `count` tabs rest, as a share of one core.

    Each one polls as the page does when nobody has used it for a while (`panels.IDLE_TICK_MS`): which slices are
    cached, and the panels.
    """
    period_s = panels.IDLE_TICK_MS / 1e3
    time.sleep(SETTLE_S)
    without = busy_s(server.pid)
    time.sleep(seconds / 4)
    without = (busy_s(server.pid) - without) / (seconds / 4)
    with ExitStack() as stack:
        tabs = [
            stack.enter_context(closing(HTTPConnection("127.0.0.1", server.port, timeout=60.0)))
            for _ in range(count)
        ]
        begin, before = time.monotonic(), busy_s(server.pid)
        due = [
            (begin + period_s * (number + kind / 2) / count, number, kind)
            for number in range(count)
            for kind in range(2)
        ]
        heapq.heapify(due)
        sent = nbytes = 0
        while due[0][0] < begin + seconds:
            at, number, kind = heapq.heappop(due)
            time.sleep(max(0.0, at - time.monotonic()))
            request = _requests(number)[kind]
            tabs[number].request(
                request.method,
                request.target,
                request.body,
                headers | {"Content-Type": "application/json", "Accept-Encoding": "gzip"},
            )
            answer = tabs[number].getresponse()
            nbytes += len(answer.read())
            assert answer.status == 200, answer.status
            sent += 1
            heapq.heappush(due, (at + period_s, number, kind))
        took = time.monotonic() - begin
        busy = busy_s(server.pid) - before
    return {
        "tabs": count,
        "seconds": took,
        "requests_per_s": sent / took,
        "kb_per_s": nbytes / took / 1e3,
        "share_of_a_core_without_tabs": without,
        "share_of_a_core": busy / took,
        "ms_per_request": (busy / took - without) * took / sent * 1e3,
    }


def _requests(number: int) -> tuple[_Request, _Request]:
    """What a tab asks: residency, and what is new in the panels."""
    viewer = f"tab-{number}"
    residency = urlencode(
        {
            "file": f"{ROOT}/0.h5",
            "dataset": "volume",
            "selection": f"{number % SHAPE[0]},:,:",
            "axis": 0,
            "viewer": viewer,
        }
    )
    tick: dict[str, Any] = {
        "output": f"{Panel.PARTS}.data",
        "outputs": {"id": Panel.PARTS, "property": "data"},
        "inputs": [
            {"id": Panel.TICK, "property": "n_intervals", "value": 1},
            {"id": Panel.HIT_RATE_WHOSE, "property": "value", "value": panels.MINE},
            {"id": Panel.VIEWER, "property": "data", "value": viewer},
        ],
        "changedPropIds": [f"{Panel.TICK}.n_intervals"],
    }
    return (
        _Request("GET", f"/api/v1/residency?{residency}"),
        _Request("POST", "/_dash-update-component", json.dumps(tick).encode()),
    )
