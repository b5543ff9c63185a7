"""Hit rates that the statistics give for other sizes of the brick cache, against servers that have these sizes."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.addressing.outcomes import Outcome
from dashboard.benchmarking.client import Client
from tests import files
from tests.conftest import serving, unused_port

pytestmark = pytest.mark.stress

# Across each of the first two axes, the volume has 200 bricks of 51 kB.
SIDE, CHUNK, DEPTH = 800, 4, 16
VOLUME_BYTES = SIDE * SIDE * DEPTH
VIEWERS = ("ann", "bob")
# Places to which a viewer returns.
PLACES = 12
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = np.broadcast_to(np.arange(SIDE) % 251, (DEPTH, SIDE, SIDE)).T.astype("u1")
    how = {"chunks": (CHUNK, CHUNK, DEPTH), "compression": "gzip", "compression_opts": 1}
    return files.write(tmp_path_factory.mktemp("sizes") / "v.h5", scan=(values, how))


def browsing(count: int, seed: int = 11) -> Iterator[tuple[str, str]]:
    """(viewer, selection) of the slices that two viewers look at, one after the other.

    They scroll, turn back, jump anywhere and to places where they were before, and change the axis.
    """
    rng = random.Random(seed)
    for viewer in VIEWERS:
        axis, at = 0, SIDE // 2
        places = [rng.randrange(SIDE) for _ in range(PLACES)]
        left = count // len(VIEWERS)
        while left > 0:
            chance = rng.random()
            if chance < 0.15:
                axis = 1 - axis
            elif chance < 0.55:
                at = rng.choice(places)
            elif chance < 0.65:
                at = rng.randrange(SIDE)
                places[rng.randrange(PLACES)] = at
            step = rng.choice((-1, 1)) * rng.choice((1, 1, 1, 2, 10))
            there = min(rng.randrange(5, 60), left)
            back = min(there, left - there) if rng.random() < 0.5 else 0
            for move in [step] * there + [-step] * back:
                at = (at + move) % SIDE
                yield viewer, f"{at},:,:" if axis == 0 else f":,{at},:"
            left -= there + back


@dataclass
class Played:
    """Shares of slices that the brick cache had, and of those decoded ahead, and what the statistics say."""

    hit_rate: float
    prefetched: float
    said: dict[str, Any]

    def simulated(self, factor: float) -> float:
        """The hit rate of a cache of so many times the size, as the statistics have it."""
        (rate,) = [one["hit_rate"] for one in self.said["simulated"] if one["factor"] == factor]
        return float(rate)


def play(
    folder: Path, volume: Path, count: int, factor: float, think_s: float | None = None
) -> Played:
    """Play the trace on a server whose brick cache has `factor` times a tenth of the volume.

    Nothing is prefetched, unless the viewers think for some time before each slice (s).
    """
    port = unused_port()
    environment = {
        "LAMELLA_BRICK_CACHE_BYTES": str(round(VOLUME_BYTES / 10 * factor)),
        "LAMELLA_FRAME_CACHE_BYTES": "0",
        # The order of two processes' accesses within a second is known to neither.
        "LAMELLA_WEB_PROCESSES": "1",
    }
    outcomes: list[str] = []
    with serving(folder, port, "serve", str(volume), **environment) as server, Client(port) as ask:
        for viewer in VIEWERS if think_s is None else ():
            body = json.dumps({"viewer": viewer, "pause_s": 3600}).encode()
            urllib.request.urlopen(f"{server.url}/api/v1/prefetch", body, WITHIN_S).close()
        for viewer, selection in browsing(count):
            found = ask.slice("v.h5", "/scan", selection, viewer=viewer)
            assert found.status == 200
            # A frame that is still to be written is taken from memory, and no brick is accessed.
            if not found.frame_cache_hit:
                outcomes.append(found.outcome)
            if think_s is not None:
                time.sleep(think_s)
        end = time.monotonic() + WITHIN_S
        said = ask.json("/api/v1/stats", window="all")["cache_sizes"]
        while said["accesses"] < len(outcomes) and time.monotonic() < end:
            time.sleep(0.2)
            said = ask.json("/api/v1/stats", window="all")["cache_sizes"]
    hits = len(outcomes) - outcomes.count(Outcome.MISS)
    assert (said["accesses"], said["hits"]) == (len(outcomes), hits)
    return Played(hits / len(outcomes), outcomes.count(Outcome.PREFETCHED) / len(outcomes), said)


def test_the_simulated_cache_of_todays_size_is_the_real_one(tmp_path: Path, volume: Path) -> None:
    played = play(tmp_path, volume, 300, 1.0)
    assert played.simulated(1.0) == pytest.approx(played.hit_rate, abs=0.01)
    rates = [played.simulated(factor) for factor in (0.25, 0.5, 1.0, 2.0, 4.0)]
    assert rates == sorted(rates)
    assert rates[0] < rates[-1]


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_simulated_sizes_are_those_of_real_servers(tmp_path: Path, volume: Path) -> None:
    count = 5000
    real = {f: play(tmp_path / f"{f}", volume, count, f) for f in (0.5, 1.0, 2.0)}
    ahead = play(tmp_path / "ahead", volume, count, 1.0, think_s=0.02)
    for factor, played in real.items():
        said = real[1.0].simulated(factor)
        print(f"{factor} times: {played.hit_rate:.2%} of hits, simulated {said:.2%}")
    print(
        f"with prefetching, {ahead.prefetched:.2%} decoded ahead: {ahead.hit_rate:.2%} of hits,"
        f" simulated {ahead.simulated(1.0):.2%}"
    )
    assert real[0.5].hit_rate < real[1.0].hit_rate < real[2.0].hit_rate
    for factor, played in real.items():
        margin = 0.01 if factor == 1.0 else 0.02
        assert real[1.0].simulated(factor) == pytest.approx(played.hit_rate, abs=margin)
