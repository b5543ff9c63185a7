"""Processes have names that outlive them, and a worker that is away is noticed."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from dashboard.storage.rows import DiskRows
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.ledger_reader import LedgerReader
from dashboard.telemetry.processes import PROCESS, PROCESS_EXPIRES_S, Heartbeat
from dashboard.telemetry.statistics import Stats
from tests.clock import Clock


def names(stats: Stats) -> list[str]:
    stats.refresh()
    return sorted(stats.named_processes())


def test_each_process_has_the_first_free_name_of_its_role(
    cache: DiskRows, clock: Clock, stats: Stats
) -> None:
    web = [Ledger(cache, "web", clock) for _ in range(3)]
    for ledger in [*web, Ledger(cache, "worker", clock)]:
        ledger.flush()
    assert names(stats) == ["web-0", "web-1", "web-2", "worker-0"]
    web[1].close()
    assert names(stats) == ["web-0", "web-2", "worker-0"]
    Ledger(cache, "web", clock).flush()
    assert names(stats) == ["web-0", "web-1", "web-2", "worker-0"]


def test_a_name_of_a_process_that_was_killed_is_free_at_once(
    cache: DiskRows, clock: Clock, stats: Stats
) -> None:
    cache.close()
    child = os.fork()
    if child == 0:
        Ledger(cache, "web", clock).flush()
        os._exit(0)
    os.waitpid(child, 0)
    assert names(stats) == ["web-0"]
    Ledger(cache, "web", clock).flush()
    assert names(stats) == ["web-0"]
    assert stats.processes()[0]["pid"] == os.getpid()


def test_what_was_counted_before_a_heartbeat_is_in_the_figures(
    cache: DiskRows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, reader = Ledger(cache, "web", clock), LedgerReader(cache)
    ledger.flush()
    read = cache.rows_after

    def flush_meanwhile(*given: Any) -> Any:
        """Another process writes, as soon as the rows are read."""
        rows = read(*given)
        clock.pass_(1.0)
        ledger.demand("hit")
        ledger.flush()
        return rows

    monkeypatch.setattr(cache, "rows_after", flush_meanwhile)
    reader.refresh(clock.now)
    (process,) = reader.processes
    # Its age says that the demand is not in them.
    assert reader.all.demand.get("hit", 0) == 0
    assert process.stats["heartbeat_s"] == 0.0
    monkeypatch.undo()
    reader.refresh(clock.now)
    assert reader.all.demand["hit"] == 1


def test_a_process_elsewhere_is_waited_for(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    other = Heartbeat(
        pid=2**22 + 1,
        role="web",
        rss_bytes=1,
        heartbeat=clock.now,
        gauges={},
        process="other",
        host="elsewhere",
    )
    cache.set(f"{PROCESS}web-0", other.model_dump_json().encode())
    Ledger(cache, "web", clock).flush()
    assert names(stats) == ["web-0", "web-1"]
    clock.now += PROCESS_EXPIRES_S + 1
    Ledger(cache, "web", clock).flush()
    assert names(stats) == ["web-0"]


def test_a_process_that_was_stopped_gives_way_to_the_one_that_has_its_name(
    cache: DiskRows, clock: Clock, stats: Stats
) -> None:
    stopped, other = Ledger(cache, "web", clock), Ledger(cache, "web", clock)
    stopped.flush()
    clock.now += PROCESS_EXPIRES_S + 1
    other.flush()
    assert names(stats) == ["web-0"]
    stopped.flush()
    other.flush()
    assert names(stats) == ["web-0", "web-1"]


def test_a_record_of_an_earlier_version_or_of_nobody(cache: DiskRows, clock: Clock) -> None:
    old = f'{{"pid":1,"role":"web","rss_bytes":5,"heartbeat":{clock.now},"gauges":{{}}}}'
    cache.set(f"{PROCESS}1:abc", old.encode())
    cache.set(f"{PROCESS}web-0", b"{")
    Ledger(cache, "web", clock).flush()
    assert names(Stats(cache, clock)) == ["1:abc", "web-0"]


def test_a_worker_that_is_stopped_is_away_within_fifteen_seconds(
    cache: DiskRows, clock: Clock, stats: Stats
) -> None:
    worker = Ledger(cache, "worker", clock)
    worker.flush()
    clock.now += 5
    worker.flush()
    clock.now += 4
    assert stats.snapshot(300)["worker"] == {"state": "up", "since_s": 9}
    clock.now += 10
    assert stats.snapshot(300)["worker"] == {"state": "away", "since_s": 14}
    clock.now += 3600
    assert stats.snapshot(300)["worker"] == {"state": "away", "since_s": 3614}
    worker.flush()
    assert stats.snapshot(None)["worker"]["state"] == "away", "read once a second"
    clock.now += 1
    assert stats.snapshot(None)["worker"]["state"] == "up"


def test_a_worker_that_has_ended_has_ended(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    worker = Ledger(cache, "worker", clock)
    worker.flush()
    worker.close()
    clock.now += 2
    assert stats.snapshot(300)["worker"] == {"state": "ended", "since_s": 2}
    Ledger(cache, "worker", clock).flush()
    clock.now += 1
    assert stats.snapshot(300)["worker"] == {"state": "up", "since_s": 1}


def test_the_limit_of_a_cache_is_one_value(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    for limit in (500.0, 300.0, 400.0):
        ledger = Ledger(cache, "web", clock)
        ledger.gauge("bricks.limit", lambda value=limit: value)
        ledger.flush()
    assert stats.snapshot(300)["caches"]["bricks"]["limit"] == 300
    clock.now += 60
    assert stats.snapshot(300)["caches"]["bricks"]["limit"] == 300


def test_what_a_process_uses_is_known(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    ledger = Ledger(cache, "web", clock)
    ledger.gauge("disk.free_bytes", lambda: 5e9)
    ledger.gauge("children.started", lambda: 3.0)
    ledger.flush()
    clock.now += 2
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    ledger.flush()
    stats.refresh()
    machine = stats.snapshot(60)["machine"]
    assert (machine["free_bytes"], machine["hdf5_started"]) == (5_000_000_000, 3)
    load = machine["processes"]["web-0"]
    assert (load["role"], load["up_s"], load["heartbeat_s"]) == ("web", 2.0, 0.0)
    # One thread was busy all the time, this one, and processes count all of theirs.
    assert load["cpu"] > 0.1
    assert load["bookkeeping"] > 0.1


def test_the_disk_is_counted_once_and_children_by_process(
    cache: DiskRows, clock: Clock, stats: Stats
) -> None:
    for role in ("web", "worker"):
        ledger = Ledger(cache, role, clock)
        ledger.gauge("disk.free_bytes", lambda: 5e9)
        ledger.gauge("children.started", lambda: 2.0)
        ledger.flush()
    stats.refresh()
    machine = stats.snapshot(None)["machine"]
    assert (machine["free_bytes"], machine["hdf5_started"]) == (5_000_000_000, 4)


def test_records_of_earlier_versions_are_read(cache: DiskRows, clock: Clock, stats: Stats) -> None:
    old = {"pid": 1, "role": "web", "rss_bytes": 7, "heartbeat": clock.now, "gauges": {}}
    cache.set(f"{PROCESS}web-0", json.dumps(old).encode())
    stats.refresh()
    load = stats.snapshot(60)["machine"]["processes"]["web-0"]
    assert (load["rss_bytes"], load["up_s"], load["cpu"]) == (7, 0.0, 0.0)
    assert stats.snapshot(60)["machine"]["free_bytes"] is None
