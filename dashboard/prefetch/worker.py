"""The prefetch worker: decodes planned bricks one at a time, earliest deadline first.

All plans are read again before each brick, so a replaced plan takes effect at once. At about equal deadlines,
people are served round-robin, however many tabs each has, and nobody starves. No brick is started while a demand
is pending, since the plans may have changed by the time it is served. A brick in progress yields to demand between
two steps of decoding. When no plan has a brick left, it works on the jobs (`jobs/runner.py`). While a file keeps
the worker waiting for an HDF5 worker or a lock, another thread serves other files.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, Protocol

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import Requester
from dashboard.blocking import on_blocking
from dashboard.bulkhead import Bulkhead
from dashboard.catalog.volume import Volume
from dashboard.prefetch.expiring_set import ExpiringSet
from dashboard.prefetch.fates import BrickFates
from dashboard.prefetch.plan_resolver import ResolvedPlan
from dashboard.prefetch.plan_store import FLIGHT_S, PlanStore
from dashboard.prefetch.planner import horizon_s
from dashboard.prefetch.viewer_plan import ViewerPlan
from dashboard.telemetry.ledger import Ledger

log = logging.getLogger(__name__)

POLL_S: Final = 0.05
# Polling interval without viewers: a new viewer loses nothing, since its first slice is decoded on demand.
IDLE_POLL_S: Final = 0.2
# Polling interval while a demand is pending; bricks are decoded in some hundred milliseconds.
DEMAND_POLL_S: Final = 0.01
# How often plans are read meanwhile: those of a hundred viewers take longer than that.
DEMAND_PLAN_S: Final = 0.25
# How long a brick that was found in the cache is assumed to stay there.
CACHED_TTL_S: Final = 1.0
# A brick that failed is skipped for a minute. So is one that was decoded and already evicted, for about the
# lifetime of a plan: a cache too small for all plans would thrash otherwise.
FAILED_S: Final = 60.0
DONE_S: Final = 30.0
# Pause after a full cache, or after another process's decoding took too long.
BUSY_S: Final = 5.0
# A volume whose bricks fail slowly is skipped for ten times the time lost, so that it delays other viewers by a
# tenth at most.
FAILING_REST: Final = 10.0

TIE_WINDOW_S: Final = 0.25
# Starvation bound: a viewer whose deadlines are always later than another's is served after this time.
MAX_STARVATION_S: Final = 3.0
# A viewer that has been idle for this long may well change the axis next.
IDLE_BEFORE_OTHER_AXES_S: Final = 2.0
# Threads that may wait for different files while one more serves the others.
MAX_WAITING: Final = 3

Resolve = Callable[[ViewerPlan], ResolvedPlan | None]


class PrefetchLoader(Protocol):
    """The part of `dashboard.bricks.loader.BrickLoader` that the worker needs."""

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""

    def no_demand_pending(self) -> bool:
        """Whether no demand is pending."""

    def load(self, volume: Volume, address: BrickAddress, requester: Requester) -> object:
        """Ensure that the brick is in the cache."""


class Task(NamedTuple):
    """A brick to decode, the viewer that it is for, its deadline (Unix time, s), and whose it is."""

    viewer: str
    volume: Volume
    address: BrickAddress
    due: float
    purpose: Purpose
    sharer: str
    plan: str


class Exchange(Protocol):
    """Sends planned bricks to other machines; `dashboard.prefetch.exchange` has one."""

    def __call__(self, planned: Sequence[Task], now: float) -> Sequence[Task]:
        """Send what is planned; returns what is to be decoded here."""

    def done(self, key: str) -> None:
        """A brick need not be decoded here any more."""


@dataclass(slots=True)
class FairnessState:
    """When a person or viewer was last served, and since when they have been waiting (Unix time, s)."""

    served: float = -math.inf
    waiting: float = math.inf


class Worker:
    """Serves the plans: `run_once` decodes one brick, `run` repeats that until it is stopped.

    `resolve` returns the bricks of a plan, None when it disagrees with its file. `wait(stop, seconds)` idles and
    returns whether to stop. `clock` gives Unix time (s). `jobs` does a part of what comes last, and returns
    whether there was anything to do. Two gauges count the planned bricks that are not cached yet and those in
    flight. An error of a plan or a file skips that plan or file for a while and affects no other.
    """

    def __init__(
        self,
        plans: PlanStore,
        resolve: Resolve,
        loader: PrefetchLoader,
        ledger: Ledger,
        *,
        other_axis_bricks: Callable[[ResolvedPlan], Sequence[BrickAddress]] | None = None,
        fates: BrickFates | None = None,
        jobs: Callable[[], bool] = lambda: False,
        exchange: Exchange | None = None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._plans = plans
        self._resolve = resolve
        self._other_axis_bricks = other_axis_bricks
        self.fates = fates
        self._jobs = jobs
        self._exchange = exchange
        self._loader = loader
        self._ledger = ledger
        self.clock = clock
        self._wait = wait
        self._bulkhead = Bulkhead(log, pause_s=BUSY_S, longest_s=FAILED_S, clock=clock)
        # Errors that concern no single plan are retried at once; only their log lines are limited.
        self._tries = Bulkhead(log, pause_s=0.0, clock=clock)
        self._known_cached = ExpiringSet()
        self._skip = ExpiringSet()
        self._next_planning = -math.inf
        self._fairness: dict[str, FairnessState] = {}
        self._complete: dict[str, tuple[ViewerPlan, float]] = {}
        self._planned = 0
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        # Files that some thread works on or waits for, and the threads that took over from waiting ones.
        self._busy_files: set[str] = set()
        self._successors: set[threading.Thread] = set()
        ledger.gauge("prefetch.planned", lambda: float(self._planned))
        ledger.gauge("prefetch.in_flight", lambda: float(len(self._in_flight)))

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; errors of single bricks and failed reads of the plans do not end it."""
        beat = threading.Thread(target=self._beat, args=(stop,), name="flight", daemon=True)
        beat.start()
        if self._serve(stop):
            stop.wait()
        for thread in [beat, *self._successors]:
            thread.join(timeout=1.0)

    def _serve(self, stop: threading.Event) -> bool:
        """Repeat `run_once` until `stop` is set, or until another thread has taken over while this one waited.

        Returns whether another one has.
        """
        replaced = threading.Event()
        on_blocking(partial(self._hand_over, stop, replaced))
        while not (stop.is_set() or replaced.is_set()):
            idle_s = self._tries.run("The prefetch worker", self.run_once, IDLE_POLL_S)
            if idle_s > 0.0 and self._wait(stop, idle_s):
                break
        with self._lock:
            self._successors.discard(threading.current_thread())
        return replaced.is_set()

    def _hand_over(self, stop: threading.Event, replaced: threading.Event) -> bool:
        """Have another thread go on, up to a limit. True in any case: no viewer waits for this one."""
        with self._lock:
            if replaced.is_set() or len(self._successors) >= MAX_WAITING:
                return True
            thread = threading.Thread(
                target=self._serve, args=(stop,), name="prefetch", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # no memory, or the limit of the system
                return True
            self._successors.add(thread)
            replaced.set()
            return True

    def run_once(self) -> float:
        """Decode the brick with the earliest deadline, if any; returns how long to idle afterwards (s)."""
        now = self.clock()
        if now < self._next_planning and not self._loader.no_demand_pending():
            return DEMAND_POLL_S
        plans = self._plans.own_plans()
        if self.fates is not None:
            self.fates.review()
        self._complete = {p.name: s for p in plans if (s := self._complete.get(p.name))}
        tasks = [task for plan in plans for task in self._tasks(plan, now)]
        if self._exchange is not None:
            tasks = self._here(self._exchange, tasks, now)
        self._planned = len({task.address.key for task in tasks})
        fairness = self._update_fairness(tasks, now)
        if not tasks:
            if self._loader.no_demand_pending() and self._jobs():
                return 0.0
            return POLL_S if self._plans.have_rows() else IDLE_POLL_S
        if not self._loader.no_demand_pending():
            self._next_planning = now + DEMAND_PLAN_S
            return DEMAND_POLL_S
        task = _next(tasks, fairness, now)
        state = fairness[task.sharer]
        with self._working_on(task.address.volume.file):
            self._decode(task)
        state.served, state.waiting = self.clock(), math.inf
        return 0.0

    def _here(self, exchange: Exchange, planned: Sequence[Task], now: float) -> list[Task]:
        """What is to be decoded here of all that is planned anywhere."""
        tasks = []
        for task in exchange(planned, now):
            if self._is_missing(task.address, now):
                tasks.append(task)
            else:
                exchange.done(task.address.key)
        return tasks

    def renew_in_flight(self) -> None:
        """Renew the in-flight markers of the current bricks, so that they do not expire."""
        for key in list(self._in_flight):
            self._plans.mark_in_flight(key)
            # Decoding may have ended meanwhile.
            if key not in self._in_flight:
                self._plans.clear_in_flight(key)

    def _beat(self, stop: threading.Event) -> None:
        while True:
            self._tries.run("Renewing the markers of the worker", self._renew, None)
            if stop.wait(FLIGHT_S / 3):
                return

    def _renew(self) -> None:
        self._plans.mark_worker_alive()
        self.renew_in_flight()

    def _tasks(self, plan: ViewerPlan, now: float) -> list[Task]:
        """The tasks of a plan; none for a while after its resolution failed."""
        volume = _volume(plan.file, plan.dataset, plan.fingerprint)
        if self._skip.holds(volume, now) or plan.file in self._busy_files:
            return []
        # One compartment for each plan, since plans of others for the same volume may be valid.
        name = f"Planning for viewer {plan.name}, {plan.file!r}, {plan.dataset!r}"
        compartment = f"{name}, {plan.fingerprint}"
        if self._bulkhead.closed(compartment):
            return []
        try:
            with self._working_on(plan.file):
                tasks = self._missing(plan, now)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a plan or its file
            self._ledger.count("prefetch.failed")
            self._bulkhead.failed(compartment, error)
            return []
        self._bulkhead.succeeded(compartment)
        return tasks

    @contextmanager
    def _working_on(self, file: str) -> Iterator[None]:
        """Keep other threads from waiting for the same file."""
        self._busy_files.add(file)
        try:
            yield
        finally:
            self._busy_files.discard(file)

    def _missing(self, plan: ViewerPlan, now: float) -> list[Task]:
        """The bricks of a plan that are neither cached nor skipped, in the plan's order."""
        settled, until = self._complete.get(plan.name, (None, -math.inf))
        if settled is plan and now < until:
            return []
        purpose = Purpose.PREFETCH_MOVING if plan.state == "moving" else Purpose.PREFETCH_IDLE
        resolved = self._resolve(plan)
        # Of a viewer at rest, up to 64 bricks are planned, for half a minute: the last ones can be sent later.
        ahead_s = math.inf if self._exchange is None else horizon_s(plan.decode_s)
        tasks: list[Task] = []
        if resolved is not None:
            tasks = [
                _task(plan, resolved.volume, address, entry.deadline, purpose)
                for entry, addresses in resolved.entries
                if entry.deadline <= now + ahead_s
                for address in addresses
                if self._is_missing(address, now)
            ]
            if not tasks and plan.state == "resting":
                tasks = self._idle_tasks(resolved, now)
        # What was sent elsewhere is not missing here any more.
        if not tasks or self._exchange is not None:
            self._complete[plan.name] = plan, now + CACHED_TTL_S
        return tasks

    def _idle_tasks(self, resolved: ResolvedPlan, now: float) -> list[Task]:
        """Tasks for an idle viewer whose plan is complete: the bricks it would need after changing the axis."""
        plan = resolved.plan
        if self._other_axis_bricks is None or now - plan.last_request_at < IDLE_BEFORE_OTHER_AXES_S:
            return []
        due, purpose = now + IDLE_BEFORE_OTHER_AXES_S, Purpose.PREFETCH_IDLE
        return [
            _task(plan, resolved.volume, address, due, purpose)
            for address in self._other_axis_bricks(resolved)
            if self._is_missing(address, now)
        ]

    def _is_missing(self, address: BrickAddress, now: float) -> bool:
        key = address.key
        if self._skip.holds(key, now) or self._known_cached.holds(key, now):
            return False
        if self._loader.has(address):
            self._known_cached.remember(key, now + CACHED_TTL_S)
            return False
        return True

    def _update_fairness(self, tasks: Sequence[Task], now: float) -> dict[str, FairnessState]:
        waiting = {task.sharer for task in tasks}
        fairness = {who: self._fairness.get(who, FairnessState()) for who in waiting}
        for state in fairness.values():
            state.waiting = min(state.waiting, now)
        self._fairness = fairness
        return fairness

    def _decode(self, task: Task) -> None:
        key = task.address.key
        plan = self._plans.live_plan(task.plan)
        self._in_flight.add(key)
        began = self.clock()
        try:
            self._plans.mark_in_flight(key)
            self._loader.load(task.volume, task.address, Requester(task.purpose, task.viewer))
            self._skip.remember(key, self.clock() + DONE_S)
            if self.fates is not None:
                self.fates.decoded(key, plan)
        except errors.Busy as error:
            log.info("a brick was not prefetched: %s", error)
            self._skip.remember(key, self.clock() + BUSY_S)
        except Exception as error:  # noqa: BLE001  # one bad brick must not end the worker
            self._fail(task.address, error, self.clock() - began)
        finally:
            self._in_flight.discard(key)
            self._plans.clear_in_flight(key)

    def _fail(self, address: BrickAddress, error: Exception, took_s: float) -> None:
        named, now = address.volume, self.clock()
        self._ledger.count("prefetch.failed")
        self._tries.failed(f"Prefetching in {named.file!r}, {named.dataset!r}", error)
        self._skip.remember(address.key, now + FAILED_S)
        volume = _volume(named.file, named.dataset, named.fingerprint.as_list())
        self._skip.remember(volume, now + FAILING_REST * took_s)


def _task(
    plan: ViewerPlan, volume: Volume, address: BrickAddress, due: float, purpose: Purpose
) -> Task:
    return Task(plan.viewer, volume, address, due, purpose, plan.sharer, plan.name)


def _next(tasks: Sequence[Task], fairness: Mapping[str, FairnessState], now: float) -> Task:
    """The plans' first task with the earliest deadline; at about equal deadlines, round-robin by person."""
    first: dict[str, tuple[float, Task]] = {}
    for task in tasks:
        patient_until = fairness[task.sharer].waiting + MAX_STARVATION_S
        # An overdue brick is no more urgent than one that is due now.
        due = max(now, min(task.due, patient_until))
        first.setdefault(task.plan, (due, task))
    soonest = min(due for due, _ in first.values())
    tied = [task for due, task in first.values() if due <= soonest + TIE_WINDOW_S]
    return min(tied, key=lambda task: fairness[task.sharer].served)


def _volume(file: str, dataset: str, fingerprint: Sequence[int]) -> str:
    return f"{file}\0{dataset}\0{tuple(fingerprint)}"
