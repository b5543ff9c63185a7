"""The contract of `Brick`, which a brick keeps wherever its planes are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from dashboard.bricks.brick import Brick, SinglePlaneBrick
from dashboard.bricks.store import BrickStore
from dashboard.decoding.chunk_reader import DamagedChunk
from tests.bricks import DTYPE, Purpose, brick_at, put, values_of

ADDRESS = brick_at(8)
DAMAGED = (DamagedChunk((8, 4, 0), "its bytes cannot be decoded (DeflateError)"),)
PLANE = 2


@dataclass(frozen=True)
class Made:
    """A brick whose plane `PLANE` was decoded; `again` returns it as the next request gets it."""

    brick: Brick
    again: Callable[[], Brick]
    remembers: bool = True


@contextmanager
def written(store: BrickStore) -> Iterator[Made]:
    yield Made(put(store, ADDRESS, damaged=DAMAGED), lambda: cached(store))


@contextmanager
def read_back(store: BrickStore) -> Iterator[Made]:
    put(store, ADDRESS, damaged=DAMAGED)
    yield Made(cached(store), lambda: cached(store))


@contextmanager
def in_flight(store: BrickStore) -> Iterator[Made]:
    """A plane of a brick that is being written."""
    pending = store.begin(ADDRESS, DTYPE.itemsize, Purpose.DEMAND)
    assert pending is not None
    plane = values_of(ADDRESS)[PLANE]
    yield Made(
        SinglePlaneBrick(plane, PLANE, DAMAGED, pending=pending),
        lambda: SinglePlaneBrick(plane, PLANE, DAMAGED, pending=pending),
    )
    pending.discard()


@contextmanager
def uncached(store: BrickStore) -> Iterator[Made]:
    """A plane of a brick that no cache takes, and that each request decodes for itself."""
    plane = values_of(ADDRESS)[PLANE]
    made = lambda: SinglePlaneBrick(plane, PLANE, DAMAGED)  # noqa: E731
    yield Made(made(), made, remembers=False)


def cached(store: BrickStore) -> Brick:
    brick = store.get(ADDRESS, DTYPE)
    assert brick is not None
    return brick


@pytest.fixture(params=[written, read_back, in_flight, uncached], ids=lambda make: make.__name__)
def made(request: pytest.FixtureRequest, store: BrickStore) -> Iterator[Made]:
    with request.param(store) as found:
        yield found


def test_a_plane_has_its_values(made: Made) -> None:
    plane = made.brick.plane(PLANE)
    assert plane.dtype == DTYPE
    np.testing.assert_array_equal(plane, values_of(ADDRESS)[PLANE])


def test_a_plane_that_does_not_exist_is_an_index_error(made: Made) -> None:
    with pytest.raises(IndexError):
        made.brick.plane(ADDRESS.planes)


def test_damaged_chunks_are_named(made: Made) -> None:
    assert made.brick.damaged_chunks == DAMAGED
    assert made.again().damaged_chunks == DAMAGED


def test_the_first_access_is_reported_once(made: Made) -> None:
    first = made.brick.mark_accessed(PLANE)
    assert (first.first_brick_access, first.first_plane_access) == (True, True)
    for brick in (made.brick, made.again()):
        later = brick.mark_accessed(PLANE)
        assert later.purpose == first.purpose
        assert later.first_plane_access is not made.remembers
        assert later.first_brick_access is not made.remembers
