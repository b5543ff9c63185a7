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

from dashboard import errors
from dashboard.bulkhead import Bulkhead
from dashboard.cache.story import Purpose
from dashboard.prefetch.board import FLIGHT_S, Board, ViewerPlan
from dashboard.prefetch.planner import Wanted
from dashboard.telemetry.ledger import Ledger
from dashboard.volumes.address import BrickAddress

log = logging.getLogger(__name__)

POLL_S: Final = 0.05
# With nobody there, looking less often costs a viewer who comes nothing: the first slice is decoded on demand.
ALONE_S: Final = 0.2
# While somebody waits for a slice; bricks are decoded in some hundred milliseconds.
ASIDE_S: Final = 0.01
# For how long what was found in the cache is believed to be there.
BELIEVED_S: Final = 1.0
# What could not be decoded is left alone for a minute. So is, for as long as plans mostly live, what was
# decoded and is gone again: a cache too small for all plans would be filled round and round otherwise.
FAILED_S: Final = 60.0
DONE_S: Final = 30.0
# There is no room now, or somebody else's decoding takes long.
BUSY_S: Final = 5.0
# A volume whose bricks take long to fail is left out for ten times as long, so that it delays other viewers by
# a tenth at most.
FAILING_REST: Final = 10.0

SAME_TIME_S: Final = 0.25
# Whose bricks are always due later than another's gets a turn after this long all the same.
PATIENCE_S: Final = 3.0
# Who rests this long may well look at the same point across another axis next.
LONG_REST_S: Final = 2.0
SWEEP_S: Final = 60.0
MAX_REMEMBERED: Final = 10_000

Resolve = Callable[[ViewerPlan], Iterable[tuple[Wanted, Sequence[BrickAddress]]]]


class Decoder(Protocol):
    """What the worker needs of `dashboard.cache.supply.Supply`."""

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""

    def quiet(self) -> bool:
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
class _Turns:
    """When a viewer was served last and since when it has been waiting (Unix time, s)."""

    served: float = -math.inf
    waiting: float = math.inf


