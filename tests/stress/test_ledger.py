"""Counts are exact over processes that flush, compact and are killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from dashboard.storage.rows import open_rows
from dashboard.telemetry.aggregates import decode_row
from dashboard.telemetry.compaction import BASE, ROW
from dashboard.telemetry.history import HOURS, MINUTES
from dashboard.telemetry.statistics import Stats

pytestmark = pytest.mark.stress

# A process whose clock runs a hundred thousand times too fast: each flush finds rows to compact. It prints a
# line for each flush whose count is certainly in the ledger.
WRITER = """
    import sys, time
    from pathlib import Path
    from dashboard.storage.rows import open_rows
    from dashboard.telemetry.ledger import Ledger

    began = time.time()
    ledger = Ledger(
        open_rows(Path(sys.argv[1])), "stress", lambda: began + 1e5 * (time.time() - began)
    )
    for i in range(int(sys.argv[2])):
        for _ in range(3):
            ledger.demand("hit")
        ledger.stages({"decode": 0.001 * i})
        ledger.count("bricks.decoded_bytes", 1_000_003)
        ledger.flush()
        assert not ledger.failing
        print(i + 1, flush=True)
"""


def start(directory: Path, flushes: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(directory), str(flushes)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_every_count_arrives_once(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    cache = open_rows(directory)
    now = 0.0
    stats = Stats(cache, lambda: now)
    flushes, processes = 250, [start(directory, 250) for _ in range(4)]
    last = 0
    while any(process.poll() is None for process in processes):
        now += 1
        seen = stats.snapshot(None)["demand"]["hit"]
        assert seen >= last
        assert seen % 3 == 0
        last = seen
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    for reader in (stats, Stats(cache)):
        now += 1
        snapshot = reader.snapshot(None)
        totals = reader.totals()
        assert snapshot["demand"]["hit"] == 4 * flushes * 3
        assert snapshot["stages"]["decode"]["count"] == 4 * flushes
        assert totals.stages["decode"].total_s == pytest.approx(
            4 * sum(0.001 * i for i in range(flushes))
        )
        assert totals.counts["bricks.decoded_bytes"] == 4 * flushes * 1_000_003
    assert cache.keys_with_prefix(BASE), "nothing was compacted"
    # The clock went by days: what has left the seconds is in the history, once.
    past = [decode_row(row.value) for row in cache.rows_after(0, MINUTES.prefix, HOURS.prefix)]
    bases = [decode_row(row.value) for row in cache.rows_after(0, BASE)]
    demands = [sum(row.totals.demand.get("hit", 0) for row in rows) for rows in (past, bases)]
    assert demands[0] == demands[1] > 0
    assert len(cache.keys_with_prefix(ROW)) < 4 * flushes
    assert cache.cache.check() == []
    cache.close()


def test_a_killed_process_loses_at_most_its_last_second(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    cache = open_rows(directory)
    sure = 0
    for round_ in range(6):
        process = start(directory, 100_000)
        assert process.stdout is not None
        for _ in range(5 + 7 * round_):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        sure += 5 + 7 * round_ + len(rest.splitlines())
    past = cache.rows_after(0, MINUTES.prefix, HOURS.prefix)
    base = cache.rows_after(0, BASE)
    assert sum(decode_row(row.value).totals.demand.get("hit", 0) for row in past) == sum(
        decode_row(row.value).totals.demand.get("hit", 0) for row in base
    )
    # What was being written when the process died is there whole or not at all.
    seen = Stats(cache).snapshot(None)["demand"]["hit"]
    assert seen % 3 == 0
    assert 3 * sure <= seen <= 3 * (sure + 6)
    assert cache.cache.check() == []
    cache.close()
