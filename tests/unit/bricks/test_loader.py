"""The brick loader: decodes once, and reports the outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.outcomes import Outcome, Provenance, Purpose, Reason
from dashboard.bricks import in_flight
from dashboard.bricks.brick import DecodeRecord, FileBrick
from dashboard.bricks.usage import AccessResult
from dashboard.catalog.volume import ReadPath
from dashboard.decoding.progressive import ProgressiveBrick
from dashboard.meter import recording
from dashboard.storage.file_lock import file_lock
from dashboard.telemetry.ledger import PREFETCH_LEAD
from tests.clock import Clock
from tests.parts import Parts
from tests.small_volume import NBYTES, VALUES, brick, same

pytestmark = pytest.mark.usefixtures("volume_file")


def test_decoded_once_and_then_found(here: Parts) -> None:
    address = brick(here, 5)
    assert not here.loader.has(address)
    first = here.load(address)
    assert first.outcome == "miss"
    same(first, 4)
    assert here.loader.has(address)
    second = here.load(address)
    assert second.outcome == "hit"
    assert isinstance(second.brick, FileBrick)
    same(second, 4)
    assert here.ledger.counted["bricks.decoded"] == 1
    assert here.ledger.counted["bricks.decoded_bytes"] == NBYTES


@pytest.mark.parametrize("dataset", ["x", "b"])
def test_both_ways_of_decoding_end_in_the_same_brick(here: Parts, dataset: str) -> None:
    path = ReadPath.CHUNKS if dataset == "x" else ReadPath.HDF5
    assert here.library.volume("data/a.h5", dataset).read_path is path
    found = here.load(brick(here, 9, dataset))
    same(found, 8)


def test_contiguous_values_become_bricks_across_the_last_dimension(here: Parts) -> None:
    (address,) = here.bricks("data/a.h5", "c", ":,:,7")
    found = here.load(address)
    for column in range(30):
        np.testing.assert_array_equal(found.brick.plane(column), VALUES[:, :, column])


def test_another_process_finds_it(here: Parts, make_parts: Callable[..., Parts]) -> None:
    here.load(brick(here, 0))
    other = make_parts()
    found = other.load(brick(other, 0))
    assert found.outcome == "hit"
    same(found, 0)


def test_decoded_ahead_is_prefetched_once_for_each_plane(here: Parts) -> None:
    address = brick(here, 0)
    here.load(address, Purpose.PREFETCH_MOVING)
    demand = [here.load(address, plane=n, counted=True).outcome for n in (1, 1, 2)]
    assert demand == ["prefetched", "hit", "prefetched"]
    counted = here.ledger.counted
    assert counted["prefetch.decoded"] == counted["prefetch.used"] == 1
    assert counted["prefetch.decoded_bytes"] == counted["prefetch.used_bytes"] == NBYTES
    assert counted["bricks.first_wanted"] == 1
    assert "prefetch.late" not in counted


def test_a_brick_decoded_ahead_saves_its_decode_and_has_a_lead(here: Parts) -> None:
    here.load(brick(here, 0), Purpose.PREFETCH_MOVING)
    counted = here.ledger.counted
    assert counted["prefetch.spent_seconds"] > 0.0
    here.load(brick(here, 0), plane=1, counted=True)
    assert 0.0 < counted["prefetch.saved_seconds"] <= counted["prefetch.spent_seconds"]
    assert here.ledger.times[PREFETCH_LEAD] >= 0.0
    saved = counted["prefetch.saved_seconds"]
    here.load(brick(here, 0), plane=2, counted=True)
    assert counted["prefetch.saved_seconds"] == saved
    # What demands decode costs no prefetching, and saves nothing.
    spent = counted["prefetch.spent_seconds"]
    here.load(brick(here, 4), counted=True)
    assert (counted["prefetch.spent_seconds"], counted["prefetch.saved_seconds"]) == (spent, saved)


def test_time_of_a_failed_decode_is_spent_without_the_pauses(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(100.0)
    here.loader.monotonic = lambda: clock.now
    monkeypatch.setattr(here.loader, "no_demand_pending", lambda: clock.now >= 150.0)

    def sleep(seconds: float) -> None:
        clock.now = 150.0

    here.loader.sleep = sleep

    def fail(file: object, address: object, target: object, pause: Callable[[], None]) -> None:
        clock.now += 3.0
        pause()
        clock.now += 2.0
        raise errors.Busy("No file.")

    reader = SimpleNamespace(read_brick=fail)
    monkeypatch.setattr(here.readers, "of", lambda volume: reader)
    with pytest.raises(errors.Busy):
        here.load(brick(here, 0), Purpose.PREFETCH_MOVING)
    assert here.ledger.counted["prefetch.spent_seconds"] == pytest.approx(5.0)


def test_a_demand_that_joined_saved_less_by_what_it_waited(here: Parts) -> None:
    account = here.store.account
    first = AccessResult(Purpose.PREFETCH_MOVING, True, True)
    decoded = DecodeRecord(ready_at=time.time(), took_s=3.0)
    account.used(first, decoded, NBYTES, 2.0)
    account.used(first, decoded, NBYTES, 9.0)
    counted = here.ledger.counted
    assert counted["prefetch.saved_seconds"] == 1.0
    assert counted["prefetch.late"] == 2
    assert here.ledger.times == {}
    # A brick of a former version.
    account.used(first, None, NBYTES, None)
    assert (counted["prefetch.used"], counted["prefetch.saved_seconds"]) == (3, 1.0)


def test_a_planned_brick_that_a_demand_decodes_was_not_begun(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = [Reason.LATE]
    monkeypatch.setattr(here.loader, "_reasons", SimpleNamespace(reason=lambda *given: reason[0]))
    here.load(brick(here, 0), counted=True)
    assert here.ledger.counted["prefetch.not_begun"] == 1
    reason[0] = Reason.TURNED
    here.load(brick(here, 4), counted=True)
    assert here.ledger.counted["prefetch.not_begun"] == 1


def test_rest_is_counted_apart(here: Parts) -> None:
    here.load(brick(here, 0), Purpose.PREFETCH_IDLE)
    here.load(brick(here, 4), Purpose.PREFETCH_IDLE)
    here.load(brick(here, 0), counted=True)
    counted = here.ledger.counted
    assert counted["prefetch.resting_bytes"] == counted["prefetch.decoded_bytes"] == 2 * NBYTES
    assert counted["prefetch.resting_used_bytes"] == counted["prefetch.used_bytes"] == NBYTES


def test_a_plane_seen_in_a_brick_of_demand_is_a_hit(here: Parts) -> None:
    address = brick(here, 0)
    assert here.load(address, plane=0, counted=True).outcome == "miss"
    assert here.load(address, plane=1, counted=True).outcome == "hit"
    assert here.ledger.counted["bricks.first_wanted"] == 1
    assert "prefetch.decoded" not in here.ledger.counted


def test_who_is_not_counted_leaves_no_trace(here: Parts) -> None:
    address = brick(here, 0)
    here.load(address, Purpose.PREFETCH_MOVING)
    assert here.load(address, plane=1).outcome == "hit"
    assert here.load(address, plane=1, counted=True).outcome == "prefetched"
    assert "bricks.first_wanted" in here.ledger.counted


def test_what_demand_decoded_itself_is_no_use_of_prefetching(here: Parts) -> None:
    here.load(brick(here, 0), counted=True)
    assert here.ledger.counted["bricks.first_wanted"] == 1
    assert "prefetch.used" not in here.ledger.counted


def test_the_stages_of_a_miss(here: Parts) -> None:
    address = brick(here, 0)
    here.index(here.library.volume("data/a.h5", "x"))
    with recording("cache") as record:
        here.load(address)
    assert {"cache", "read", "decode"} <= set(record.seconds)
    assert sum(record.seconds.values()) == pytest.approx(record.total_s, rel=0.05)


@pytest.mark.usefixtures("part_by_part")
def test_a_large_brick_shows_its_plane_first(
    make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 1)
    here = make_parts(arena_bytes=2**20)
    address = brick(here, 6)
    go_on = threading.Event()
    lay_down = here.decoder.write_planes

    def slow(*arguments: Any) -> None:
        assert go_on.wait(60)
        lay_down(*arguments)

    monkeypatch.setattr(here.decoder, "write_planes", slow)
    first = here.load(address, plane=2, counted=True)
    assert first.outcome == "miss"
    np.testing.assert_array_equal(first.brick.plane(2), VALUES[6])
    assert not here.loader.has(address)
    with ThreadPoolExecutor(1) as pool:
        # A plane that is decoded by now is there at once, a deeper one waits for its chunks; another
        # brick is decoded beside it.
        found = here.load(address, plane=1, counted=True)
        assert found.outcome == "hit"
        np.testing.assert_array_equal(found.brick.plane(1), VALUES[5])
        waits, borrowed = threading.Event(), threading.Event()
        taking, close = ProgressiveBrick.borrow_plane, ProgressiveBrick.close

        @contextmanager
        def noted(in_progress: ProgressiveBrick, plane: int, timeout_s: float) -> Iterator[Any]:
            waits.set()
            with taking(in_progress, plane, timeout_s) as values:
                borrowed.set()
                yield values

        def closed_later(in_progress: ProgressiveBrick) -> None:
            assert borrowed.wait(60)
            close(in_progress)

        monkeypatch.setattr(ProgressiveBrick, "borrow_plane", noted)
        monkeypatch.setattr(ProgressiveBrick, "close", closed_later)
        later = pool.submit(here.load, address, plane=3, counted=True)
        assert waits.wait(60)
        same(here.load(brick(here, 0)), 0)
        assert not later.done()
        go_on.set()
        found = later.result()
    assert found.outcome == "coalesced"
    np.testing.assert_array_equal(found.brick.plane(3), VALUES[7])
    assert found.brick.mark_accessed(2).first_plane_access is False
    here.loader.close()
    kept = here.store.get(address, np.dtype("u2"))
    assert kept is not None
    assert [kept.mark_accessed(plane).first_plane_access for plane in range(4)] == [
        True,
        False,
        False,
        False,
    ]
    assert here.ledger.counted["bricks.decoded"] == 2
    assert here.ledger.counted["bricks.first_wanted"] == 1


def test_a_decoded_brick_is_written_at_the_end(
    make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 1)
    here = make_parts(arena_bytes=2**20)
    for plane in (0, 4, 8):
        here.load(brick(here, plane), plane=1)
    here.loader.close()
    for plane in (0, 4, 8):
        found = here.store.get(brick(here, plane), np.dtype("u2"))
        assert found is not None
        np.testing.assert_array_equal(found.plane(3), VALUES[plane + 3])
    assert list((here.home / "partial").iterdir()) == []
    assert list((here.home / "locks").iterdir()) == []


@pytest.mark.parametrize("trouble", ["full disk", "something else", "file changed"])
def test_a_progressive_brick_that_fails_frees_its_buffers(
    make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 1)
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
        patch.setattr(
            here.decoder, "decode_to" if trouble == "file changed" else "write_planes", fail
        )
        if trouble == "file changed":
            with pytest.raises(errors.Changed):
                here.load(address, plane=2)
        else:
            found = here.load(address, plane=2)
            np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
        # The lock is free again, and so is the memory.
        with file_lock(here.home / "locks" / f"{address.key}.lock", 60.0):
            pass
        assert not here.loader.in_use
    assert list((here.home / "partial").iterdir()) == []


def test_the_lead_is_what_decoding_took_lately(here: Parts) -> None:
    volume = here.library.volume("data/a.h5", "x")
    guess = here.loader.estimate_decode_s(volume, NBYTES)
    assert guess == pytest.approx(NBYTES / 4e8)
    here.load(brick(here, 0))
    assert here.loader.estimate_decode_s(volume, NBYTES) != guess
    assert here.loader.estimate_decode_s(volume, 2 * NBYTES) == pytest.approx(
        2 * here.loader.estimate_decode_s(volume, NBYTES)
    )


@pytest.mark.usefixtures("part_by_part")
def test_a_brick_that_came_into_the_cache_while_it_was_waited_for_is_coalesced(
    make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 1)
    here = make_parts(arena_bytes=2**20)
    address = brick(here, 6)
    go_on = threading.Event()
    write_planes = here.decoder.write_planes

    def slow(*arguments: Any) -> None:
        assert go_on.wait(60)
        write_planes(*arguments)

    @contextmanager
    def closed(*_: Any) -> Iterator[None]:
        """As for who wakes when the brick in flight is closed."""
        go_on.set()
        here.loader.close()
        yield None

    monkeypatch.setattr(here.decoder, "write_planes", slow)
    assert here.load(address, plane=2, counted=True).outcome == "miss"
    monkeypatch.setattr(ProgressiveBrick, "borrow_plane", closed)
    found = here.load(address, plane=3, counted=True)
    assert found.provenance == Provenance(Outcome.COALESCED, Reason.FIRST, own=True)
    np.testing.assert_array_equal(found.brick.plane(3), VALUES[7])
