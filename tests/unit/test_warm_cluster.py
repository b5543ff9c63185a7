"""Warming on several machines: jobs for all layers, some at a time, also while machines and the store fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.cli import warm_cluster
from dashboard.cli.warm_cluster import (
    AWAY_S,
    GONE_S,
    MOST_TRIES,
    OF_MACHINE,
    ClusterWarming,
    Layer,
    layers,
)
from dashboard.errors import SetupError
from dashboard.jobs.job import Job, State, Warm, new_id
from dashboard.jobs.queue import JobQueue
from dashboard.prefetch.exchange import slab_of_brick
from dashboard.runtime.container import build_services
from dashboard.settings import Settings
from tests import files
from tests.clock import Clock
from tests.rows import MemoryRows

MACHINES = ("a", "b", "c")


class Machines:
    """Machines that share a queue, each of which does one job in each turn, and a balancer in front of them."""

    def __init__(self, clock: Clock) -> None:
        self.rows = MemoryRows(clock)
        self.queue = JobQueue(self.rows, clock)
        self.clock = clock
        self.there = set(MACHINES)
        self.stopped: set[str] = set()
        self.fails = False
        self.done: list[str] = []
        self.most = 0

    def send(self, layer: Layer) -> str | None:
        if self.fails:
            return None
        there = sorted(self.there)
        node = there[int(layer.slab, 16) % len(there)]
        job = Job(
            id=new_id(),
            file="f",
            dataset="d",
            fingerprint=(1,),
            what=Warm(fixed=(0,), start=layer.body["start"], stop=layer.body["start"] + 1),
            of=layer.bricks,
            nbytes=1,
            asked_at=self.clock(),
        )
        added = JobQueue(self.rows, self.clock, node).add(job, 10**9)
        self.most = max(self.most, len(self.queue.jobs()))
        return added.id

    def turn(self, seconds: float) -> None:
        """What is done while the command sleeps."""
        self.clock.pass_(seconds)
        for node in self.there - self.stopped:
            jobs = [one for one in self.queue.jobs() if one.node == node]
            job = next((one for one in jobs if not one.state.is_final), None)
            if job is not None:
                made = {"state": State.DONE, "done": job.of, "decoded": job.of}
                assert self.queue.update(job, job.model_copy(update=made))
                assert isinstance(job.what, Warm)
                self.done.append(f"{node} {job.what.start}")


@pytest.fixture
def machines() -> Machines:
    return Machines(Clock())


@pytest.fixture
def warming(machines: Machines) -> Callable[..., ClusterWarming]:
    def make(count: int, turn: Callable[[float], None] = machines.turn) -> ClusterWarming:
        ahead = (Layer({"start": n}, f"{n * 7919:08x}", 2) for n in range(count))
        return ClusterWarming(
            machines.queue,
            machines.send,
            lambda: frozenset(machines.there),
            ahead,
            machines.clock,
            turn,
        )

    return make


def test_each_layer_is_done_once_and_few_are_queued(
    machines: Machines, warming: Callable[..., ClusterWarming]
) -> None:
    seen: list[int] = []
    made = warming(40)
    made.run(seen.append)
    assert sum(made.done.values()) == made.decoded == 80
    assert set(made.done) == set(MACHINES)
    assert len(machines.done) == len(set(machines.done)) == 40
    assert machines.most <= OF_MACHINE * len(MACHINES)
    assert machines.queue.jobs() == []
    assert seen == sorted(seen)
    assert seen[-1] == 80


def test_jobs_of_a_machine_that_is_gone_go_to_others(
    machines: Machines, warming: Callable[..., ClusterWarming]
) -> None:
    machines.stopped.add("b")

    def turn(seconds: float) -> None:
        machines.turn(seconds)
        if len(machines.done) >= 6:
            machines.there.discard("b")

    made = warming(20, turn)
    began = machines.clock()
    made.run()
    assert sum(made.done.values()) == 40
    assert set(made.done) == {"a", "c"}
    assert GONE_S <= machines.clock() - began < AWAY_S


def test_jobs_are_queued_again_when_the_store_was_emptied(
    machines: Machines, warming: Callable[..., ClusterWarming]
) -> None:
    def turn(seconds: float) -> None:
        machines.turn(seconds)
        if len(machines.done) == 6:
            for job in machines.queue.jobs():
                machines.queue.cancel(job.id)
            machines.done.append("emptied")

    made = warming(20, turn)
    made.run()
    assert len(set(machines.done)) == 21


def test_what_somebody_cancels_again_and_again_ends(
    machines: Machines, warming: Callable[..., ClusterWarming]
) -> None:
    cancelled = 0

    def turn(seconds: float) -> None:
        nonlocal cancelled
        machines.clock.pass_(seconds)
        for job in machines.queue.jobs():
            cancelled += machines.queue.cancel(job.id)

    with pytest.raises(SetupError, match=r"was cancelled\. The same command resumes\."):
        warming(1, turn).run()
    assert cancelled == MOST_TRIES + 1


def test_a_balancer_that_cannot_be_used_ends_the_command(
    machines: Machines, warming: Callable[..., ClusterWarming]
) -> None:
    machines.fails = True
    began = machines.clock()
    with pytest.raises(SetupError, match="Nothing was warmed for a while"):
        warming(1).run()
    assert AWAY_S <= machines.clock() - began < AWAY_S + 1.0


def test_jobs_may_wait_for_as_long_as_viewers_come_first(
    machines: Machines, warming: Callable[..., ClusterWarming]
) -> None:
    until = machines.clock() + 10 * AWAY_S

    def turn(seconds: float) -> None:
        machines.clock.pass_(seconds)
        if machines.clock() >= until:
            machines.turn(0.0)

    warming(3, turn).run()
    assert len(machines.done) == 3


def test_what_is_not_done_is_taken_back(
    machines: Machines, warming: Callable[..., ClusterWarming]
) -> None:
    def turn(_: float) -> None:
        raise KeyboardInterrupt

    made = warming(9, turn)
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert len(machines.queue.jobs()) == 9
    made.cancel()
    assert machines.queue.jobs() == []


@pytest.mark.parametrize(
    ("shape", "chunks", "axis", "start", "stop", "count"),
    [
        ((24, 40, 40), (4, 20, 20), 0, None, None, 6),
        ((24, 40, 40), (4, 20, 20), 0, 5, 9, 2),
        ((24, 40, 40), (4, 20, 20), 2, None, None, 2),
        ((6, 8, 20, 20), (2, 4, 20, 20), 0, None, None, 6),
        ((6, 8, 20, 20), (2, 4, 20, 20), 1, 0, 4, 3),
        ((40, 40), (20, 20), 0, None, None, 1),
    ],
)
def test_layers_have_all_bricks_each_on_one_machine(
    make_settings: Callable[..., Settings],
    tmp_path: Path,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    axis: int,
    start: int | None,
    stop: int | None,
    count: int,
) -> None:
    import numpy as np

    from dashboard.bricks.coverage import Coverage, fixed_by_axis, parse_axes

    values = np.zeros(shape, "u1")
    files.write(tmp_path / "v.h5", x=(values, {"chunks": chunks, "compression": "gzip"}))
    services = build_services(make_settings(data=(str(tmp_path / "v.h5"),), children=1), "cli")
    try:
        volume = services.metadata.volume("v.h5", "/x")
        found = list(layers(volume, axis, start, stop))
        assert len(found) == count
        bricks: list[Any] = []
        for one in found:
            body = one.body
            covered = Coverage(
                volume, parse_axes(body["axis"]), body["start"], body["stop"], tuple(body["at"])
            )
            assert len(covered) == one.bricks == len(list(covered))
            assert {slab_of_brick(volume, brick) for brick in covered} == {one.slab}
            bricks += covered
        fixed = fixed_by_axis(len(shape), axis)
        expected = list(Coverage(volume, fixed, start or 0, stop))
        assert sorted(one.key for one in bricks) == sorted(one.key for one in expected)
    finally:
        services.close()


def test_it_needs_the_settings_of_machines(make_settings: Callable[..., Settings]) -> None:
    with pytest.raises(SetupError, match="LAMELLA_CLUSTER, LAMELLA_BALANCER and"):
        warm_cluster.run("x.h5", make_settings(), dataset=None, axis=0, start=None, stop=None)
