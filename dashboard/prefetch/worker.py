"""The prefetch worker: decodes, one after the other, what viewers will need soonest.

It looks at all plans anew before each brick, so a plan that was replaced takes effect at once. What is due
soonest comes first; between viewers whose bricks are due at about the same time it takes turns, and nobody
waits for ever. Nothing is begun while somebody waits for a slice: by the time that one is there, the plans may be
others. What was begun gives way by itself, between two steps of the decoder's work.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from cachetools import FIFOCache

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.bricks.usage import Purpose
from dashboard.bulkhead import Bulkhead
from dashboard.prefetch.plan_store import FLIGHT_S, PlanStore, ViewerPlan
from dashboard.prefetch.planner import PlannedBrick
from dashboard.telemetry.ledger import Ledger

log = logging.getLogger(__name__)

POLL_S: Final = 0.05
# With nobody there, looking less often costs a viewer who comes nothing: the first slice is decoded on demand.
IDLE_POLL_S: Final = 0.2
# While somebody waits for a slice; bricks are decoded in some hundred milliseconds.
DEMAND_POLL_S: Final = 0.01
# For how long what was found in the cache is believed to be there.
CACHED_TTL_S: Final = 1.0
# What could not be decoded is left alone for a minute. So is, for as long as plans mostly live, what was
# decoded and is gone again: a cache too small for all plans would be filled round and round otherwise.
FAILED_S: Final = 60.0
DONE_S: Final = 30.0
# There is no room now, or somebody else's decoding takes long.
BUSY_S: Final = 5.0
# A volume whose bricks take long to fail is left out for ten times as long, so that it delays other viewers by
# a tenth at most.
FAILING_REST: Final = 10.0

TIE_WINDOW_S: Final = 0.25
# Whose bricks are always due later than another's gets a turn after this long all the same.
MAX_STARVATION_S: Final = 3.0
# Who rests this long may well look at the same point across another axis next.
IDLE_BEFORE_OTHER_AXES_S: Final = 2.0
SWEEP_S: Final = 60.0
MAX_ENTRIES: Final = 10_000

Resolve = Callable[[ViewerPlan], Iterable[tuple[PlannedBrick, Sequence[BrickAddress]]]]


class BrickLoader(Protocol):
    """What the worker needs of `dashboard.bricks.loader.Supply`."""

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""

    def no_demand_pending(self) -> bool:
        """Whether nobody waits for a slice."""

    def get_or_decode(self, address: BrickAddress, purpose: Purpose) -> object:
        """See to it that the brick is in the cache."""


class Task(NamedTuple):
    """A brick to decode, for whom, and when it is due (Unix time, s)."""

    viewer: str
    address: BrickAddress
    due: float
    purpose: Purpose


@dataclass(slots=True)
class FairnessState:
    """When a viewer was served last and since when it has been waiting (Unix time, s)."""

    served: float = -math.inf
    waiting: float = math.inf


class ExpiringSet:
    """Keys with the time until which something holds of them (Unix time, s)."""

    def __init__(self) -> None:
        self._until: FIFOCache[str, float] = FIFOCache(MAX_ENTRIES)

    def holds(self, key: str, now: float) -> bool:
        return now < self._until.get(key, -math.inf)

    def remember(self, key: str, until: float) -> None:
        self._until[key] = until


class Worker:
    """Serves the plans on the board; `turn` does one brick, `run` goes on until it is stopped.

    `resolve` gives the entries of a plan with the bricks that each stands for. `wait(stop, seconds)` idles and
    returns whether to stop. `clock` gives Unix time (s). The two gauges are the number of planned bricks that
    are not cached yet, and of those being decoded. Whatever is wrong with a plan or a file is survived: that
    plan, or that file, is left out for a while.
    """

    def __init__(
        self,
        board: PlanStore,
        resolve: Resolve,
        supply: BrickLoader,
        ledger: Ledger,
        *,
        elsewhere: Callable[[ViewerPlan], Sequence[BrickAddress]] | None = None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._plans = board
        self._resolve = resolve
        self._other_axis_bricks = elsewhere
        self._loader = supply
        self._ledger = ledger
        self._clock = clock
        self._wait = wait
        self._bulkhead = Bulkhead(log, pause_s=BUSY_S, longest_s=FAILED_S, clock=clock)
        # What concerns no single plan is tried again at once; the log lines alone are limited.
        self._tries = Bulkhead(log, pause_s=0.0, clock=clock)
        self._known_cached = ExpiringSet()
        self._skip = ExpiringSet()
        self._fairness: dict[str, FairnessState] = {}
        self._complete: dict[str, tuple[ViewerPlan, float]] = {}
        self._planned = 0
        self._flight: str | None = None
        self._swept = -math.inf
        ledger.gauge("prefetch.planned", lambda: float(self._planned))
        ledger.gauge("prefetch.in_flight", lambda: 0.0 if self._flight is None else 1.0)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; whatever happens to one brick or one look at the board, go on."""
        beat = threading.Thread(target=self._beat, args=(stop,), name="flight", daemon=True)
        beat.start()
        while not stop.is_set():
            idle_s = self._tries.run("The prefetch worker", self.run_once, IDLE_POLL_S)
            if idle_s > 0.0 and self._wait(stop, idle_s):
                break
        beat.join(timeout=1.0)

    def run_once(self) -> float:
        """Decode the brick that is due next, if any; returns how long to idle then (s)."""
        now = self._clock()
        if not 0.0 <= now - self._swept < SWEEP_S:
            self._swept = now
            self._plans.sweep()
        plans = self._plans.plans()
        self._complete = {p.viewer: s for p in plans if (s := self._complete.get(p.viewer))}
        tasks = [task for plan in plans for task in self._tasks(plan, now)]
        self._planned = len({task.address.key for task in tasks})
        self._update_fairness(tasks, now)
        if not tasks:
            return POLL_S if plans else IDLE_POLL_S
        if not self._loader.no_demand_pending():
            return DEMAND_POLL_S
        task = self._next(tasks, now)
        turns = self._fairness[task.viewer]
        self._decode(task)
        turns.served, turns.waiting = self._clock(), math.inf
        return 0.0

    def renew_in_flight(self) -> None:
        """Say again that the brick in work is in work, so that its marker does not expire."""
        flight = self._flight
        if flight is not None:
            self._plans.mark_in_flight(flight)
            # It may have landed between the two lines above.
            if self._flight != flight:
                self._plans.clear_in_flight(flight)

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(FLIGHT_S / 3):
            self._tries.run("Renewing the marker of a brick in flight", self.renew_in_flight, None)

    def _tasks(self, plan: ViewerPlan, now: float) -> list[Task]:
        """What is to be decoded for a plan; nothing for a while where that cannot be found out."""
        volume = _volume(plan.file, plan.dataset, plan.fingerprint)
        if self._skip.holds(volume, now):
            return []
        # By viewer: the plans of others for the same volume may be sound.
        name = f"Planning for viewer {plan.viewer}, {plan.file!r}, {plan.dataset!r}"
        compartment = f"{name}, {plan.fingerprint}"
        if self._bulkhead.closed(compartment):
            return []
        try:
            tasks = self._missing(plan, now)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a plan or its file
            self._ledger.count("prefetch.failed")
            self._bulkhead.failed(compartment, error)
            return []
        self._bulkhead.succeeded(compartment)
        return tasks

    def _missing(self, plan: ViewerPlan, now: float) -> list[Task]:
        """What of a plan is not in the cache and not left alone, in the plan's order."""
        purpose = Purpose.PREFETCH_MOVING if plan.state == "moving" else Purpose.PREFETCH_IDLE
        settled, until = self._complete.get(plan.viewer, (None, -math.inf))
        if settled is plan and now < until:
            return []
        tasks = [
            Task(plan.viewer, address, wanted.deadline, purpose)
            for wanted, addresses in self._resolve(plan)
            for address in addresses
            if self._is_missing(address, now)
        ]
        if not tasks and plan.state == "resting":
            tasks = self._idle_tasks(plan, now)
        if not tasks:
            # The board hands out the same plan until it is replaced: no need to go through it 20 times a second.
            self._complete[plan.viewer] = plan, now + CACHED_TTL_S
        return tasks

    def _idle_tasks(self, plan: ViewerPlan, now: float) -> list[Task]:
        """With all that is near there, what a viewer at rest will want should it change the axis."""
        if self._other_axis_bricks is None or now - plan.last_request_at < IDLE_BEFORE_OTHER_AXES_S:
            return []
        return [
            Task(plan.viewer, address, now + IDLE_BEFORE_OTHER_AXES_S, Purpose.PREFETCH_IDLE)
            for address in self._other_axis_bricks(plan)
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

    def _update_fairness(self, tasks: Sequence[Task], now: float) -> None:
        waiting = {task.viewer for task in tasks}
        self._fairness = {viewer: self._fairness.get(viewer, FairnessState()) for viewer in waiting}
        for turns in self._fairness.values():
            turns.waiting = min(turns.waiting, now)

    def _next(self, tasks: Sequence[Task], now: float) -> Task:
        """Of each viewer's first brick the one that is due soonest; at about the same time, take turns."""
        first: dict[str, tuple[float, Task]] = {}
        for task in tasks:
            patient_until = self._fairness[task.viewer].waiting + MAX_STARVATION_S
            # What is overdue is not more urgent than what is due now.
            due = max(now, min(task.due, patient_until))
            first.setdefault(task.viewer, (due, task))
        soonest = min(due for due, _ in first.values())
        tied = [task for due, task in first.values() if due <= soonest + TIE_WINDOW_S]
        return min(tied, key=lambda task: self._fairness[task.viewer].served)

    def _decode(self, task: Task) -> None:
        key = task.address.key
        self._flight = key
        began = self._clock()
        try:
            self._plans.mark_in_flight(key)
            self._loader.get_or_decode(task.address, task.purpose)
            self._skip.remember(key, self._clock() + DONE_S)
        except errors.Busy as error:
            log.info("a brick was not decoded ahead: %s", error)
            self._skip.remember(key, self._clock() + BUSY_S)
        except Exception as error:  # noqa: BLE001  # one bad brick must not end the worker
            self._fail(task.address, error, self._clock() - began)
        finally:
            self._flight = None
            self._plans.clear_in_flight(key)

    def _fail(self, address: BrickAddress, error: Exception, took_s: float) -> None:
        named, now = address.volume, self._clock()
        self._ledger.count("prefetch.failed")
        self._tries.failed(f"Decoding ahead in {named.file!r}, {named.dataset!r}", error)
        self._skip.remember(address.key, now + FAILED_S)
        volume = _volume(named.file, named.dataset, named.fingerprint.as_list())
        self._skip.remember(volume, now + FAILING_REST * took_s)


def _volume(file: str, dataset: str, fingerprint: Sequence[int]) -> str:
    return f"{file}\0{dataset}\0{tuple(fingerprint)}"
