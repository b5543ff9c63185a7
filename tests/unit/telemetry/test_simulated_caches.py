"""Simulated cache sizes, against caches that have them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dashboard.addressing.outcomes import Outcome, Purpose
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import parse
from dashboard.runtime.engine import Engine, build_engine
from dashboard.settings import Settings
from dashboard.storage.access_trace import TRACE, Access, AccessTrace
from dashboard.storage.bytes_cache import CacheRow
from dashboard.storage.eviction import IN_USE_S
from dashboard.telemetry.simulated_caches import FACTORS, SimulatedCaches
from tests import files
from tests.clock import Clock
from tests.nightly import mostly
from tests.rows import MemoryRows

PLANES, THICK, SIDE = 800, 10, 32
VOLUME_BYTES = PLANES * SIDE * SIDE * 2


def walk(steps: int) -> Iterator[int]:
    """Slices of a viewer that scrolls to and fro, and jumps now and then, also to where it was."""
    choose = random.Random(7)
    at, step, places = 200, 1, [200]
    for _ in range(steps):
        if choose.random() < 0.02:
            places.append(at)
            at = choose.choice([*places[-6:], choose.randrange(PLANES)])
        elif choose.random() < 0.05:
            step = -step
        at = min(max(at + step * choose.choice((1, 1, 1, 3)), 0), PLANES - 1)
        yield at


def played(folder: Path, path: Path, limit: int, steps: int) -> tuple[list[Access], int]:
    """The accesses of an engine with this cache limit that plays the walk, and its hits."""
    settings = Settings(cache_dir=folder, data=(str(path),), brick_cache_bytes=limit)
    engine: Engine = build_engine(settings, "cli")
    volume = engine.metadata.volume(path.name, "x")
    hits = 0
    for index in walk(steps):
        chosen = parse(f"{index},:,:", volume.shape)
        (brick,) = volume.bricks(chosen)
        number = brick.plane_number(chosen.fixed)
        viewer = Requester(Purpose.DEMAND, "ann")
        hits += engine.loader.load(volume, brick, viewer, plane=number).outcome is not Outcome.MISS
        engine.bricks.access_log.flush()
    engine.close()
    return engine.brick_trace.take(), hits


@pytest.mark.parametrize("steps", mostly([800, 5000], [5000]))
def test_simulated_sizes_are_those_of_real_caches(tmp_path: Path, steps: int) -> None:
    values = np.random.default_rng(3).integers(0, 99, (PLANES, SIDE, SIDE)).astype("u2")
    how = {"chunks": (THICK, SIDE, SIDE), "compression": "gzip"}
    path = files.write(tmp_path / "scan.h5", x=(values, how))
    limit = VOLUME_BYTES // 10
    found = {
        name: played(tmp_path / name, path, round(limit * factor), steps)
        for name, factor in FACTORS.items()
    }
    real = {name: hits / steps for name, (_, hits) in found.items()}
    assert real["quarter"] < real["same"] < real["fourfold"]
    counted: Counter[str] = Counter()

    def count(name: str, amount: float) -> None:
        counted[name] += int(amount)

    SimulatedCaches(lambda: limit, tuple, count).follow(found["same"][0])
    assert counted["simulated.accesses"] == steps
    assert counted["simulated.hits"] == found["same"][1]
    for name in FACTORS:
        margin = 0.01 if name == "same" else 0.02
        assert counted[f"simulated.hits_{name}"] / steps == pytest.approx(real[name], abs=margin)


def accesses(*keys: str, demands: int = 1, hit: bool = False) -> list[Access]:
    return [Access(key, 100, demands, hit, 10.0 * IN_USE_S * n) for n, key in enumerate(keys)]


def follow(*parts: list[Access], protected: tuple[str, ...] = ()) -> Counter[str]:
    counted: Counter[str] = Counter()

    def count(name: str, amount: float) -> None:
        counted[name.removeprefix("simulated.")] += int(amount)

    entries = [CacheRow("old", 100, -1e6)]
    simulated = SimulatedCaches(lambda: 200, lambda: protected, count, entries)
    for part in parts:
        simulated.follow(part)
    return counted


def test_entries_of_the_cache_are_there_at_the_start() -> None:
    counted = follow(accesses("old", "new"))
    assert (counted["accesses"], counted["hits_same"], counted["hits_fourfold"]) == (2, 1, 1)


def test_what_was_stored_ahead_is_a_hit_and_evicts_nothing_planned() -> None:
    ahead = accesses("a", "b", demands=0)
    demand = accesses("a", "b", "old")
    assert follow(ahead, demand)["hits_same"] == 2
    # Both do not fit beside the one that is planned; four times the limit has room for all.
    counted = follow(ahead, demand, protected=("old", "a"))
    assert (counted["hits_same"], counted["hits_fourfold"]) == (1, 3)


def test_what_was_only_used_is_not_stored() -> None:
    used = accesses("a", demands=0, hit=True)
    assert follow(used, accesses("a"))["hits_fourfold"] == 0


def test_what_was_removed_by_hand_is_in_no_simulated_cache() -> None:
    removal = [Access("a", 0, 0, False, 50.0 * IN_USE_S, removed=True)]
    counted = follow(accesses("a", "a"), removal, accesses("a", "a"))
    sizes = [counted[f"hits_{name}"] for name in ("same", "double", "fourfold")]
    assert (counted["accesses"], sizes) == (4, [2, 2, 2])


def test_the_trace_has_all_accesses_in_order() -> None:
    rows, clock = MemoryRows(), Clock()
    one, other = AccessTrace(rows, clock), AccessTrace(rows, clock)
    for trace, key, hit in ((one, "a", False), (one, "a", True), (other, "b", False)):
        clock.pass_(1.0)
        trace.record(key, 5, demand=True, hit=hit)
    clock.pass_(1.0)
    one.record("a", 5, demand=False, hit=True)
    clock.pass_(1.0)
    other.record_removal("a")
    other.flush()
    one.flush()
    found = one.take()
    assert [(a.key, a.demands, a.hit, a.removed) for a in found] == [
        ("a", 2, False, False),
        ("b", 1, False, False),
        ("a", 0, True, False),
        ("a", 0, False, True),
    ]
    assert other.take() == []


@pytest.mark.parametrize(
    "row", [b"", b"[1]", b"[[1]]", b'[["a", "x", 1, true, 1, false]]', b"[" * 9999]
)
def test_a_damaged_row_of_the_trace_is_skipped(row: bytes) -> None:
    rows = MemoryRows()
    rows.set(TRACE + "x", row)
    assert AccessTrace(rows).take() == []


def test_the_working_set_is_what_was_used_of_late() -> None:
    entries = [CacheRow("old", 70, 0.0), CacheRow("known", 30, 900.0)]
    simulated = SimulatedCaches(lambda: 1000, tuple, lambda *_: None, entries)
    simulated.follow([Access("new", 100, 1, False, 990.0), Access("known", 30, 1, True, 995.0)])
    sizes = [simulated.working_set(seconds, now=1000.0) for seconds in (1, 60, 3600)]
    assert sizes == [0, 130, 200]