class _Until:
    """Keys with the time until which something holds of them (Unix time, s)."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def holds(self, key: str, now: float) -> bool:
        return now < self._until.get(key, -math.inf)

    def remember(self, key: str, until: float) -> None:
        if len(self._until) >= MAX_REMEMBERED:
            self._until.pop(next(iter(self._until)))
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
        board: Board,
        resolve: Resolve,
        supply: Decoder,
        ledger: Ledger,
        *,
        elsewhere: Callable[[ViewerPlan], Sequence[BrickAddress]] | None = None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._board = board
        self._resolve = resolve
        self._elsewhere = elsewhere
        self._supply = supply
        self._ledger = ledger
        self._clock = clock
        self._wait = wait
        self._plans = Bulkhead(log, pause_s=BUSY_S, longest_s=FAILED_S, clock=clock)
        # What concerns no single plan is tried again at once; the log lines alone are limited.
        self._tries = Bulkhead(log, pause_s=0.0, clock=clock)
        self._there = _Until()
        self._left = _Until()
        self._turns: dict[str, _Turns] = {}
        self._settled: dict[str, tuple[ViewerPlan, float]] = {}
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
            idle_s = self._tries.run("The prefetch worker", self.turn, ALONE_S)
            if idle_s > 0.0 and self._wait(stop, idle_s):
                break
        beat.join(timeout=1.0)

    def turn(self) -> float:
        """Decode the brick that is due next, if any; returns how long to idle then (s)."""
        now = self._clock()
        if not 0.0 <= now - self._swept < SWEEP_S:
            self._swept = now
            self._board.sweep()
        plans = self._board.plans()
        self._settled = {p.viewer: s for p in plans if (s := self._settled.get(p.viewer))}
        tasks = [task for plan in plans for task in self._tasks(plan, now)]
        self._planned = len({task.address.key for task in tasks})
        self._keep_turns(tasks, now)
        if not tasks:
            return POLL_S if plans else ALONE_S
        if not self._supply.quiet():
            return ASIDE_S
        task = self._next(tasks, now)
        turns = self._turns[task.viewer]
        self._decode(task)
        turns.served, turns.waiting = self._clock(), math.inf
        return 0.0

    def refresh_flight(self) -> None:
        """Say again that the brick in work is in work, so that its marker does not expire."""
        flight = self._flight
        if flight is not None:
            self._board.take_off(flight)
            # It may have landed between the two lines above.
            if self._flight != flight:
                self._board.land(flight)

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(FLIGHT_S / 3):
            self._tries.run("Renewing the marker of a brick in flight", self.refresh_flight, None)

    def _tasks(self, plan: ViewerPlan, now: float) -> list[Task]:
        """What is to be decoded for a plan; nothing for a while where that cannot be found out."""
        volume = _volume(plan.file, plan.dataset, plan.fingerprint)
        if self._left.holds(volume, now):
            return []
        # By viewer: the plans of others for the same volume may be sound.
        name = f"Planning for viewer {plan.viewer}, {plan.file!r}, {plan.dataset!r}"
        compartment = f"{name}, {plan.fingerprint}"
        if self._plans.closed(compartment):
            return []
        try:
            tasks = self._missing(plan, now)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a plan or its file
            self._ledger.count("prefetch.failed")
            self._plans.failed(compartment, error)
            return []
        self._plans.succeeded(compartment)
        return tasks

    def _missing(self, plan: ViewerPlan, now: float) -> list[Task]:
        """What of a plan is not in the cache and not left alone, in the plan's order."""
        purpose = Purpose.AHEAD if plan.state == "moving" else Purpose.RESTING
        settled, until = self._settled.get(plan.viewer, (None, -math.inf))
        if settled is plan and now < until:
            return []
        tasks = [
            Task(plan.viewer, address, wanted.deadline, purpose)
            for wanted, addresses in self._resolve(plan)
            for address in addresses
            if self._is_missing(address, now)
        ]
        if not tasks and plan.state == "resting":
            tasks = self._other_axes(plan, now)
        if not tasks:
            # The board hands out the same plan until it is replaced: no need to go through it 20 times a second.
            self._settled[plan.viewer] = plan, now + BELIEVED_S
        return tasks

    def _other_axes(self, plan: ViewerPlan, now: float) -> list[Task]:
        """With all that is near there, what a viewer at rest will want should it change the axis."""
        if self._elsewhere is None or now - plan.noted_at < LONG_REST_S:
            return []
        return [
            Task(plan.viewer, address, now + LONG_REST_S, Purpose.RESTING)
            for address in self._elsewhere(plan)
            if self._is_missing(address, now)
        ]

    def _is_missing(self, address: BrickAddress, now: float) -> bool:
        key = address.key
        if self._left.holds(key, now) or self._there.holds(key, now):
            return False
        if self._supply.has(address):
            self._there.remember(key, now + BELIEVED_S)
            return False
        return True

    def _keep_turns(self, tasks: Sequence[Task], now: float) -> None:
        waiting = {task.viewer for task in tasks}
        self._turns = {viewer: self._turns.get(viewer, _Turns()) for viewer in waiting}
        for turns in self._turns.values():
            turns.waiting = min(turns.waiting, now)

    def _next(self, tasks: Sequence[Task], now: float) -> Task:
        """Of each viewer's first brick the one that is due soonest; at about the same time, take turns."""
        first: dict[str, tuple[float, Task]] = {}
        for task in tasks:
            patient_until = self._turns[task.viewer].waiting + PATIENCE_S
            # What is overdue is not more urgent than what is due now.
            due = max(now, min(task.due, patient_until))
            first.setdefault(task.viewer, (due, task))
        soonest = min(due for due, _ in first.values())
        tied = [task for due, task in first.values() if due <= soonest + SAME_TIME_S]
        return min(tied, key=lambda task: self._turns[task.viewer].served)

    def _decode(self, task: Task) -> None:
        key = task.address.key
        self._flight = key
        began = self._clock()
        try:
            self._board.take_off(key)
            self._supply.get_or_decode(task.address, task.purpose)
            self._left.remember(key, self._clock() + DONE_S)
        except errors.Busy as error:
            log.info("a brick was not decoded ahead: %s", error)
            self._left.remember(key, self._clock() + BUSY_S)
        except Exception as error:  # noqa: BLE001  # one bad brick must not end the worker
            self._fail(task.address, error, self._clock() - began)
        finally:
            self._flight = None
            self._board.land(key)

    def _fail(self, address: BrickAddress, error: Exception, took_s: float) -> None:
        named, now = address.volume, self._clock()
        self._ledger.count("prefetch.failed")
        self._tries.failed(f"Decoding ahead in {named.file!r}, {named.dataset!r}", error)
        self._left.remember(address.key, now + FAILED_S)
        volume = _volume(named.file, named.dataset, named.fingerprint.as_list())
        self._left.remember(volume, now + FAILING_REST * took_s)


def _volume(file: str, dataset: str, fingerprint: Sequence[int]) -> str:
    return f"{file}\0{dataset}\0{tuple(fingerprint)}"
