"""Bricks in the cache: their values and usage records."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks.brick import SinglePlaneBrick
from dashboard.bricks.store import BrickStore
from dashboard.bricks.usage import AccessResult, BrickUsage
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.storage.bytes_cache import BytesCache, FileToAdopt, open_cache
from dashboard.storage.eviction import LruEvictor
from tests.bricks import DTYPE, FILE_BYTES, VOLUME, brick_at, put, values_of
from tests.files import open_below
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
    damaged = DamagedChunk((8, 4, 0), "its bytes cannot be decoded (DeflateError)")
    put(store, brick_at(8), damaged=[damaged])
    found = store.get(brick_at(8), DTYPE)
    assert found is not None
    assert found.damaged_chunks == (damaged,)


def test_a_brick_outlives_its_entry(store: BrickStore, cache: BytesCache) -> None:
    address = brick_at(0)
    put(store, address)
    found = store.get(address, DTYPE)
    assert found is not None
    assert cache.delete(address.key)
    assert not store.has(address)
    np.testing.assert_array_equal(found.plane(3), values_of(address)[3])
    assert found.mark_accessed(3).first_plane_access


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
    before = len(open_below(tmp_path))
    put(store, brick_at(0))
    put(store, brick_at(0))
    assert store.get(brick_at(0), DTYPE) is not None
    assert len(open_below(tmp_path)) <= before
    assert list((tmp_path / "partial").iterdir()) == []
    assert cache.totals() == (FILE_BYTES, 1)
    assert cache.check() == []


def test_the_pages_of_a_plane_are_mapped_before_it_is_read(store: BrickStore) -> None:
    side, planes = 1024, 4
    address = BrickAddress(VOLUME, 1, 2, (0, 0, 0), (planes, side, side))
    partial = store.begin(address, DTYPE.itemsize, Purpose.DEMAND)
    assert partial is not None
    os.pwrite(partial.fd, bytes(address.nbytes(DTYPE.itemsize)), 0)
    store.commit(partial, DTYPE, ())
    # Its checksums are verified now, which touches the pages; the next map of the file has none of them.
    for number in range(planes):
        assert store.get(address, DTYPE, number) is not None
    store.open_handles.drop(address.key)
    brick = store.get(address, DTYPE, 2)
    assert brick is not None
    assert mapped_pages(brick.plane(2)) == 1.0
    assert mapped_pages(brick.plane(0)) < 1.0


def mapped_pages(values: NDArray[Any]) -> float:
    """The share of an array's whole pages that the process can read without a fault (proc(5), pagemap)."""
    first = -(-values.ctypes.data // mmap.PAGESIZE)
    count = (values.ctypes.data + values.nbytes) // mmap.PAGESIZE - first
    with open("/proc/self/pagemap", "rb") as pages:
        pages.seek(8 * first)
        entries = np.frombuffer(pages.read(8 * count), "u8")
    return float(np.mean(entries >> np.uint64(63)))


def test_the_cache_is_kept_over_a_restart(
    make_store: Callable[..., BrickStore], tmp_path: Path, ledger: Counts
) -> None:
    store = make_store()
    put(store, brick_at(4))
    other = open_cache(tmp_path / "cache")
    evictor = LruEvictor(other, 2**30, tmp_path / "room.lock")
    restarted = BrickStore(other, evictor, tmp_path / "partial", ledger, store.history)
    found = restarted.get(brick_at(4), DTYPE)
    assert found is not None
    np.testing.assert_array_equal(found.plane(2), values_of(brick_at(4))[2])
    other.close()


def test_the_usage_record_of_a_brick(store: BrickStore) -> None:
    address = brick_at(0)
    brick = put(store, address, Purpose.PREFETCH_MOVING)
    assert store.is_unused_prefetch(address)
    first = brick.mark_accessed(2)
    assert (first.purpose, first.first_brick_access, first.first_plane_access) == (
        Purpose.PREFETCH_MOVING,
        True,
        True,
    )
    assert not store.is_unused_prefetch(address)
    again = store.get(address, DTYPE)
    assert again is not None
    second = again.mark_accessed(2)
    assert (second.first_brick_access, second.first_plane_access) == (False, False)
    third = again.mark_accessed(3)
    assert (third.purpose, third.first_brick_access, third.first_plane_access) == (
        Purpose.PREFETCH_MOVING,
        False,
        True,
    )


@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_purpose_is_remembered(store: BrickStore, purpose: Purpose) -> None:
    brick = put(store, brick_at(0), purpose)
    assert brick.usage.purpose is purpose
    assert store.is_unused_prefetch(brick_at(0)) == (
        purpose in (Purpose.PREFETCH_MOVING, Purpose.PREFETCH_IDLE)
    )


def test_a_brick_that_is_requested_while_it_is_decoded(store: BrickStore) -> None:
    partial = store.begin(brick_at(0), DTYPE.itemsize, Purpose.DEMAND)
    assert partial is not None
    early = SinglePlaneBrick(values_of(brick_at(0))[1], 1, (), pending=partial)
    brick = store.commit(partial, DTYPE, ())
    assert brick is not None
    # By now the file is the cache's, and its story goes on.
    assert early.mark_accessed(1) == AccessResult(Purpose.DEMAND, True, True)
    assert brick.mark_accessed(1).first_plane_access is False
    assert brick.mark_accessed(0) == AccessResult(Purpose.DEMAND, False, True)


def test_one_of_many_is_the_first(store: BrickStore) -> None:
    put(store, brick_at(0), Purpose.PREFETCH_MOVING)
    ready = threading.Barrier(8)
    accesses = []

    def want(number: int) -> None:
        brick = store.get(brick_at(0), DTYPE)
        assert brick is not None
        ready.wait()
        for _ in range(50):
            accesses.extend((n, brick.mark_accessed(n)) for n in range(4))

    threads = [threading.Thread(target=want, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(access.first_brick_access for _, access in accesses) == 1
    for number in range(4):
        assert sum(w.first_plane_access for n, w in accesses if n == number) == 1


def test_an_unknown_purpose_counts_as_demand(tmp_path: Path) -> None:
    path = tmp_path / "story"
    path.write_bytes(bytes([99, 0, 0]))
    with path.open("r+b") as stream:
        record = BrickUsage(stream.fileno(), 0)
        assert record.purpose is Purpose.DEMAND
        assert record.mark_accessed(0).purpose is Purpose.DEMAND


def test_one_plane_in_memory_is_that_plane(store: BrickStore) -> None:
    plane = np.arange(6).reshape(2, 3)
    brick = SinglePlaneBrick(plane, 5, ())
    assert brick.plane(5) is plane
    assert brick.mark_accessed(5).first_plane_access
    with pytest.raises(IndexError):
        brick.plane(4)


def test_present_tells_which_of_many_are_there(store: BrickStore) -> None:
    for n in (0, 4):
        put(store, brick_at(n))
    keys = [brick_at(4 * n).key for n in range(1200)]
    assert store.existing(keys) == {brick_at(0).key, brick_at(4).key}
    assert store.existing([]) == frozenset()


def test_a_name_that_is_taken_is_written_over(store: BrickStore, cache: BytesCache) -> None:
    path = Path(cache.directory).parent / "other"
    path.write_bytes(b"x")
    assert cache.set(brick_at(0).key, FileToAdopt(path, b"{}"))
    assert store.get(brick_at(0), DTYPE) is None
    found = put(store, brick_at(0))
    np.testing.assert_array_equal(found.plane(1), values_of(brick_at(0))[1])
    assert cache.check() == []
