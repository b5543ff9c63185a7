"""All figures of a service against the tally of its clients, over two web processes that end at any moment."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests import files
from tests.browsing import MAX_CELLS, SHAPE, Browsing
from tests.conftest import Server, serving, unused_port
from tests.counted import written_until
from tests.nightly import mostly
from tests.tally import Tally, Viewer, of_csv, of_distributions, of_metrics, of_stats
from tests.tally_views import (
    BY,
    assert_monitor,
    assert_pages,
    assert_panels,
    demanded_groups,
    sum_of,
)

pytestmark = pytest.mark.stress

WITHIN_S = 60.0
VIEWERS = ("ann", "bob", "cleo", "dan")
# The window that has all of a test, and that of the panels (s).
SPAN_S, PANELS_S = 3600, 300.0
# Groups of counters that `/api/v1/stats` has not.
NOT_IN_SUMS = ("sent_bytes", "seen")
# Accesses to bricks are simulated some seconds later, and those of the last second are lost with a process.
SIMULATED = ("accesses", "accesses_hits")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A file with two volumes, one that is larger than an answer may be, and text."""
    values = np.random.default_rng(5).integers(0, 4000, SHAPE).astype("u2")
    how = {"chunks": (8, 16, 16), "compression": "gzip"}
    plain = {"chunks": (4, 60, 50)}
    path = files.write(
        tmp_path / "v.h5",
        scan=(values, how),
        other=(values[::-1], plain),
        wide=np.zeros((2, 99, 99)),
    )
    with h5py.File(path, "r+", locking=False) as file:
        file["text"] = np.array([[b"a", b"b"]])
    return path


class Service:
    """A service that is started again in the same place, and what its clients have counted of it."""

    def __init__(self, folder: Path, volume: Path) -> None:
        self._folder, self._volume = folder, volume
        self._rounds = 0
        self.port = unused_port()
        self.tally = Tally()
        self.ask = Viewer(self.port, "asking", Tally())

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Start it, with two web processes."""
        environment = {
            "LAMELLA_WEB_PROCESSES": "2",
            "LAMELLA_MAX_CELLS": str(MAX_CELLS),
            "LAMELLA_BRICK_CACHE_BYTES": "256KiB",  # five bricks, so that some are evicted
        }
        volume = str(self._volume)
        with serving(self._folder, self.port, "serve", volume, **environment) as server:
            yield server
            self.ask.close()

    def browse(self, requests: int, to_the_end: bool = True) -> Tally:
        """So many requests of all viewers together, at the same time; returns what they counted.

        Unless they are to be sent to the end, a viewer without an answer sends none any more.
        """
        self._rounds += 1
        tallies = [Tally() for _ in VIEWERS]
        with ThreadPoolExecutor(len(VIEWERS)) as pool:
            running = [
                pool.submit(
                    Browsing(self.port, name, tally, 100 * self._rounds + number).go,
                    requests // len(VIEWERS),
                    to_the_end,
                )
                for number, (name, tally) in enumerate(zip(VIEWERS, tallies, strict=True))
            ]
            for one in running:
                one.result()
        together = Tally()
        for tally in tallies:
            together.include(tally)
        return together

    def stats(self, **query: str) -> dict[str, Any]:
        """The statistics since the ledger began, unless another window is asked for."""
        found: dict[str, Any] = self.ask.json("/api/v1/stats", **(query or {"window": "all"}))
        return found

    def until(self, fulfilled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The statistics once they fulfil something, or as they are at last."""
        end = time.monotonic() + WITHIN_S
        while True:
            stats = self.stats()
            if fulfilled(stats) or time.monotonic() > end:
                return stats
            time.sleep(0.1)

    def assert_agrees(self, *but: str) -> None:
        """Assert that the statistics become what the clients have counted, but for some groups of counters."""
        expected = without(self.tally.counts, *NOT_IN_SUMS, *but)

        def found(stats: dict[str, Any]) -> Counter[str]:
            return without(of_stats(stats), *but)

        assert_same(found(self.until(lambda stats: found(stats) == expected)), expected)

    def until_more(self, requests: int) -> None:
        """Wait until so many more requests for slices are counted."""
        before = self.tally.counts["queue"]
        self.until(lambda stats: stats["queue"]["count"] >= before + requests)

    def web_processes(self, ended: int = 0) -> dict[int, float]:
        """Of both web processes that run the times until which they have written all counts (Unix time, s).

        One that has just ended is none of them.
        """

        def running(stats: dict[str, Any]) -> dict[int, float]:
            return {
                pid: until
                for pid, until in written_until(stats).items()
                if pid != ended and Path(f"/proc/{pid}").exists()
            }

        return running(self.until(lambda stats: len(running(stats)) == 2))

    def until_written(self, ended: int) -> None:
        """Wait until all that was answered by now is written, but for a process that has ended."""
        now = time.time()
        end = time.monotonic() + WITHIN_S
        while min(self.web_processes(ended).values()) < now and time.monotonic() < end:
            time.sleep(0.1)


def without(counts: Counter[str], *groups: str) -> Counter[str]:
    """Counts other than 0 of other groups than these."""
    return Counter(
        {n: count for n, count in counts.items() if count and n.partition(".")[0] not in groups}
    )


