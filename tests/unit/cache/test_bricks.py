"""Bricks in the cache: their values and their story."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dashboard.cache import bricks as module
from dashboard.cache.bricks import BrickStore, PlaneBrick
from dashboard.cache.story import Purpose, Story
from dashboard.storage.disk import Adopted, BytesCache, open_cache
from dashboard.storage.room import Room
from dashboard.volumes.chunkread import BadChunk
from tests.bricks import DTYPE, FILE_BYTES, brick_at, put, values_of
from tests.parts import Counts


def test_values_come_back_as_a_map_that_nobody_can_write(store: BrickStore) -> None:
    address = brick_at(8)
    fresh = put(store, address)
    assert store.has(address)
    again = store.get(address, DTYPE)
    assert again is not None
    for brick in (fresh, again):
        for number, plane in enumerate(values_of(address)):
            np.testing.assert_array_equal(brick.plane(number), plane)
            assert not brick.plane(number).flags.writeable
    with pytest.raises(IndexError):
        again.plane(4)


def test_damaged_chunks_are_kept_with_the_brick(store: BrickStore) -> None:
    bad = BadChunk((8, 4, 0), "its bytes cannot be decoded (DeflateError)")
    put(store, brick_at(8), bad=[bad])
    found = store.get(brick_at(8), DTYPE)
    assert found is not None
    assert found.bad == (bad,)


def test_a_brick_outlives_its_entry(store: BrickStore, cache: BytesCache) -> None:
    address = brick_at(0)
    put(store, address)
    found = store.get(address, DTYPE)
    assert found is not None
    assert cache.delete(address.key)
    assert not store.has(address)
    np.testing.assert_array_equal(found.plane(3), values_of(address)[3])
    assert found.want(3).first_of_plane


def test_nothing_is_there_before_it_is_finished(store: BrickStore, tmp_path: Path) -> None:
    address = brick_at(0)
    partial = store.begin(address, DTYPE.itemsize, Purpose.DEMAND)
    assert partial is not None
    assert not store.has(address)
    assert store.get(address, DTYPE) is None
    partial.discard()
    assert list((tmp_path / "partial").iterdir()) == []


def test_a_finished_brick_leaves_nothing_behind(
    store: BrickStore, cache: BytesCache, tmp_path: Path
) -> None:
    gc.collect()  # what earlier tests left open is closed now, and not in between
    before = len(os.listdir("/proc/self/fd"))
    put(store, brick_at(0))
    put(store, brick_at(0))
    assert store.get(brick_at(0), DTYPE) is not None
    assert len(os.listdir("/proc/self/fd")) == before
    assert list((tmp_path / "partial").iterdir()) == []
    assert cache.totals() == (FILE_BYTES, 1)
    assert cache.check() == []


def test_the_cache_is_kept_over_a_restart(
    make_store: Callable[..., BrickStore], tmp_path: Path, ledger: Counts
) -> None:
    put(make_store(), brick_at(4))
    other = open_cache(tmp_path / "cache")
    room = Room(other, 2**30, tmp_path / "room.lock")
    found = BrickStore(other, room, tmp_path / "partial", ledger).get(brick_at(4), DTYPE)
    assert found is not None
    np.testing.assert_array_equal(found.plane(2), values_of(brick_at(4))[2])
    other.close()


def test_the_story_of_a_brick(store: BrickStore) -> None:
    address = brick_at(0)
    brick = put(store, address, Purpose.AHEAD)
    assert store.unwanted(address)
    first = brick.want(2)
    assert (first.purpose, first.first_of_brick, first.first_of_plane) == (
        Purpose.AHEAD,
        True,
        True,
    )
    assert not store.unwanted(address)
    again = store.get(address, DTYPE)
    assert again is not None
    second = again.want(2)
    assert (second.first_of_brick, second.first_of_plane) == (False, False)
    third = again.want(3)
    assert (third.purpose, third.first_of_brick, third.first_of_plane) == (
        Purpose.AHEAD,
        False,
        True,
    )


@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_purpose_is_remembered(store: BrickStore, purpose: Purpose) -> None:
    brick = put(store, brick_at(0), purpose)
    assert brick.story.purpose is purpose
    assert store.unwanted(brick_at(0)) == (purpose in (Purpose.AHEAD, Purpose.RESTING))


def test_a_brick_that_is_wanted_while_it_is_made(store: BrickStore) -> None:
    partial = store.begin(brick_at(0), DTYPE.itemsize, Purpose.DEMAND)
    assert partial is not None
    early = module.PlaneBrick(values_of(brick_at(0))[1], 1, (), partial=partial)
    brick = store.keep(partial, DTYPE, ())
    assert brick is not None
    # By now the file is the cache's, and its story goes on.
    assert early.want(1) == module.Wanted(Purpose.DEMAND, True, True)
    assert brick.want(1).first_of_plane is False
    assert brick.want(0) == module.Wanted(Purpose.DEMAND, False, True)


def test_one_of_many_is_the_first(store: BrickStore) -> None:
    put(store, brick_at(0), Purpose.AHEAD)
    ready = threading.Barrier(8)
    told = []

    def want(number: int) -> None:
        brick = store.get(brick_at(0), DTYPE)
        assert brick is not None
        ready.wait()
        for _ in range(50):
            told.extend((n, brick.want(n)) for n in range(4))

    threads = [threading.Thread(target=want, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(wanted.first_of_brick for _, wanted in told) == 1
    for number in range(4):
        assert sum(w.first_of_plane for n, w in told if n == number) == 1


def test_an_unknown_purpose_counts_as_demand(tmp_path: Path) -> None:
    path = tmp_path / "story"
    path.write_bytes(bytes([99, 0, 0]))
    with path.open("r+b") as stream:
        story = Story(stream.fileno(), 0)
        assert story.purpose is Purpose.DEMAND
        assert story.want(0).purpose is Purpose.DEMAND


def test_one_plane_in_memory_is_that_plane(store: BrickStore) -> None:
    plane = np.arange(6).reshape(2, 3)
    brick = PlaneBrick(plane, 5, ())
    assert brick.plane(5) is plane
    assert brick.want(5).first_of_plane
    with pytest.raises(IndexError):
        brick.plane(4)


def test_present_tells_which_of_many_are_there(store: BrickStore) -> None:
    for n in (0, 4):
        put(store, brick_at(n))
    keys = [brick_at(4 * n).key for n in range(1200)]
    assert store.present(keys) == {brick_at(0).key, brick_at(4).key}
    assert store.present([]) == frozenset()


def test_a_name_that_is_taken_is_written_over(store: BrickStore, cache: BytesCache) -> None:
    path = Path(cache.directory).parent / "other"
    path.write_bytes(b"x")
    assert cache.set(brick_at(0).key, Adopted(path, b"{}"))
    assert store.get(brick_at(0), DTYPE) is None
    found = put(store, brick_at(0))
    np.testing.assert_array_equal(found.plane(1), values_of(brick_at(0))[1])
    assert cache.check() == []
