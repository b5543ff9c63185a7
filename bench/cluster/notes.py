"""What the plans of a hundred viewers cost in Redis."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from bench.cluster.machines import store
from bench.model import Section
from dashboard.benchmarking.figures import quantile
from dashboard.benchmarking.processes import busy_s
from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.planner import Geometry
from dashboard.storage.private_directory import ensure_private_directory
from dashboard.storage.redis_rows import RedisRows
from dashboard.storage.redis_store import RedisStore

VIEWERS: Final = 100
SHAPE, THICK = (1400, 1400, 1400), 32
ROUNDS: Final = 3

METHOD: Final = f"""\
The positions of {VIEWERS} viewers who scroll, one slice a second each, as a node notes them for each slice: a plan
is made and replaces the one before in Redis, if nobody else has replaced it. One process notes all of them, one
after the other, each when it is due; its processor time and that of Redis are added up. {ROUNDS} rounds."""


def notes(folder: Path, seconds: float) -> Section:
    """Measure."""
    found = Section("notes", "Plans in Redis", METHOD)
    p95, share = [], []
    with store(ensure_private_directory(folder / "notes")) as shared:
        plans = PlanStore(RedisRows(RedisStore(shared.url), "plans"), node="bench")
        for number in range(ROUNDS):
            before = time.process_time() + busy_s(shared.process.pid)
            began = time.monotonic()
            took = _noted(plans, seconds / ROUNDS, number)
            passed = time.monotonic() - began
            spent = time.process_time() + busy_s(shared.process.pid) - before
            p95.append(quantile(sorted(took), 0.95))
            share.append(spent / passed)
    found.add("a note, p95", p95, "ms", floor=1, more=False)
    found.add(f"share of a core, {VIEWERS} viewers", share, "", floor=0.1, more=False)
    return found


def _noted(plans: PlanStore, seconds: float, number: int) -> list[float]:
    """How long (ms) each note took."""
    took = []
    begin = time.monotonic()
    geometry = Geometry((SHAPE[0],), (THICK,), THICK * SHAPE[1] * SHAPE[2] * 2)
    for step in range(int(seconds * VIEWERS)):
        time.sleep(max(0.0, begin + step / VIEWERS - time.monotonic()))
        viewer, index = step % VIEWERS, step // VIEWERS
        at = time.perf_counter()
        done = plans.record_position(
            viewer=f"{number}-{viewer}",
            file="data/volume.h5",
            dataset="/volume",
            fingerprint=(1, 2, 3, 4),
            selection=f"{viewer + index},:,:",
            plane=(1, 2),
            position=(viewer + index,),
            geometry=geometry,
            decode_s=0.2,
        )
        took.append((time.perf_counter() - at) * 1e3)
        assert done
    return took