def folded(counts: Counter[str]) -> Counter[str]:
    """Counts with whole slices of all outcomes together, as a series has them."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        group = name.partition(".")[0]
        found[group if group in ("server", "perceived") else name] += count
    return found


def assert_same(found: Counter[str], expected: Counter[str]) -> None:
    """Assert that two tallies are equal; only what differs is in the message."""
    names = {name for name in found.keys() | expected.keys() if found[name] != expected[name]}
    assert {name: (found[name], expected[name]) for name in names} == {}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("requests", mostly([300, 10_200], [10_200]))
def test_all_figures_are_what_the_clients_counted(
    tmp_path: Path, volume: Path, requests: int, request: pytest.FixtureRequest
) -> None:
    service = Service(tmp_path / "server", volume)
    began = time.monotonic()
    with service.running() as server:
        service.tally.include(service.browse(requests // 3))
        service.assert_agrees()
        # Everything is in the ledger, so nothing is lost with a process.
        victim = min(service.web_processes())
        os.kill(victim, signal.SIGKILL)
        assert len(service.web_processes(ended=victim)) == 2
        service.tally.include(service.browse(requests // 3))
        # What the processes still have in memory is written before they end.
        assert server.stop() == 0
    with service.running() as server:
        service.tally.include(service.browse(requests // 3))
        service.assert_agrees()
        assert service.tally.unanswered == 0
        assert_views_agree(service, time.monotonic() - began)
        if requests > 1000 and time.monotonic() - began < PANELS_S - 60.0:
            assert_pages(server.url, request.getfixturevalue("chromium"), service.tally)
            service.assert_agrees()
    counts = service.tally.counts
    print(f"{counts['queue']:,} requests for slices, {len(service.tally.answers):,} with reports")
    print({name: count for name, count in sorted(counts.items()) if count})


def assert_views_agree(service: Service, seconds: float) -> None:
    """Assert that all views of the statistics say what the clients have counted, for `seconds` by now."""
    expected, ask = without(service.tally.counts), service.ask
    of_sums = without(expected, *NOT_IN_SUMS)
    span = str(SPAN_S)
    stats = service.stats(window=span)
    assert_same(of_stats(stats), of_sums)
    assert_same(of_stats(service.stats()), of_sums)
    assert_same(of_metrics(ask.text("/metrics")), expected)
    series = {"from": f"-{span}"}
    assert_same(of_csv(ask.text("/api/v1/stats/series", **series, format="csv")), folded(expected))
    distributions = of_distributions(ask.json("/api/v1/stats/series", **series, histogram="1"))
    of_slices = {n: c for n, c in expected.items() if n.startswith(("server.", "perceived."))}
    assert_same(distributions, Counter(of_slices))
    for by, name in (("outcome", "demand"), ("reason", "reasons")):
        parts = service.stats(window=span, by=by)["groups"]
        found = without(Counter({f"{name}.{key}": one["count"] for key, one in parts.items()}))
        assert_same(found, Counter({n: c for n, c in expected.items() if n.startswith(f"{name}.")}))
    groups = {by: service.stats(window=span, by=by)["groups"] for by in BY}
    counted = {(by, name): one["count"] for by in BY for name, one in groups[by].items()}
    demanded = demanded_groups(service.tally)
    assert {group: count for group, count in counted.items() if count} == demanded
    over_time = {by: ask.json("/api/v1/stats/series", **series, by=by)["groups"] for by in BY}
    summed = {(by, name): sum(one["count"]) for by in BY for name, one in over_time[by].items()}
    assert {group: count for group, count in summed.items() if count} == demanded
    assert_monitor(stats, ask.json("/api/v1/stats/series", **series), groups, service.tally)
    if seconds < PANELS_S - 20.0:
        assert_panels(ask, service.tally)


def test_what_ends_in_traffic_loses_at_most_what_it_had_not_written(
    tmp_path: Path, volume: Path
) -> None:
    service = Service(tmp_path / "server", volume)
    with service.running() as server, ThreadPoolExecutor(1) as pool:
        service.tally.include(service.browse(60))
        service.assert_agrees(*SIMULATED)
        browsing = pool.submit(service.browse, 400)
        service.until_more(100)
        # Whatever was answered before its last heartbeat is written, and it answers nothing any more.
        victim, written = min(service.web_processes().items())
        os.kill(victim, signal.SIGKILL)
        killed = time.time()
        during = browsing.result()
        service.until_written(ended=victim)
        lost = Counter[str]()
        for answer in during.answers:
            if answer.received > written and answer.sent < killed:
                lost.update(answer.counts)
        assert_between(service, during, lost)

        # All views have lost the same. A service that is to end writes all that it has answered.
        service.tally.counts = of_metrics(service.ask.text("/metrics"))
        browsing = pool.submit(service.browse, 40_000, to_the_end=False)
        service.until_more(100)
        assert server.stop() == 0
        during = browsing.result()
    assert 0 < during.unanswered <= len(VIEWERS)
    with service.running():
        assert_between(service, during, Counter())


def assert_between(service: Service, during: Tally, lost: Counter[str]) -> None:
    """Assert that the statistics have what was counted before and `during` traffic, but for what may be lost."""
    found = without(of_stats(service.stats()), *SIMULATED)
    most = service.tally.counts + during.counts
    for name in without(most, *NOT_IN_SUMS, *SIMULATED).keys() | found.keys():
        perhaps = during.unanswered + during.perhaps[name]
        assert most[name] - lost[name] <= found[name] <= most[name] + perhaps, name
    assert_whole(found)
    print(f"{most['queue'] - found['queue']} of {most['queue']} lost, at most {lost['queue']}")


def assert_whole(found: Counter[str]) -> None:
    """Assert that what is counted together was lost together."""
    missed = found["demand.miss"] + found["demand.coalesced"]
    assert sum_of(found, "reasons.") == missed
    assert sum_of(found, "server.") == sum_of(found, "demand.") - found["demand.ring"]
    assert sum_of(found, "requests.") == found["queue"]
