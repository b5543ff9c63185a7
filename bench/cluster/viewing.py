"""Viewers of many bricks: where they look, and what they saw."""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlencode

from bench.cluster.figures import Phase, used_share
from bench.cluster.machines import Decoded, Machines
from bench.load.__main__ import play
from bench.load.viewers import Plan
from dashboard.addressing.slabs import slab_of
from dashboard.benchmarking import processes

ROOT: Final = "data"
DATASET: Final = "volume"
# Slices that a viewer looks at before it goes elsewhere.
STAYS: Final = (5, 15)
# Viewers come one after the other.
COME_WITHIN_S: Final = 10.0
TRIES: Final = 3


def target(file: str, index: int, thick: int, viewer: str) -> str:
    """The address of a slice across the first axis, as the page asks for it."""
    query = {"file": file, "dataset": DATASET, "selection": f"{index},:,:", "format": "u8"}
    query["slab"] = slab_of(file, f"/{DATASET}", {0: index}, [thick])
    return "/api/v1/slice?" + urlencode(query | ({"viewer": viewer} if viewer else {}))


def wanderings(
    files: Sequence[str], bricks: int, thick: int, count: int, slices: int, seed: int
) -> list[list[tuple[str, int]]]:
    """File and index of each slice of each viewer: to and fro in a brick, and then in any other one.

    The first brick of each file is left out: it is used to make the file known.
    """
    rng = random.Random(seed)
    return [_wander(files, bricks, thick, slices, rng) for _ in range(count)]


def _wander(
    files: Sequence[str], bricks: int, thick: int, slices: int, rng: random.Random
) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    while len(found) < slices:
        file, first, at = rng.choice(files), rng.randrange(1, bricks) * thick, rng.randrange(thick)
        for step in range(at, at + rng.randint(*STAYS)):
            turn = step % max(2 * thick - 2, 1)
            found.append((file, first + min(turn, 2 * thick - 2 - turn)))
    return found[:slices]


def watch(
    machines: Machines,
    name: str,
    plan: Plan,
    counts: Callable[[Decoded], bool],
) -> Phase:
    """Play a plan; only bricks that `counts` says count. Nothing is planned afterwards."""
    before = [len(node.decoded()) for node in machines.nodes]
    with UsedTime() as used:
        seen = play(plan)
    machines.store.forget_plans()
    decoded = {
        node.name: [one.key for one in node.decoded()[start:] if counts(one)]
        for node, start in zip(machines.nodes, before, strict=True)
    }
    return Phase(
        name,
        [ms for viewer in seen["late_ms"] for ms in viewer],
        seen["given_up_ms"],
        used.busy,
        decoded,
        seen["served"],
        seen["outcomes"],
        used.own,
        seen["missed"],
    )


def wandering(
    port: int,
    files: Sequence[str],
    bricks: int,
    thick: int,
    count: int,
    seconds: float,
    seed: int,
) -> Plan:
    """The plan of viewers who go from brick to brick, a slice a second each."""
    rng = random.Random(seed)
    ways = wanderings(files, bricks, thick, count, int(seconds), seed)
    targets = [
        [target(file, index, thick, f"{seed}-{n}") for file, index in way]
        for n, way in enumerate(ways)
    ]
    begin = [rng.uniform(0.0, COME_WITHIN_S) for _ in ways]
    return Plan(port, targets, 1.0, seconds, begin_s=begin, tries=TRIES)


class UsedTime:
    """The shares (0…1) of the machine's processor time that anybody used while a block ran, and this program.

    This program is all that it has started; what has ended meanwhile counts if it has begun within the block.
    """

    busy = own = 0.0

    def __enter__(self) -> Self:
        self._began, self._ticks, self._spent = time.monotonic(), _ticks(), _spent_s()
        return self

    def __exit__(self, *_: object) -> None:
        passed = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        self.own = (_spent_s() - self._spent) / passed
        self.busy = used_share(self._ticks, _ticks())


def _ticks() -> list[int]:
    """The line `cpu` of /proc/stat (ticks)."""
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]


def _spent_s() -> float:
    """Processor time (s) of this program, and of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return processes.busy_s(os.getpid()) + ended.ru_utime + ended.ru_stime
