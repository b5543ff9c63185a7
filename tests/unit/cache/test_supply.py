"""The one way to get a brick: decoded once, told apart by how it was come by, right when trouble comes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.cache import supply as module
from dashboard.cache.bricks import FileBrick, PlaneBrick, Purpose
from dashboard.cache.supply import NoRoom, remove_stale_locks
from dashboard.storage.locks import exclusive
from dashboard.telemetry.meter import recording
from tests import files
from tests.parts import Parts

SHAPE = (12, 30, 30)
VALUES = files.made_up("<u2", SHAPE)
HOW = {"chunks": (4, 10, 10), "compression": "gzip"}
NBYTES = 4 * 30 * 30 * 2


@pytest.fixture(autouse=True)
def volume_file(data: Path) -> Path:
    return files.write(
        data / "a.h5",
        x=(VALUES, HOW),
        b=(VALUES, {"chunks": (4, 10, 10), **files.CHUNKED["blosc2"]}),
        c=VALUES,
    )


def brick(here: Parts, plane: int, dataset: str = "x") -> Any:
    """The brick that holds a plane."""
    (address,) = here.bricks("data/a.h5", dataset, f"{plane},:,:")
    return address


def same(found: Any, first: int) -> None:
    """That a supplied brick holds four planes from `first` on."""
    for number in range(4):
        np.testing.assert_array_equal(found.brick.plane(number), VALUES[first + number])


@contextmanager
def held_up(here: Parts, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Decoding begins and does not end before `go_on` is set."""
    begun, go_on = threading.Event(), threading.Event()
    decode = here.decoder.decode

    def slow(*arguments: Any, **more: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return decode(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(here.decoder, "decode", slow)
        try:
            yield begun, go_on
        finally:
            go_on.set()


def test_decoded_once_and_then_found(here: Parts) -> None:
    address = brick(here, 5)
    assert not here.supply.has(address)
    first = here.supply.get_or_decode(address)
    assert first.outcome == "miss"
    same(first, 4)
    assert here.supply.has(address)
    second = here.supply.get_or_decode(address)
    assert second.outcome == "hit"
    assert isinstance(second.brick, FileBrick)
    same(second, 4)
    assert here.ledger.counted["bricks.decoded"] == 1
    assert here.ledger.counted["bricks.decoded_bytes"] == NBYTES


@pytest.mark.parametrize("dataset", ["x", "b"])
def test_both_ways_of_decoding_end_in_the_same_brick(here: Parts, dataset: str) -> None:
    assert here.library.volume("data/a.h5", dataset).fast == (dataset == "x")
    found = here.supply.get_or_decode(brick(here, 9, dataset))
    same(found, 8)


def test_contiguous_values_become_bricks_across_the_last_dimension(here: Parts) -> None:
    (address,) = here.bricks("data/a.h5", "c", ":,:,7")
    found = here.supply.get_or_decode(address)
    for column in range(30):
        np.testing.assert_array_equal(found.brick.plane(column), VALUES[:, :, column])


def test_another_process_finds_it(here: Parts, make_parts: Callable[..., Parts]) -> None:
    here.supply.get_or_decode(brick(here, 0))
    other = make_parts()
    found = other.supply.get_or_decode(brick(other, 0))
    assert found.outcome == "hit"
    same(found, 0)


def test_decoded_ahead_is_prefetched_once_for_each_plane(here: Parts) -> None:
    address = brick(here, 0)
    here.supply.get_or_decode(address, Purpose.AHEAD)
    demand = [here.supply.get_or_decode(address, plane=n, counted=True).outcome for n in (1, 1, 2)]
    assert demand == ["prefetched", "hit", "prefetched"]
    counted = here.ledger.counted
    assert counted["prefetch.decoded"] == counted["prefetch.used"] == 1
    assert counted["prefetch.decoded_bytes"] == counted["prefetch.used_bytes"] == NBYTES
    assert counted["bricks.first_wanted"] == 1
    assert "prefetch.late" not in counted


def test_rest_is_counted_apart(here: Parts) -> None:
    here.supply.get_or_decode(brick(here, 0), Purpose.RESTING)
    here.supply.get_or_decode(brick(here, 4), Purpose.RESTING)
    here.supply.get_or_decode(brick(here, 0), counted=True)
    counted = here.ledger.counted
    assert counted["prefetch.resting_bytes"] == counted["prefetch.decoded_bytes"] == 2 * NBYTES
    assert counted["prefetch.resting_used_bytes"] == counted["prefetch.used_bytes"] == NBYTES


def test_a_plane_seen_in_a_brick_of_demand_is_a_hit(here: Parts) -> None:
    address = brick(here, 0)
    assert here.supply.get_or_decode(address, plane=0, counted=True).outcome == "miss"
    assert here.supply.get_or_decode(address, plane=1, counted=True).outcome == "hit"
    assert here.ledger.counted["bricks.first_wanted"] == 1
    assert "prefetch.decoded" not in here.ledger.counted


def test_who_is_not_counted_leaves_no_trace(here: Parts) -> None:
    address = brick(here, 0)
    here.supply.get_or_decode(address, Purpose.AHEAD)
    assert here.supply.get_or_decode(address, plane=1).outcome == "hit"
    assert here.supply.get_or_decode(address, plane=1, counted=True).outcome == "prefetched"
    assert "bricks.first_wanted" in here.ledger.counted


def test_what_demand_decoded_itself_is_no_use_of_prefetching(here: Parts) -> None:
    here.supply.get_or_decode(brick(here, 0), counted=True)
    assert here.ledger.counted["bricks.first_wanted"] == 1
    assert "prefetch.used" not in here.ledger.counted


def test_many_cold_requests_are_one_decode(here: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    address = brick(here, 0)
    waiting = threading.Semaphore(0)
    hold = module.exclusive

    def noted(path: Path, timeout_s: float, *, on_wait: Any = None) -> Any:
        return hold(path, timeout_s, on_wait=lambda fd: (waiting.release(), on_wait(fd)))

    monkeypatch.setattr(module, "exclusive", noted)
    with held_up(here, monkeypatch) as (begun, go_on), ThreadPoolExecutor(50) as pool:
        futures = [pool.submit(here.supply.get_or_decode, address, counted=True) for _ in range(50)]
        assert begun.wait(60)
        for _ in range(49):
            assert waiting.acquire(timeout=60)
        go_on.set()
        found = [future.result() for future in futures]
    assert here.ledger.counted["bricks.decoded"] == 1
    assert here.ledger.counted["bricks.first_wanted"] == 1
    outcomes = [f.outcome for f in found]
    assert sorted(set(outcomes)) == ["coalesced", "miss"]
    assert outcomes.count("miss") == 1
    for one in found:
        same(one, 0)
    assert list((here.home / "locks").iterdir()) == []


def test_what_is_wanted_while_it_is_decoded_ahead_is_late(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = brick(here, 0)
    waiting = threading.Event()
    hold = module.exclusive

    def noted(path: Path, timeout_s: float, *, on_wait: Any = None) -> Any:
        def wait(fd: int) -> None:
            on_wait(fd)
            waiting.set()

        return hold(path, timeout_s, on_wait=None if on_wait is None else wait)

    monkeypatch.setattr(module, "exclusive", noted)
    with held_up(here, monkeypatch) as (begun, go_on), ThreadPoolExecutor(2) as pool:
        ahead = pool.submit(here.supply.get_or_decode, address, Purpose.AHEAD)
        assert begun.wait(60)
        demand = pool.submit(here.supply.get_or_decode, address, counted=True)
        assert waiting.wait(60)
        go_on.set()
        assert ahead.result().outcome == "miss"
        assert demand.result().outcome == "coalesced"
    counted = here.ledger.counted
    assert counted["prefetch.late"] == counted["prefetch.used"] == 1


def test_waiting_is_bounded_and_booked(make_parts: Callable[..., Parts]) -> None:
    here = make_parts(wait_s=0.05)
    address = brick(here, 0)
    locks = here.home / "locks"
    with exclusive(locks / f"{address.key}.lock", 1.0):
        with recording("cache") as record, pytest.raises(errors.Busy) as caught:
            here.supply.get_or_decode(address)
        assert caught.value.status == 503
        assert "try again" in caught.value.message
        assert record.seconds["wait"] >= 0.04
        found = here.supply.get_or_decode(brick(here, 4))
        same(found, 4)
    same(here.supply.get_or_decode(address), 0)


def test_the_stages_of_a_miss(here: Parts) -> None:
    address = brick(here, 0)
    here.library.index(here.library.volume("data/a.h5", "x"))
    with recording("cache") as record:
        here.supply.get_or_decode(address)
    assert {"cache", "read", "decode"} <= set(record.seconds)
    assert sum(record.seconds.values()) == pytest.approx(record.total_s, rel=0.05)


def test_background_work_steps_aside_for_demand(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    decode = here.decoder.decode
    inside, leave = threading.Event(), threading.Event()

    def watched(volume: Any, address: Any, sink: Any, step_aside: Any = None) -> Any:
        if step_aside is None:
            inside.set()
            assert leave.wait(60)
        return decode(volume, address, sink, step_aside)

    def sleep(seconds: float) -> None:
        steps.append("aside")
        leave.set()

    monkeypatch.setattr(here.decoder, "decode", watched)
    here.supply._sleep = sleep
    with ThreadPoolExecutor(1) as pool:
        demand = pool.submit(here.supply.get_or_decode, brick(here, 0))
        assert inside.wait(60)
        same(here.supply.get_or_decode(brick(here, 4), Purpose.AHEAD), 4)
        assert steps, "it did not give way"
        same(demand.result(), 0)


def test_what_somebody_waits_for_does_not_step_aside(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError("it stepped aside")

    here.supply._sleep = sleep
    address = brick(here, 4)
    waiting = threading.Event()
    hold = module.exclusive

    def noted(path: Path, timeout_s: float, *, on_wait: Any = None) -> Any:
        def wait(fd: int) -> None:
            on_wait(fd)
            waiting.set()

        return hold(path, timeout_s, on_wait=None if on_wait is None else wait)

    monkeypatch.setattr(module, "exclusive", noted)
    gate = here.supply._gate
    with held_up(here, monkeypatch) as (begun, go_on), ThreadPoolExecutor(2) as pool:
        ahead = pool.submit(here.supply.get_or_decode, address, Purpose.AHEAD)
        assert begun.wait(60)
        demand = pool.submit(here.supply.get_or_decode, address)
        assert waiting.wait(60)
        with gate.busy():
            go_on.set()
            same(ahead.result(), 4)
        same(demand.result(), 4)


def test_a_brick_of_an_older_state_is_refused(here: Parts, data: Path) -> None:
    old = brick(here, 0)
    here.supply.get_or_decode(old)
    files.write(data / "a.h5", x=(VALUES + 1, HOW))
    with pytest.raises(errors.Changed):
        here.supply.get_or_decode(old)
    new = brick(here, 0)
    found = here.supply.get_or_decode(new)
    assert found.outcome == "miss"
    np.testing.assert_array_equal(found.brick.plane(0), VALUES[0] + 1)


@pytest.mark.parametrize("dataset", ["x", "b"])
def test_a_change_while_it_is_decoded_keeps_nothing(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch, dataset: str
) -> None:
    address = brick(here, 0, dataset)
    here.library.index(here.library.volume("data/a.h5", "x"))
    verify = here.library.verify
    calls = []

    def meddling(volume: Any) -> None:
        calls.append(volume)
        if len(calls) == 2:
            os.utime(data / "a.h5")
        verify(volume)

    monkeypatch.setattr(here.library, "verify", meddling)
    with pytest.raises(errors.Changed):
        here.supply.get_or_decode(address)
    assert here.disk.totals() == (0, 0)
    assert list((here.home / "partial").iterdir()) == []
    assert list((here.home / "locks").iterdir()) == []


def test_a_damaged_chunk_is_kept_with_the_brick(here: Parts, data: Path) -> None:
    files.damage(data / "a.h5", "x", (4, 10, 20))
    first = here.supply.get_or_decode(brick(here, 4))
    again = here.supply.get_or_decode(brick(here, 4))
    assert [b.corner for b in first.brick.bad] == [(4, 10, 20)]
    assert again.brick.bad == first.brick.bad


def test_without_space_demand_gets_its_plane_and_nothing_is_kept(
    make_parts: Callable[..., Parts],
) -> None:
    here = make_parts(floor=2**60)
    for dataset in ("x", "b"):
        address = brick(here, 6, dataset)
        found = here.supply.get_or_decode(address, plane=2, counted=True)
        assert isinstance(found.brick, PlaneBrick)
        assert found.outcome == "miss"
        np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
        for purpose in (Purpose.AHEAD, Purpose.RESTING, Purpose.WARM):
            with pytest.raises(NoRoom):
                here.supply.get_or_decode(address, purpose)
    assert here.disk.totals() == (0, 0)
    assert list((here.home / "partial").iterdir()) == []


def test_without_space_planes_of_more_dimensions_are_right(
    make_parts: Callable[..., Parts], data: Path
) -> None:
    here = make_parts(floor=2**60)
    values = files.made_up("<i2", (3, 4, 7, 5, 6))
    chunks = (2, 3, 7, 2, 6)
    how = {"chunks": chunks, **files.CHUNKED["blosc2"]}
    files.write(data / "deep.h5", fast=(values, {"chunks": chunks}), slow=(values, how))
    for dataset in ("fast", "slow"):
        answer = here.frame("data/deep.h5", dataset, "2,:,5,1,:")
        assert answer.frame.body == values[2, :, 5, 1, :].tobytes(), dataset


def test_a_brick_too_large_for_the_cache_is_shown_uncached(
    make_parts: Callable[..., Parts],
) -> None:
    here = make_parts(limit=NBYTES // 2)
    found = here.supply.get_or_decode(brick(here, 6), plane=2)
    np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
    assert here.disk.totals() == (0, 0)


@pytest.mark.parametrize("dataset", ["x", "b"])
def test_a_disk_that_fills_up_while_a_brick_is_written(
    here: Parts, monkeypatch: pytest.MonkeyPatch, dataset: str
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    address = brick(here, 6, dataset)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        patch.setattr(os, "posix_fallocate", full)
        found = here.supply.get_or_decode(address, plane=2)
    np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
    assert here.disk.totals() == (0, 0)
    assert list((here.home / "partial").iterdir()) == []
    # It rests for a while before it tries to write again.
    assert isinstance(here.supply.get_or_decode(address, plane=2).brick, PlaneBrick)


def test_a_source_that_cannot_be_read_is_no_full_disk(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> int:
        raise OSError(5, "Input/output error")

    address = brick(here, 0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", fail)
        found = here.supply.get_or_decode(address)
        assert len(found.brick.bad) == 9
        assert "Input/output error" in found.brick.bad[0].reason
    found = here.supply.get_or_decode(brick(here, 4))
    assert isinstance(found.brick, FileBrick), "it took the disk for full"


def test_a_cache_that_cannot_be_written_is_done_without(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(type(here.disk), "_sql", property(lambda self: fail))
        found = here.supply.get_or_decode(brick(here, 6), plane=2)
        np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
    same(here.supply.get_or_decode(brick(here, 4)), 4)


def test_a_large_brick_shows_its_plane_first(
    make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_FROM_BYTES", 1)
    here = make_parts(arena_bytes=2**20)
    address = brick(here, 6)
    go_on = threading.Event()
    lay_down = here.decoder.lay_down

    def slow(*arguments: Any) -> None:
        assert go_on.wait(60)
        lay_down(*arguments)

    monkeypatch.setattr(here.decoder, "lay_down", slow)
    first = here.supply.get_or_decode(address, plane=2, counted=True)
    assert first.outcome == "miss"
    np.testing.assert_array_equal(first.brick.plane(2), VALUES[6])
    assert not here.supply.has(address)
    with ThreadPoolExecutor(1) as pool:
        # Another plane of it waits for the brick; another brick is decoded beside it.
        later = pool.submit(here.supply.get_or_decode, address, plane=3, counted=True)
        same(here.supply.get_or_decode(brick(here, 0)), 0)
        assert not later.done()
        go_on.set()
        found = later.result()
    assert found.outcome == "coalesced"
    same(found, 4)
    assert found.brick.want(2).first_of_plane is False
    assert here.ledger.counted["bricks.decoded"] == 2
    assert here.ledger.counted["bricks.first_wanted"] == 1


def test_what_was_held_is_kept_at_the_end(
    make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_FROM_BYTES", 1)
    here = make_parts(arena_bytes=2**20)
    for plane in (0, 4, 8):
        here.supply.get_or_decode(brick(here, plane), plane=1)
    here.supply.close()
    for plane in (0, 4, 8):
        found = here.store.get(brick(here, plane), np.dtype("u2"))
        assert found is not None
        np.testing.assert_array_equal(found.plane(3), VALUES[plane + 3])
    assert list((here.home / "partial").iterdir()) == []
    assert list((here.home / "locks").iterdir()) == []


@pytest.mark.parametrize("trouble", ["full disk", "something else", "file changed"])
def test_trouble_with_a_held_brick_frees_what_it_held(
    make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(module, "HELD_FROM_BYTES", 1)
    here = make_parts(arena_bytes=2**20)
    address = brick(here, 6)
    error = {
        "full disk": OSError(28, "No space left on device"),
        "something else": RuntimeError("broken"),
        "file changed": errors.Changed("It changed."),
    }[trouble]

    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(here.decoder, "hold" if trouble == "file changed" else "lay_down", fail)
        if trouble == "file changed":
            with pytest.raises(errors.Changed):
                here.supply.get_or_decode(address, plane=2)
        else:
            found = here.supply.get_or_decode(address, plane=2)
            np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
        # The lock is free again, and so is the memory.
        with exclusive(here.home / "locks" / f"{address.key}.lock", 60.0):
            pass
        assert here.supply._arena.acquire(1) is not None
        here.supply._arena.release()
    assert list((here.home / "partial").iterdir()) == []


def test_stale_locks_are_removed_and_held_ones_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    old, young, taken, other = (
        folder / name for name in ("old.lock", "young.lock", "taken.lock", "bricks.room")
    )
    for path in (old, young, taken, other):
        path.touch()
    for path in (old, taken, other):
        os.utime(path, (1, 1))
    with exclusive(taken, 1.0):
        os.utime(taken, (1, 1))
        remove_stale_locks(folder, 3600.0)
        assert sorted(p.name for p in folder.iterdir()) == [
            "bricks.room",
            "taken.lock",
            "young.lock",
        ]


def test_the_lead_is_what_decoding_took_lately(here: Parts) -> None:
    volume = here.library.volume("data/a.h5", "x")
    guess = here.supply.lead_s(volume, NBYTES)
    assert guess == pytest.approx(NBYTES / 4e8)
    here.supply.get_or_decode(brick(here, 0))
    assert here.supply.lead_s(volume, NBYTES) != guess
    assert here.supply.lead_s(volume, 2 * NBYTES) == pytest.approx(
        2 * here.supply.lead_s(volume, NBYTES)
    )


def test_a_virtual_dataset_changes_with_its_sources(here: Parts, data: Path) -> None:
    with h5py.File(data / "v.h5", "w") as file:
        layout = h5py.VirtualLayout(SHAPE, "<u2")
        layout[...] = h5py.VirtualSource("a.h5", "x", SHAPE)
        file.create_virtual_dataset("v", layout)
    (old,) = here.bricks("data/v.h5", "v", "0,:,:")
    np.testing.assert_array_equal(here.supply.get_or_decode(old).brick.plane(0), VALUES[0])
    files.write(data / "a.h5", x=(VALUES + 1, HOW))
    with pytest.raises(errors.Changed):
        here.supply.get_or_decode(old)
    (new,) = here.bricks("data/v.h5", "v", "0,:,:")
    assert new.key != old.key
    np.testing.assert_array_equal(here.supply.get_or_decode(new).brick.plane(0), VALUES[0] + 1)


def test_an_address_made_up_is_refused(here: Parts) -> None:
    address = brick(here, 0)
    made_up = replace(address, volume=replace(address.volume, sources="x"))
    with pytest.raises(errors.Changed):
        here.supply.get_or_decode(made_up)
    assert here.disk.totals() == (0, 0)
