"""Load shedding: a burst is served however late, a queue that stands is cut by age."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.http.environment import READABLE_AT
from dashboard.storage.rows import open_rows
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.statistics import Stats
from dashboard.web.overload import INTERVAL_S, LIMIT_S, TARGET_S, OverloadMiddleware, StandingQueue
from tests.clock import Clock

PATH = "/api/v1/slice"
LATE, PROMPT = LIMIT_S + 0.1, TARGET_S / 2


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(open_rows(tmp_path / "ledger"), "test")
    yield made
    made.close()


def test_a_burst_is_served_however_late() -> None:
    queue = StandingQueue()
    taken = [queue.refuses(5.0, at / 100) for at in range(int(INTERVAL_S * 100))]
    assert not any(taken)


def test_a_standing_queue_is_cut_by_age() -> None:
    queue = StandingQueue()
    queue.refuses(LATE, 0.0)
    assert queue.refuses(LATE, INTERVAL_S)
    assert not queue.refuses(LIMIT_S - 0.01, INTERVAL_S), "younger than the limit"


def test_a_prompt_request_ends_the_standing_queue() -> None:
    queue = StandingQueue()
    queue.refuses(LATE, 0.0)
    queue.refuses(PROMPT, INTERVAL_S)
    assert not queue.refuses(LATE, INTERVAL_S + 0.01)


def test_a_pause_of_the_whole_machine_is_no_standing_queue() -> None:
    """After it, requests have waited for long, but none was taken meanwhile."""
    queue = StandingQueue()
    queue.refuses(PROMPT, 0.0)
    assert not queue.refuses(30.0, 30.0)


def application(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [])
    return [b"slice"]


class Asked:
    """The middleware, asked at times that are given."""

    def __init__(self, ledger: Ledger) -> None:
        self.clock = Clock(100.0)
        self.middleware = OverloadMiddleware(application, PATH, ledger, self.clock)

    def ask(
        self, queued_s: float, path: str = PATH, method: str = "GET"
    ) -> tuple[str, dict[str, str], bytes]:
        answered: list[tuple[str, dict[str, str]]] = []
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "viewer=v",
            READABLE_AT: self.clock() - queued_s,
        }
        body = b"".join(
            self.middleware(
                environ, lambda status, headers: answered.append((status, dict(headers)))
            )
        )
        ((status, headers),) = answered
        return status, headers, body


def test_a_refusal_says_when_to_try_again_and_is_counted(ledger: Ledger, tmp_path: Path) -> None:
    asked = Asked(ledger)
    assert asked.ask(LATE)[0] == "200 OK"
    asked.clock.pass_(INTERVAL_S)
    status, headers, body = asked.ask(LATE)
    assert status.startswith("503 ")
    assert headers["Retry-After"] == "1"
    assert json.loads(body)["error"]["code"] == "busy"
    assert asked.ask(LATE, method="HEAD")[2] == b""
    assert asked.ask(LATE, path="/healthz")[0] == "200 OK", "only slices are refused"
    ledger.close()
    counts = Stats(open_rows(tmp_path / "ledger")).totals().counts
    assert counts["overload.refused"] == 2
    assert counts["requests.demand_503"] == 2
