"""Load shedding: a burst is served however late, a queue that stands is cut by age, by the event loop."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from dashboard.http.shedding import INTERVAL_S, LIMIT_S, TARGET_S, Shedding, StandingQueue
from tests.unit.http.applications import WITHIN_S, echo, eventually

LATE, PROMPT = LIMIT_S + 0.1, TARGET_S / 2
SLICE = b"GET /slice?viewer=v HTTP/1.1\r\nHost: x\r\n\r\n"


def taken(queue: StandingQueue, queued_s: float, now: float) -> bool:
    """Whether a request is refused that is taken now."""
    queue.taken(queued_s, now)
    return queue.refuses(queued_s, now)


def test_a_burst_is_served_however_late() -> None:
    queue = StandingQueue()
    assert not any(taken(queue, 5.0, at / 100) for at in range(int(INTERVAL_S * 100)))


def test_a_standing_queue_is_cut_by_age() -> None:
    queue = StandingQueue()
    queue.taken(LATE, 0.0)
    assert taken(queue, LATE, INTERVAL_S)
    assert not queue.refuses(LIMIT_S - 0.01, INTERVAL_S), "younger than the limit"


def test_a_prompt_request_ends_the_standing_queue() -> None:
    queue = StandingQueue()
    queue.taken(LATE, 0.0)
    queue.taken(PROMPT, INTERVAL_S)
    assert not taken(queue, LATE, INTERVAL_S + 0.01)


def test_a_pause_of_the_whole_machine_is_no_standing_queue() -> None:
    """After it, requests have waited for long, but none was taken meanwhile."""
    queue = StandingQueue()
    queue.taken(PROMPT, 0.0)
    assert not taken(queue, 30.0, 30.0)


@pytest.mark.parametrize(
    ("head", "query", "keeps_alive"),
    [
        (SLICE, "viewer=v", True),
        (SLICE.replace(b"1.1", b"1.0"), "viewer=v", False),
        (SLICE[:-2] + b"Connection: keep-alive\r\n\r\n", "viewer=v", True),
        (SLICE[:-2] + b"Connection: Close\r\n\r\n", "viewer=v", False),
        (SLICE.replace(b"GET", b"HEAD"), None, False),
        (SLICE.replace(b"/slice", b"/slices"), None, False),
        (SLICE.replace(b"/slice", b"/healthz"), None, False),
        (SLICE.replace(b"=v", b"=\xff"), None, False),
        (b"", None, False),
    ],
)
def test_what_may_be_refused(head: bytes, query: str | None, keeps_alive: bool) -> None:
    shedding = Shedding("/slice", lambda *_: None)
    assert shedding.query(head) == query
    assert shedding.keeps_alive(head) is keeps_alive


class Blocking:
    """An application whose responses wait to be let go, one by one."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)

    def __call__(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        self.begun.release()
        assert self.let_go.acquire(timeout=WITHIN_S)
        return echo(environ, start)


def test_the_event_loop_refuses_what_is_overdue_while_all_threads_are_busy(run: Any) -> None:
    refused: list[tuple[str, float]] = []
    blocking = Blocking()
    running = run(
        blocking, threads=1, shedding=Shedding("/slice", lambda *one: refused.append(one))
    )
    clients = [running.connect() for _ in range(5)]
    first, second, overdue, last, other = clients

    def queue(*waiting: Any) -> None:
        for client in waiting:
            client.send(SLICE.replace(b"/slice", b"/other") if client is other else SLICE)
        count = len(waiting)
        eventually(running, lambda: running.worker.requests.waiting >= count)

    first.send(SLICE)
    assert blocking.begun.acquire(timeout=WITHIN_S)
    queue(second)
    running.clock.now += LATE
    blocking.let_go.release()
    assert blocking.begun.acquire(timeout=WITHIN_S)
    assert first.reply().status == 200
    # From here on a queue stands.
    queue(overdue, last)
    running.clock.now += INTERVAL_S
    for client in (overdue, last):
        reply = client.reply()
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert json.loads(reply.body)["error"]["code"] == "busy"
        assert reply.headers["connection"] == "keep-alive"
    assert refused == [("viewer=v", pytest.approx(INTERVAL_S))] * 2
    # What is no slice waits for its turn, and the connection of one that was refused has the next.
    queue(other, overdue)
    running.clock.now += INTERVAL_S
    for _ in range(3):
        blocking.let_go.release()
    assert second.reply().status == other.reply().status == 200
    assert overdue.reply().status in (200, 503)
