"""Prediction of the bricks that a viewer will need, as a pure function of its trajectory.

A viewer's velocity is estimated along each dimension over a short and a long time (half-lives of 50 ms and 1 s).
Their mean says where it goes, their difference how sure that is. A brick is planned when it will be needed with
a probability of at least 5 % within some seconds, at most 32 in a direction, and its deadline is later the less
probable it is. The idea is neuroglancer's (`util/velocity_estimation.ts`); unlike there, reversals are part of
the model, so that forward and backward are treated alike.

At rest and after a jump the direction is unknown: bricks on both sides are planned, the nearest first. A viewer
that has come from elsewhere may leave again: at rest, the bricks beyond two on each side are due later, and beyond
twice as many with each brick that it has gone on to, as an operating system reads a file ahead (Linux,
`mm/readahead.c`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

SHORT_S: Final = 0.05
LONG_S: Final = 1.0
REST_AFTER_S: Final = 0.7
MAX_SAMPLES: Final = 32

MIN_PROBABILITY: Final = 0.05
BRICKS_A_DIRECTION: Final = 32
# Planning horizon: this plus twice the decode time of a brick, up to the maximum.
HORIZON_S: Final = 4.0
MAX_HORIZON_S: Final = 20.0

# The first step after a rest carries no speed. A key that is pressed and held repeats after about this delay.
FIRST_STEP_S: Final = 0.25
# Requests may arrive in bursts, so no speed is measured over less than this.
MIN_DURATION_S: Final = 0.02
# Lower bound of the relative standard deviation of a speed: key repeat and browser timers jitter.
MIN_RELATIVE_SPREAD: Final = 0.15

# Reversal probability = 1 / (steps in this direction + 10): Laplace's rule of succession with a prior of ten
# steady steps.
REVERSAL_PRIOR: Final = 10

# After a rest or a jump, a viewer is assumed to resume after this delay and to browse at this speed.
RESUME_DELAY_S: Final = 2.0
BROWSE_RATE: Final = 10.0
# Extra delay of bricks along other dimensions than the one moved along last (s).
OTHER_DIMENSION_S: Final = 5.0
JUMP_BRICKS: Final = 2
# Extra delay of bricks farther away than a viewer at rest is likely to go (s).
FAR_S: Final = 5.0
# Pages show at most so many slices a second.
MAX_FRAME_RATE: Final = 60.0
# Steps whose durations differ by less than this factor count as steady.
STEADY_RATIO: Final = 3.0

# The limits hold for what is read from stored plans.
Index = Annotated[int, Field(ge=0, lt=2**63)]
Length = Annotated[int, Field(ge=1, lt=2**63)]
Time = Annotated[float, Field(ge=0.0, lt=1e11, allow_inf_nan=False)]

Position = tuple[Index, ...]
State = Literal["moving", "resting"]


class PositionSample(NamedTuple):
    """Position of a viewer at a Unix time (s): the index in each fixed dimension, in order."""

    t: Time
    position: Position


Trajectory = Sequence[PositionSample]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The fixed dimensions of a volume: length and brick thickness along each, in voxels.

    `brick_bytes` is the decoded size of all bricks of one position.
    """

    extent: tuple[Length, ...]
    chunk: tuple[Length, ...]
    brick_bytes: Index

    def brick(self, position: Position) -> Position:
        """The number of the brick along each dimension that holds `position`."""
        return tuple([x // c for x, c in zip(position, self.chunk, strict=True)])


class PlannedBrick(NamedTuple):
    """A brick, named by an index inside it, and its deadline (Unix time, s)."""

    position: Position
    deadline: Time


@dataclass(frozen=True, slots=True)
class Plan:
    """The bricks to prefetch for one viewer, earliest deadline first."""

    state: State
    bricks: tuple[PlannedBrick, ...]


class _Step(NamedTuple):
    """One change of position: its duration (s) and its length in each dimension (voxels)."""

    took: float
    voxels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Motion:
    """Motion of a viewer along one dimension.

    `speed` (voxels/s, signed) with standard deviation `spread`; `reversal_probability`; `stride` is the length of
    the last step (voxels, signed), and `regular` whether the step before had the same length.
    """

    speed: float
    spread: float
    reversal_probability: float
    stride: int
    regular: bool


def plan(
    trajectory: Trajectory, geometry: Geometry, decode_s: float, budget_bytes: int, now: float
) -> Plan:
    """Plan for a viewer with this trajectory, the newest sample last, as of `now` (Unix time, s).

    `decode_s` is the decode time of a brick (s), `budget_bytes` the limit of decoded bytes. The brick that the
    viewer is in comes first. No brick occurs twice; positions are within the volume.
    """
    samples = _changes(trajectory)
    moving = len(samples) > 1 and now - samples[-1].t < REST_AFTER_S
    state: State = "moving" if moving else "resting"
    limit = budget_bytes // max(1, geometry.brick_bytes)
    if not samples or limit < 1:
        return Plan(state, ())
    here = tuple(
        min(max(x, 0), n - 1) for x, n in zip(samples[-1].position, geometry.extent, strict=True)
    )
    steps = _steps(samples)
    found: list[PlannedBrick] = []
    if not moving:
        near = JUMP_BRICKS << (_visited(samples, steps, geometry) - 1)
        found.extend(_plan_both_sides(steps, here, geometry, now, BRICKS_A_DIRECTION, near))
    elif _jumped(steps, geometry):
        found.extend(_plan_both_sides(steps, here, geometry, now, JUMP_BRICKS))
    else:
        found.extend(_plan_direction(_current_run(steps, geometry), here, geometry, decode_s, now))
        # Too slow or irregular for any brick to be likely, at the end of the volume, or a whole brick still ahead.
        found = found or list(_plan_both_sides(steps, here, geometry, now, 1))
    chosen = {geometry.brick(here): PlannedBrick(here, now)}
    for entry in sorted(found, key=lambda w: w.deadline):
        chosen.setdefault(geometry.brick(entry.position), entry)
    return Plan(state, tuple(chosen.values())[:limit])


def horizon_s(decode_s: float) -> float:
    """How far ahead (s) a moving viewer is planned for, whose bricks take `decode_s`."""
    return min(HORIZON_S + 2 * max(decode_s, 0.0), MAX_HORIZON_S)


def departure(
    trajectory: Trajectory, target: Position, geometry: Geometry
) -> Literal["jumped", "turned"] | None:
    """How a viewer that goes on to `target` departs from its trajectory; None where it continues it.

    A jump is a step of more than two bricks that is no continuation of the last one; turning reverses the last
    movement along a dimension.
    """
    samples = _changes(trajectory)
    step = _Step(0.0, tuple(b - a for a, b in zip(samples[-1].position, target, strict=True)))
    before = _steps(samples)
    if not _is_steady(step, before[0] if before else None, geometry):
        return "jumped"
    for dim, voxels in enumerate(step.voxels):
        last = next((s.voxels[dim] for s in before if s.voxels[dim]), 0)
        if voxels * last < 0:
            return "turned"
    return None


def _changes(trajectory: Trajectory) -> list[PositionSample]:
    """The samples at which the position changed."""
    changes: list[PositionSample] = []
    for sample in trajectory:
        if not changes or sample.position != changes[-1].position:
            changes.append(sample)
    return changes


def _steps(samples: Sequence[PositionSample]) -> list[_Step]:
    """The steps between the samples, newest first."""
    return [
        _Step(
            max(after.t - before.t, 0.0),
            tuple(y - x for x, y in zip(before.position, after.position, strict=True)),
        )
        for before, after in zip(samples[-2::-1], samples[:0:-1], strict=True)
    ]


def _jumped(steps: Sequence[_Step], geometry: Geometry) -> bool:
    """Whether the last step was longer than two bricks and no continuation of steps of that speed."""
    on = len(steps) > 1 and steps[0].took < REST_AFTER_S
    return not _is_steady(steps[0], steps[1] if on else None, geometry)


def _visited(samples: Sequence[PositionSample], steps: Sequence[_Step], geometry: Geometry) -> int:
    """In how many bricks the viewer has been since it came here from elsewhere: at least 1."""
    jump = next((age for age in range(len(steps)) if _jumped(steps[age:], geometry)), len(steps))
    return len({geometry.brick(sample.position) for sample in samples[-1 - jump :]})


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
    """The steps since the last rest or jump, newest first."""
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
    """Motion along a dimension; None without net movement."""
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
    """Exponentially weighted mean velocity (voxels/s) with a half-life of `half_life_s`."""
    age = distance = duration = 0.0
    for step in steps:
        weight = 0.5 ** (age / half_life_s)
        distance += weight * step.voxels[dim]
        duration += weight * step.took
        age += step.took
    return distance / max(duration, MIN_DURATION_S)


def _plan_direction(
    steps: Sequence[_Step], here: Position, geometry: Geometry, decode_s: float, now: float
) -> Iterator[PlannedBrick]:
    """Bricks that a moving viewer will need, by dimension and direction."""
    horizon = horizon_s(decode_s)
    for dim, chunk in enumerate(geometry.chunk):
        motion = _motion(steps, dim)
        if motion is None:
            continue
        speed, stride = abs(motion.speed), abs(motion.stride)
        # Strides of equal length that skip bricks skip the same ones again; irregular ones may hit any brick.
        skip = stride if motion.regular and stride > chunk else 0
        met = 1.0 if skip else min(1.0, chunk / stride)
        onward = 1 if motion.speed > 0 else -1
        for side, chance in (
            (onward, 1 - motion.reversal_probability),
            (-onward, motion.reversal_probability),
        ):
            for index in _brick_entries(here, side, dim, geometry, skip)[:BRICKS_A_DIRECTION]:
                distance = abs(index - here[dim])
                # A viewer that crosses a brick in less than its decode time has left it before it is ready. What
                # comes faster than a screen shows slices is a backlog after a miss, and as fast as it is served.
                if (distance + chunk) / min(speed, stride * MAX_FRAME_RATE) < decode_s:
                    continue
                need = met * chance * _normal((speed - distance / horizon) / motion.spread)
                if need < MIN_PROBABILITY:
                    break
                # The deadline is later the less likely the brick is needed at all.
                yield _at(
                    here,
                    dim,
                    index,
                    now + distance / speed * (1 - motion.reversal_probability) / need,
                )


def _plan_both_sides(
    steps: Sequence[_Step],
    here: Position,
    geometry: Geometry,
    now: float,
    bricks: int,
    near: int = BRICKS_A_DIRECTION,
) -> Iterator[PlannedBrick]:
    """Bricks on both sides of a viewer of unknown direction, alternating; those beyond `near` are due later."""
    last = steps[0].voxels if steps else ()
    for dim in range(len(here)):
        off = RESUME_DELAY_S + (OTHER_DIMENSION_S if any(last) and not last[dim] else 0.0)
        # At equal distance, the side of the last movement first.
        forward = -1 if last and last[dim] < 0 else 1
        for side in (forward, -forward):
            for count, index in enumerate(_brick_entries(here, side, dim, geometry, 0)[:bricks]):
                later = 0.0 if count < near else FAR_S
                distance = abs(index - here[dim])
                yield _at(here, dim, index, now + off + later + distance / BROWSE_RATE)


def _brick_entries(here: Position, side: int, dim: int, geometry: Geometry, skip: int) -> range:
    """Positions at which the next bricks on one side are entered, or hit by strides that skip bricks."""
    at, chunk = here[dim], geometry.chunk[dim]
    end = geometry.extent[dim] if side > 0 else -1
    if skip:
        return range(at + side * skip, end, side * skip)
    first = (at // chunk + 1) * chunk if side > 0 else at // chunk * chunk - 1
    return range(first, end, side * chunk)


def _at(here: Position, dim: int, index: int, deadline: float) -> PlannedBrick:
    return PlannedBrick((*here[:dim], index, *here[dim + 1 :]), deadline)


def _normal(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
