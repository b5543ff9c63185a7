"""Concurrent loads of one brick: one decodes, the others wait or yield."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dashboard import errors
from dashboard.addressing.outcomes import Outcome, Provenance, Purpose, Reason
from dashboard.addressing.requester import Requester
from dashboard.bricks import loader as module
from dashboard.meter import recording
from dashboard.prefetch.miss_reasons import MissReasons
from dashboard.storage.file_lock import file_lock, remove_stale_locks
from tests.parts import Parts
from tests.small_volume import brick, same

pytestmark = pytest.mark.usefixtures("volume_file")


@contextmanager
def slow_decode(here: Parts, monkeypatch: pytest.MonkeyPatch) -> Any:
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


def test_many_cold_requests_are_one_decode(here: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    address = brick(here, 0)
    waiting = threading.Semaphore(0)
    hold = module.file_lock

    def noted(path: Path, timeout_s: float, *, on_wait: Any = None) -> Any:
        return hold(path, timeout_s, on_wait=lambda fd: (waiting.release(), on_wait(fd)))

    monkeypatch.setattr(module, "file_lock", noted)
    with slow_decode(here, monkeypatch) as (begun, go_on), ThreadPoolExecutor(50) as pool:
        futures = [pool.submit(here.load, address, counted=True) for _ in range(50)]
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


def noted_wait(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as a thread waits for the lock."""
    waiting = threading.Event()
    hold = module.file_lock

    def noted(path: Path, timeout_s: float, *, on_wait: Any = None) -> Any:
        def wait(fd: int) -> None:
            on_wait(fd)
            waiting.set()

        return hold(path, timeout_s, on_wait=None if on_wait is None else wait)

    monkeypatch.setattr(module, "file_lock", noted)
    return waiting


def test_a_demand_while_the_brick_is_prefetched_is_late(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = brick(here, 0)
    waiting = noted_wait(monkeypatch)
    with slow_decode(here, monkeypatch) as (begun, go_on), ThreadPoolExecutor(2) as pool:
        ahead = pool.submit(here.load, address, Purpose.PREFETCH_MOVING)
        assert begun.wait(60)
        demand = pool.submit(here.load, address, counted=True)
        assert waiting.wait(60)
        go_on.set()
        assert ahead.result().outcome == "miss"
        assert demand.result().provenance == Provenance(Outcome.COALESCED, Reason.LATE)
    counted = here.ledger.counted
    assert counted["prefetch.late"] == counted["prefetch.used"] == 1


@pytest.mark.parametrize("viewer", ["ann", "bob"])
def test_who_waits_has_the_reason_of_the_decode(
    here: Parts, monkeypatch: pytest.MonkeyPatch, viewer: str
) -> None:
    address = brick(here, 0)
    volume = here.library.volume(address.volume.file, address.volume.dataset)
    waiting = noted_wait(monkeypatch)

    def load(viewer: str) -> Provenance:
        return here.loader.load(volume, address, Requester(Purpose.DEMAND, viewer)).provenance

    with slow_decode(here, monkeypatch) as (begun, go_on), ThreadPoolExecutor(2) as pool:
        first = pool.submit(load, "ann")
        assert begun.wait(60)
        # Whatever would be found now is not why the brick is being decoded.
        monkeypatch.setattr(MissReasons, "reason", lambda *_: Reason.JUMPED)
        other = pool.submit(load, viewer)
        assert waiting.wait(60)
        go_on.set()
        assert first.result() == Provenance(Outcome.MISS, Reason.FIRST)
        found = other.result()
    assert found == Provenance(Outcome.COALESCED, Reason.FIRST, own=viewer == "ann")


def test_waiting_is_bounded_and_booked(make_parts: Callable[..., Parts]) -> None:
    here = make_parts(wait_s=0.05)
    address = brick(here, 0)
    locks = here.home / "locks"
    with file_lock(locks / f"{address.key}.lock", 1.0):
        with recording("cache") as record, pytest.raises(errors.Busy) as caught:
            here.load(address)
        assert caught.value.status == 503
        assert "try again" in caught.value.message
        assert record.seconds["wait"] >= 0.04
        found = here.load(brick(here, 4))
        same(found, 4)
    same(here.load(address), 0)


def test_background_work_steps_aside_for_demand(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    decode = here.decoder.decode
    inside, leave = threading.Event(), threading.Event()

    def watched(file: Any, address: Any, sink: Any, yields: Any = None) -> Any:
        if yields is None:
            inside.set()
            assert leave.wait(60)
        return decode(file, address, sink, yields)

    def sleep(seconds: float) -> None:
        steps.append("aside")
        leave.set()

    monkeypatch.setattr(here.decoder, "decode", watched)
    here.loader.sleep = sleep
    with ThreadPoolExecutor(1) as pool:
        demand = pool.submit(here.load, brick(here, 0))
        assert inside.wait(60)
        same(here.load(brick(here, 4), Purpose.PREFETCH_MOVING), 4)
        assert steps, "it did not yield"
        same(demand.result(), 0)


def test_what_somebody_waits_for_does_not_step_aside(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError("it yielded")

    here.loader.sleep = sleep
    address = brick(here, 4)
    waiting = noted_wait(monkeypatch)
    gate = here.loader.demand_signal
    with slow_decode(here, monkeypatch) as (begun, go_on), ThreadPoolExecutor(2) as pool:
        ahead = pool.submit(here.load, address, Purpose.PREFETCH_MOVING)
        assert begun.wait(60)
        demand = pool.submit(here.load, address)
        assert waiting.wait(60)
        with gate.demand():
            go_on.set()
            same(ahead.result(), 4)
        same(demand.result(), 4)


def test_stale_locks_are_removed_and_locked_ones_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    old, young, taken, other = (
        folder / name for name in ("old.lock", "young.lock", "taken.lock", "bricks.room")
    )
    for path in (old, young, taken, other):
        path.touch()
    for path in (old, taken, other):
        os.utime(path, (1, 1))
    with file_lock(taken, 1.0):
        os.utime(taken, (1, 1))
        remove_stale_locks(folder, 3600.0)
        assert sorted(p.name for p in folder.iterdir()) == [
            "bricks.room",
            "taken.lock",
            "young.lock",
        ]
