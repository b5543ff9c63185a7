"""When jobs are sent to Dask, without a Dask."""

from __future__ import annotations

import itertools
import logging
import threading

import pytest

from dashboard.runtime import dask_pool
from dashboard.runtime.dask_pool import AHEAD, FOLLOW_S, DaskPool


class Client:
    """A scheduler with a worker of two threads, which does not say so the first time."""

    status = "running"
    asked = 0

    def nthreads(self, callback_timeout: float) -> dict[str, int]:
        self.asked += 1
        if self.asked == 1:
            raise TimeoutError
        return {"worker": 2}

    def close(self, timeout: float) -> None:
        """As Dask's."""


def test_jobs_are_said_to_be_sent_when_they_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client()
    monkeypatch.setattr(dask_pool, "_connect", lambda _: client)
    # The scheduler is followed in each turn.
    pool = DaskPool("tcp://127.0.0.1:1", map(FOLLOW_S.__mul__, itertools.count(1)).__next__)
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def exchange() -> None:
        seen.append((pool.capacity(), caplog.text.count("jobs are sent")))
        if len(seen) == 3:
            stop.set()

    with caplog.at_level(logging.INFO):
        pool.run(exchange, stop)
    assert seen == [(0, 0), (2 * AHEAD, 1), (2 * AHEAD, 1)]
