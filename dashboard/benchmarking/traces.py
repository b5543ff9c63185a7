"""Browsing traces: which slice each viewer requests at what time. Pure; determined by the seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SCROLLS = (5, 10, 20, 30, 60)
REVERSAL_RATE = 20
PAGE, PAGES_PER_S = 10, 4
JUMPS_PER_S = 1
AXIS_RATE, AXIS_EVERY_S = 10, 3.0
THREE_RATE, TEN_RATE = 10, 5
PLAY_RATE = 25


@dataclass(frozen=True, slots=True)
class Step:
    """Slice `index` across `axis` is due `at_s` seconds after the start."""

    at_s: float
    axis: int
    index: int


@dataclass(frozen=True, slots=True)
class Viewer:
    """The steps of one viewer through the volume with this number."""

    volume: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """The concurrent steps of some viewers.

    With `paced`, a slice is requested only when the previous one has arrived, and none is skipped, as in playback.
    """

    name: str
    what: str
    viewers: tuple[Viewer, ...]
    paced: bool = False

    @property
    def volumes(self) -> int:
        """The number of volumes."""
        return 1 + max(viewer.volume for viewer in self.viewers)


def traces(shape: Sequence[int], seconds: float, seed: int = 1) -> tuple[Trace, ...]:
    """All traces through volumes of `shape` (at least three dimensions), each `seconds` long."""
    rng = random.Random(seed)  # noqa: S311  # reproducible, not cryptographic
    length = shape[0]
    found = [
        _one(f"scroll-{rate}", f"{rate} slices/s", scroll(length, rate, seconds, rng))
        for rate in SCROLLS
    ]
    found.append(
        _one("there-and-back", f"{REVERSAL_RATE} slices/s, and back", _back(length, seconds, rng))
    )
    found.append(
        _one("pages", f"{PAGE} slices at a time, {PAGES_PER_S}/s", _pages(length, seconds, rng))
    )
    found.append(
        _one("jumps", f"anywhere, {JUMPS_PER_S}/s", _jumps(length, seconds, rng)),
    )
    found.append(
        _one(
            "axes",
            f"{AXIS_RATE} slices/s, another axis every {AXIS_EVERY_S:.0f} s",
            _axes(shape, seconds, rng),
        )
    )
    found.append(
        Trace(
            "three-viewers",
            f"three viewers of one volume, {THREE_RATE} slices/s each",
            tuple(Viewer(0, scroll(length, THREE_RATE, seconds, rng)) for _ in range(3)),
        )
    )
    found.append(
        Trace(
            "ten-volumes",
            f"ten viewers of ten volumes, {TEN_RATE} slices/s each",
            tuple(Viewer(n, scroll(length, TEN_RATE, seconds, rng)) for n in range(10)),
        )
    )
    playing = scroll(length, PLAY_RATE, seconds, rng)
    found.append(Trace("play", f"up to {PLAY_RATE} slices/s", (Viewer(0, playing),), paced=True))
    return tuple(found)


def scroll(length: int, rate: float, seconds: float, rng: random.Random) -> tuple[Step, ...]:
    """Consecutive slices from a random index, in a random direction."""
    count = _count(rate, seconds)
    begin = rng.randrange(max(length - count, 1))
    indices = range(begin, begin + count)
    return _timed(indices if rng.random() < 0.5 else reversed(indices), length, rate)


def _one(name: str, what: str, steps: tuple[Step, ...]) -> Trace:
    return Trace(name, what, (Viewer(0, steps),))


def _back(length: int, seconds: float, rng: random.Random) -> tuple[Step, ...]:
    half = max(_count(REVERSAL_RATE, seconds) // 2, 1)
    begin = rng.randrange(max(length - half, 1))
    there = list(range(begin, begin + half))
    return _timed([*there, *reversed(there)], length, REVERSAL_RATE)


def _pages(length: int, seconds: float, rng: random.Random) -> tuple[Step, ...]:
    count = _count(PAGES_PER_S, seconds)
    begin = rng.randrange(max(length - PAGE * count, 1))
    return _timed(range(begin, begin + PAGE * count, PAGE), length, PAGES_PER_S)


def _jumps(length: int, seconds: float, rng: random.Random) -> tuple[Step, ...]:
    indices = [rng.randrange(length) for _ in range(_count(JUMPS_PER_S, seconds))]
    return _timed(indices, length, JUMPS_PER_S)


def _axes(shape: Sequence[int], seconds: float, rng: random.Random) -> tuple[Step, ...]:
    """Each axis continues at its last index, as on the page."""
    positions = [rng.randrange(length) for length in shape[:3]]
    steps = []
    for number in range(_count(AXIS_RATE, seconds)):
        at = number / AXIS_RATE
        axis = int(at // AXIS_EVERY_S) % 3
        steps.append(Step(at, axis, _inside(positions[axis], shape[axis])))
        positions[axis] += 1
    return tuple(steps)


def _count(rate: float, seconds: float) -> int:
    return max(round(rate * seconds), 1)


def _timed(indices: Iterable[int], length: int, rate: float) -> tuple[Step, ...]:
    return tuple(
        Step(number / rate, 0, _inside(index, length)) for number, index in enumerate(indices)
    )


def _inside(index: int, length: int) -> int:
    """Reflect an index at the ends of a volume that is too short."""
    if length == 1:
        return 0
    at = index % (2 * length - 2)
    return at if at < length else 2 * length - 2 - at
