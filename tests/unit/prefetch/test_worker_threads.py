"""A file that keeps the prefetch worker waiting delays the viewers of that file alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dashboard.addressing.addresses import BrickAddress
from dashboard.blocking import about_to_block
from dashboard.prefetch.plan_resolver import ResolvedPlan
from dashboard.prefetch.viewer_plan import ViewerPlan
from dashboard.prefetch.worker import MAX_WAITING, Worker
from tests.prefetching import World
from tests.waits import WITHIN_S


class Stall:
    """Work on files named "slow…" waits for an HDF5 worker until `release`."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.entered = threading.Semaphore(0)
        self.files: list[str] = []

    def __call__(self, file: str) -> None:
        if file.startswith("slow"):
            self.files.append(file)
            about_to_block()
            self.entered.release()
            assert self.release.wait(WITHIN_S)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.entered.acquire(timeout=WITHIN_S)


def stalling_worker(world: World, stall: Stall) -> Worker:
    """A worker whose plans are resolved with `stall`."""

    def resolve(plan: ViewerPlan) -> ResolvedPlan:
        stall(plan.file)
        return world.resolve(plan)

    return Worker(world.board, resolve, world, world.ledger, clock=world.clock)


def decoded(world: World, file: str) -> int:
    return sum(name == file for name, _, _ in world.decoded)


def wait_for(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(int(WITHIN_S / 0.01)):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("it does not hold in time")


@contextmanager
def running(world: World, worker: Worker, stall: Stall) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stall.release.set()
        stop.set()
        thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_a_brick_that_waits_for_an_hdf5_worker_delays_no_other_file(world: World) -> None:
    stall = Stall()

    def during(address: BrickAddress) -> None:
        stall(address.volume.file)

    world.during = during
    world.view("slow", 1000)
    with running(world, world.worker, stall):
        stall.wait_for(1)
        world.view("ann", 1000)
        wait_for(lambda: decoded(world, "ann.h5") == 8)
        assert decoded(world, "slow.h5") == 0
        # Meanwhile no other thread waits for the same file.
        assert stall.files == ["slow.h5"]
        # The marker of the last brick is removed after the brick is decoded.
        wait_for(lambda: len(world.board.in_flight()) == 1)
        stall.release.set()
        wait_for(lambda: decoded(world, "slow.h5") == 8)
    assert world.board.in_flight() == frozenset()


def test_a_plan_whose_file_waits_for_an_hdf5_worker_delays_no_other(world: World) -> None:
    stall = Stall()
    worker = stalling_worker(world, stall)
    world.view("slow", 1000)
    with running(world, worker, stall):
        stall.wait_for(1)
        world.view("ann", 1000)
        wait_for(lambda: decoded(world, "ann.h5") == 8)
        assert stall.files == ["slow.h5"]


def test_threads_that_wait_are_bounded(world: World) -> None:
    stall = Stall()
    worker = stalling_worker(world, stall)
    for number in range(MAX_WAITING + 2):
        world.view(f"slow{number}", 1000)
    with running(world, worker, stall):
        stall.wait_for(MAX_WAITING + 1)
        successors = [one for one in threading.enumerate() if one.name == "prefetch"]
        assert len(successors) == MAX_WAITING
        assert len(stall.files) == MAX_WAITING + 1
