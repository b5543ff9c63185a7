"""What a viewer will want next: a pure function of how it moved.

A viewer's velocity is estimated along each dimension over a short and a long time (half-lives of 50 ms and
1 s). Their mean says where it goes, their difference how sure that is. A brick is planned when it will be
needed with a probability of at least 5 % within some seconds, at most 32 in a direction, and the less
probable it is the later its deadline. The idea is neuroglancer's (`util/velocity_estimation.ts`); unlike
there, turning round is part of the model, so that forward and backward are treated alike.

At rest nobody knows the direction: bricks on both sides, the nearest first. The same after a jump.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

SHORT_S: Final = 0.05
LONG_S: Final = 1.0
REST_AFTER_S: Final = 0.7
MAX_SAMPLES: Final = 32

MIN_PROBABILITY: Final = 0.05
BRICKS_A_DIRECTION: Final = 32
# How far ahead is looked: this and the time that two bricks take, within reason.
HORIZON_S: Final = 4.0
MAX_HORIZON_S: Final = 20.0

# The first step after a rest says nothing of the speed. A key that is held down repeats after about this long.
FIRST_STEP_S: Final = 0.25
# Messages that arrive together were not made together; no speed is measured over less than this.
MIN_DURATION_S: Final = 0.02
# A speed is at best known to this share of it: people and browsers' timers are not even.
MIN_RELATIVE_SPREAD: Final = 0.15

# That a viewer turns round is taken to be as likely as if it had gone on for so many steps before those
# that were seen, and turned once: the rule of succession, with people who leaf through as the prior.
REVERSAL_PRIOR: Final = 10

# From rest, or after a jump, a viewer is taken to set off within a moment and to leaf at this speed.
RESUME_DELAY_S: Final = 2.0
BROWSE_RATE: Final = 10.0
# Along a dimension other than the one moved along last it goes so much later (s).
OTHER_DIMENSION_S: Final = 5.0
JUMP_BRICKS: Final = 2
# Steps within this factor of each other are of one pace.
STEADY_RATIO: Final = 3.0

Position = tuple[int, ...]
State = Literal["moving", "resting"]


class PositionSample(NamedTuple):
    """Where a viewer was when: Unix time (s), and the index in each fixed dimension, in order."""

    t: float
    position: Position


Trajectory = Sequence[PositionSample]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The fixed dimensions of a volume: length and brick thickness along each, in voxels.

    `brick_bytes` is what all bricks of one position take (decoded, bytes).
    """

    extent: tuple[int, ...]
    chunk: tuple[int, ...]
    brick_bytes: int

    def brick(self, position: Position) -> Position:
        """The number of the brick along each dimension that holds `position`."""
        return tuple(x // c for x, c in zip(position, self.chunk, strict=True))


class PlannedBrick(NamedTuple):
    """A brick, named by an index inside it, and when (Unix time, s) it will probably be needed."""

    position: Position
    deadline: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to have ready for one viewer, soonest first."""

    state: State
    bricks: tuple[PlannedBrick, ...]


class _Step(NamedTuple):
    """One change of position: how long it took (s) and how far it went in each dimension (voxels)."""

    took: float
    voxels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Motion:
    """How a viewer moves along one dimension.

    `speed` (voxels/s, signed) with standard deviation `spread`; `turning` is the probability that it turns
    round; `stride` is the voxels (signed) of the last step, and `regular` whether the one before was equal.
    """

    speed: float
    spread: float
    reversal_probability: float
    stride: int
    regular: bool


def plan(
    movement: Trajectory, geometry: Geometry, lead_s: float, budget_bytes: int, now: float
) -> Plan:
    """Plan for a viewer that moved like this, the newest moment last, as of `now` (Unix time, s).

    `lead_s` is how long one brick takes to decode (s), `budget_bytes` how much may be planned altogether.
    The brick that the viewer is in comes first. No brick comes twice; positions are within the volume.
    """
    moments = _changes(movement)
    moving = len(moments) > 1 and now - moments[-1].t < REST_AFTER_S
    state: State = "moving" if moving else "resting"
    room = budget_bytes // max(1, geometry.brick_bytes)
    if not moments or room < 1:
        return Plan(state, ())
    here = tuple(
        min(max(x, 0), n - 1) for x, n in zip(moments[-1].position, geometry.extent, strict=True)
    )
    steps = _steps(moments)
    found: list[PlannedBrick] = []
    if not moving:
        found.extend(_plan_both_sides(steps, here, geometry, now, BRICKS_A_DIRECTION))
    elif _jumped(steps, geometry):
        found.extend(_plan_both_sides(steps, here, geometry, now, JUMP_BRICKS))
    else:
        found.extend(_plan_direction(_current_run(steps, geometry), here, geometry, lead_s, now))
        # Too slow or too uneven for anything to be likely, or at the end, or a brick's length to go yet.
        found = found or list(_plan_both_sides(steps, here, geometry, now, 1))
    chosen = {geometry.brick(here): PlannedBrick(here, now)}
    for wanted in sorted(found, key=lambda w: w.deadline):
        chosen.setdefault(geometry.brick(wanted.position), wanted)
    return Plan(state, tuple(chosen.values())[:room])


def _changes(movement: Trajectory) -> list[PositionSample]:
    """The moments at which the position was another than before."""
    changes: list[PositionSample] = []
    for moment in movement:
        if not changes or moment.position != changes[-1].position:
            changes.append(moment)
    return changes


def _steps(moments: Sequence[PositionSample]) -> list[_Step]:
    """The steps between the moments, newest first."""
    return [
        _Step(
            max(after.t - before.t, 0.0),
            tuple(y - x for x, y in zip(before.position, after.position, strict=True)),
        )
        for before, after in zip(moments[-2::-1], moments[:0:-1], strict=True)
    ]


def _jumped(steps: Sequence[_Step], geometry: Geometry) -> bool:
    """Whether the last step led more than two bricks away, without having come on at such a pace."""
    on = len(steps) > 1 and steps[0].took < REST_AFTER_S
    return not _is_steady(steps[0], steps[1] if on else None, geometry)


def _is_steady(step: _Step, other: _Step | None, geometry: Geometry) -> bool:
    """Whether a step is short, or like another one."""
    for dim, chunk in enumerate(geometry.chunk):
        size = step.voxels[dim]
        if abs(size) <= 2 * chunk:
            continue
        ratio = other.voxels[dim] / size if other is not None else 0.0
        if not 1 / STEADY_RATIO <= ratio <= STEADY_RATIO:
            return False
    return True


def _current_run(steps: Sequence[_Step], geometry: Geometry) -> list[_Step]:
    """The steps of the motion that goes on: those since the last rest or jump, newest first."""
    motion: list[_Step] = []
    for step in steps:
        if motion and not _is_steady(step, motion[-1], geometry):
            break
        if step.took >= REST_AFTER_S:
            motion.append(_Step(FIRST_STEP_S, step.voxels))
            break
        motion.append(step)
    return motion


def _motion(steps: Sequence[_Step], dim: int) -> _Motion | None:
    """How it moves along a dimension; None when it does not, or to and fro without getting on."""
    moves = [step.voxels[dim] for step in steps if step.voxels[dim]]
    if not moves:
        return None
    short, long = _velocity(steps, dim, SHORT_S), _velocity(steps, dim, LONG_S)
    speed = (short + long) / 2 if short * long > 0 else short
    if speed == 0.0:
        return None
    run = next((n for n, voxels in enumerate(moves) if voxels * moves[0] < 0), len(moves))
    return _Motion(
        speed,
        max(abs(short - long), MIN_RELATIVE_SPREAD * abs(speed)),
        1 / (run + REVERSAL_PRIOR),
        moves[0],
        len(moves) > 1 and moves[0] == moves[1],
    )


def _velocity(steps: Sequence[_Step], dim: int, half_life_s: float) -> float:
    """Mean velocity (voxels/s), where what is `half_life_s` back counts half."""
    age = distance = duration = 0.0
    for step in steps:
        weight = 0.5 ** (age / half_life_s)
        distance += weight * step.voxels[dim]
        duration += weight * step.took
        age += step.took
    return distance / max(duration, MIN_DURATION_S)


def _plan_direction(
    steps: Sequence[_Step], here: Position, geometry: Geometry, lead_s: float, now: float
) -> Iterator[PlannedBrick]:
    """What a moving viewer will need, by dimension and direction."""
    horizon = min(HORIZON_S + 2 * max(lead_s, 0.0), MAX_HORIZON_S)
    for dim, chunk in enumerate(geometry.chunk):
        motion = _motion(steps, dim)
        if motion is None:
            continue
        pace, stride = abs(motion.speed), abs(motion.stride)
        # Steps of equal length that leave out bricks leave out the same ones again; others may meet any.
        leap = stride if motion.regular and stride > chunk else 0
        met = 1.0 if leap else min(1.0, chunk / stride)
        onward = 1 if motion.speed > 0 else -1
        for side, chance in (
            (onward, 1 - motion.reversal_probability),
            (-onward, motion.reversal_probability),
        ):
            for index in _brick_entries(here, side, dim, geometry, leap)[:BRICKS_A_DIRECTION]:
                distance = abs(index - here[dim])
                # Whoever crosses a brick faster than it is decoded has left it before it is ready.
                if (distance + chunk) / pace < lead_s:
                    continue
                need = met * chance * _normal((pace - distance / horizon) / motion.spread)
                if need < MIN_PROBABILITY:
                    break
                # The less likely it is that it will be needed at all, the longer it may wait.
                yield _at(
                    here,
                    dim,
                    index,
                    now + distance / pace * (1 - motion.reversal_probability) / need,
                )


def _plan_both_sides(
    steps: Sequence[_Step], here: Position, geometry: Geometry, now: float, bricks: int
) -> Iterator[PlannedBrick]:
    """What a viewer may need that may go anywhere: both sides alike, so that they alternate."""
    last = steps[0].voxels if steps else ()
    for dim in range(len(here)):
        off = RESUME_DELAY_S + (OTHER_DIMENSION_S if any(last) and not last[dim] else 0.0)
        # With both sides equally far, the one that it was going to.
        forward = -1 if last and last[dim] < 0 else 1
        for side in (forward, -forward):
            for index in _brick_entries(here, side, dim, geometry, 0)[:bricks]:
                distance = abs(index - here[dim])
                yield _at(here, dim, index, now + off + distance / BROWSE_RATE)


def _brick_entries(here: Position, side: int, dim: int, geometry: Geometry, leap: int) -> range:
    """Where the next bricks on one side are entered, nearest first, or (`leap`) met at that distance."""
    at, chunk = here[dim], geometry.chunk[dim]
    end = geometry.extent[dim] if side > 0 else -1
    if leap:
        return range(at + side * leap, end, side * leap)
    first = (at // chunk + 1) * chunk if side > 0 else at // chunk * chunk - 1
    return range(first, end, side * chunk)


def _at(here: Position, dim: int, index: int, deadline: float) -> PlannedBrick:
    return PlannedBrick((*here[:dim], index, *here[dim + 1 :]), deadline)


def _normal(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
