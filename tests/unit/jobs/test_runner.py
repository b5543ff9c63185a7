"""What works on jobs: slabs here and elsewhere, also while those elsewhere are lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from dashboard import errors
from dashboard.jobs.job import Job, State, Statistics, new_id
from dashboard.jobs.queue import JobQueue
from dashboard.jobs.runner import FULL_PAUSE_S, MOST_PAUSES, PoolLost, Runner
from dashboard.jobs.work import Plain
from tests.clock import Clock
from tests.rows import MemoryRows

SLABS = 12


class Summing:
    """Adds up the numbers of slabs; what was kept is in `kept`."""

    is_portable = True

    def __init__(self, kept: set[int]) -> None:
        self.kept = kept
        self.merged = set(kept)
        self.computed: list[int] = []
        self.fails: dict[int, Exception] = {}
        self.closed = False

    def slabs(self) -> Iterator[Plain | None]:
        for number in range(SLABS):
            yield None if number in self.merged else {"number": number}

    def compute(self, slab: Plain) -> Plain:
        if slab["number"] in self.fails:
            raise self.fails[slab["number"]]
        self.computed.append(slab["number"])
        return {"number": slab["number"], "decoded": True}

    def merge(self, result: Plain) -> None:
        assert result["number"] not in self.merged
        self.merged.add(result["number"])

    def keep(self) -> None:
        self.kept |= self.merged

    def finish(self) -> Plain:
        return {"sum": sum(self.merged)}

    def close(self) -> None:
        self.closed = True


class Elsewhere:
    """Computes slabs when the test calls for it; `lost` says that nothing comes back."""

    def __init__(self) -> None:
        self.threads = 3
        self.lost = False
        self.sent: list[int] = []
        self.flights: list[_Flight] = []
        self.refuses = False

    def capacity(self) -> int:
        return self.threads

    def send(self, job: str, slab: Plain) -> _Flight:
        assert Job.model_validate_json(job).state is State.RUNNING
        if self.refuses:
            raise PoolLost("no worker is there")
        self.sent.append(slab["number"])
        self.flights.append(_Flight(self, slab["number"]))
        return self.flights[-1]

    def compute(self) -> None:
        for flight in self.flights:
            flight.is_done = True


class _Flight:
    def __init__(self, pool: Elsewhere, number: int) -> None:
        self._pool = pool
        self._number = number
        self.is_done = False
        self.is_cancelled = False

    def result(self) -> Plain | None:
        if self._pool.lost:
            raise PoolLost("gone")
        return {"number": self._number} if self.is_done else None

    def cancel(self) -> None:
        self.is_cancelled = True


class Bench:
    """A queue, and what works on it, over rows in memory."""

    def __init__(self, pool: Elsewhere | None = None) -> None:
        self.clock = Clock()
        self.rows = MemoryRows(self.clock)
        self.queue = JobQueue(self.rows, self.clock)
        self.kept: dict[str, set[int]] = {}
        self.works: list[Summing] = []
        self.counts: Counter[str] = Counter()
        self.is_portable = True
        self.pool = pool
        self.fails: dict[int, Exception] = {}
        self.runner = self.started()

    def started(self) -> Runner:
        """What works on the queue after a restart: everything in memory is gone."""
        return Runner(
            self.queue,
            self._begin,
            self.pool,
            self.clock,
            lambda name: self.counts.update([name]),
        )

    def _begin(self, job: Job) -> Summing:
        work = Summing(self.kept.setdefault(job.id, set()))
        work.fails = self.fails
        work.is_portable = self.is_portable
        self.works.append(work)
        return work

    def ask(self, person: str = "", bins: int = 256) -> str:
        job = Job(
            id=new_id(),
            file="f",
            dataset="d",
            fingerprint=(1,),
            what=Statistics(bins=bins),
            of=SLABS,
            nbytes=1,
            asked_at=self.clock(),
            person=person,
        )
        return self.queue.add(job, 1).id

    def job(self, id_: str) -> Job:
        found = self.queue.get(id_)
        assert found is not None
        return found

    def run(self, runner: Runner | None = None) -> None:
        for _ in range(100):
            if not (runner or self.runner).step():
                return
        raise AssertionError("the jobs do not end")


def assert_done(job: Job) -> None:
    assert (job.state, job.done, job.result) == (State.DONE, SLABS, {"sum": 66})


def test_a_job_is_done_slab_by_slab() -> None:
    bench = Bench()
    id_ = bench.ask()
    for _ in range(5):
        assert bench.runner.step()
        bench.clock.pass_(1.0)
    assert (bench.job(id_).state, bench.job(id_).done) == (State.RUNNING, 5)
    bench.run()
    assert_done(bench.job(id_))
    assert bench.job(id_).seconds == 5.0
    assert bench.works[0].computed == list(range(SLABS))
    assert bench.works[0].closed
    assert bench.counts == {"jobs.slabs": SLABS}


def test_a_job_goes_on_where_it_was_kept_last() -> None:
    bench = Bench()
    id_ = bench.ask()
    for _ in range(5):
        bench.runner.step()
        bench.clock.pass_(1.0)
    bench.runner.step()
    bench.runner.step()
    bench.run(bench.started())
    assert_done(bench.job(id_))
    # The last slab was not kept yet.
    assert bench.works[1].computed == list(range(6, SLABS))
    assert bench.job(id_).seconds == 5.0


def test_a_cancelled_job_ends() -> None:
    bench = Bench()
    id_ = bench.ask()
    bench.runner.step()
    assert bench.queue.cancel(id_)
    bench.clock.pass_(1.0)
    bench.run()
    assert bench.works[0].closed
    assert len(bench.works[0].computed) == 2
    assert bench.queue.jobs() == []


def test_slabs_that_cannot_be_read_are_left_out() -> None:
    bench = Bench()
    bench.fails[3] = errors.CannotShow("A chunk is damaged.")
    id_ = bench.ask()
    bench.run()
    job = bench.job(id_)
    assert (job.state, job.done, job.failed) == (State.DONE, SLABS - 1, 1)
    assert job.message == "A chunk is damaged."


def test_a_slab_for_which_there_is_no_space_is_tried_again() -> None:
    bench = Bench()
    bench.fails[3] = errors.Busy("The cache is full.")
    id_ = bench.ask()
    bench.run()
    for _ in range(MOST_PAUSES - 1):
        bench.clock.pass_(FULL_PAUSE_S)
        bench.run()
    assert (bench.job(id_).state, bench.job(id_).done) == (State.RUNNING, 3)
    bench.clock.pass_(FULL_PAUSE_S)
    del bench.fails[3]
    bench.run()
    assert bench.job(id_).state is State.DONE
    bench.fails[3] = errors.Busy("The cache is full.")
    id_ = bench.ask()
    for _ in range(MOST_PAUSES + 1):
        bench.clock.pass_(FULL_PAUSE_S)
        bench.run()
    assert (bench.job(id_).state, bench.job(id_).message) == (State.FAILED, "The cache is full.")


def test_an_unexpected_error_ends_the_job_alone(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.fails[0] = RuntimeError("a fault")
    first = bench.ask()
    bench.runner.step()
    bench.fails.clear()
    second = bench.ask(bins=8)
    bench.run()
    assert bench.job(first).state is State.FAILED
    assert "see its log" in bench.job(first).message
    assert "a fault" in caplog.text
    assert_done(bench.job(second))


def test_slabs_are_computed_elsewhere_a_few_at_a_time() -> None:
    pool = Elsewhere()
    bench = Bench(pool)
    id_ = bench.ask()
    bench.runner.exchange()
    assert pool.sent == [0, 1, 2]
    assert not bench.runner.step()
    # In any order, but merged from the first one on.
    pool.flights[1].is_done = True
    bench.runner.exchange()
    assert pool.sent == [0, 1, 2]
    for _ in range(SLABS):
        pool.compute()
        bench.clock.pass_(1.0)
        bench.runner.exchange()
    assert_done(bench.job(id_))
    assert pool.sent == list(range(SLABS))
    assert bench.works[0].computed == []
    assert bench.counts == {"jobs.slabs_away": SLABS}


def test_slabs_that_are_lost_are_computed_here() -> None:
    pool = Elsewhere()
    bench = Bench(pool)
    id_ = bench.ask()
    bench.runner.exchange()
    pool.compute()
    bench.runner.exchange()
    assert bench.works[0].merged == {0, 1, 2}
    pool.lost, pool.threads = True, 0
    bench.runner.exchange()
    assert all(flight.is_cancelled for flight in pool.flights[3:])
    bench.run()
    assert_done(bench.job(id_))
    assert bench.works[0].computed == list(range(3, SLABS))
    assert bench.counts == {"jobs.slabs_away": 3, "jobs.slabs": SLABS - 3}


def test_a_slab_that_cannot_be_sent_is_not_lost() -> None:
    pool = Elsewhere()
    pool.refuses = True
    bench = Bench(pool)
    id_ = bench.ask()
    bench.runner.exchange()
    bench.run()
    assert_done(bench.job(id_))
    assert bench.works[0].computed == list(range(SLABS))


def test_a_job_that_was_begun_here_goes_on_elsewhere_and_back() -> None:
    pool = Elsewhere()
    pool.threads = 0
    bench = Bench(pool)
    id_ = bench.ask()
    bench.runner.exchange()
    bench.runner.step()
    pool.threads = 2
    bench.runner.exchange()
    assert pool.sent == [1, 2]
    # The workers have gone, what was sent comes back all the same.
    pool.threads = 0
    pool.compute()
    bench.runner.exchange()
    bench.runner.exchange()
    bench.run()
    assert_done(bench.job(id_))
    assert bench.works[0].computed == [0, *range(3, SLABS)]


def test_what_is_elsewhere_is_given_up_with_its_job() -> None:
    pool = Elsewhere()
    bench = Bench(pool)
    id_ = bench.ask()
    bench.runner.exchange()
    bench.queue.cancel(id_)
    bench.clock.pass_(1.0)
    bench.runner.exchange()
    assert [flight.is_cancelled for flight in pool.flights] == [True] * 3
    assert bench.works[0].closed


def test_what_others_can_compute_is_not_begun_here() -> None:
    pool = Elsewhere()
    bench = Bench(pool)
    id_ = bench.ask()
    assert not bench.runner.step()
    bench.runner.exchange()
    assert pool.sent == [0, 1, 2]
    # But for work that stays here.
    bench.queue.cancel(id_)
    bench.clock.pass_(1.0)
    bench.runner.exchange()
    bench.is_portable = False
    id_ = bench.ask(bins=8)
    bench.clock.pass_(1.0)
    bench.runner.exchange()
    bench.run()
    assert_done(bench.job(id_))
    assert pool.sent == [0, 1, 2]
