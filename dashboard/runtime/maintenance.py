"""Periodic tasks of a process, each isolated from the failures of the others."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from dashboard.bulkhead import Bulkhead

log = logging.getLogger(__name__)

TICK_S = 1.0
# Tasks take milliseconds, but for a sweep of a large cache directory, which loses nothing when it is cut short.
END_WITHIN_S = 5.0


class Stop(Protocol):
    """The part of `threading.Event` that is needed here."""

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds; returns whether to stop."""


@dataclass
class Task:
    """A task to be run every `every_s` seconds; 0 means at each tick."""

    name: str
    work: Callable[[], object]
    every_s: float = 0.0
    last_run: float = field(default=-math.inf, init=False)


class Maintenance:
    """Runs `tasks` when they are due; a task that fails is retried with a back-off, the others go on.

    `clock` gives seconds.
    """

    def __init__(
        self, tasks: Iterable[Task] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.tasks = list(tasks)
        self._clock = clock
        self._bulkhead = Bulkhead(log, clock=clock)
        self._thread: threading.Thread | None = None

    def add(self, name: str, work: Callable[[], object], every_s: float = 0.0) -> None:
        """Add a task; it is due at the next tick."""
        self.tasks.append(Task(name, work, every_s))

    def tick(self) -> None:
        """Run the tasks that are due."""
        for task in list(self.tasks):
            now = self._clock()
            if now - task.last_run < task.every_s:
                continue
            # A task that failed is due again when its back-off ends, not after its interval only.
            if self._bulkhead.run(task.name, partial(_run_task, task), False):
                task.last_run = now

    def run(self, stop: Stop) -> None:
        """Tick once a second until `stop` is set."""
        while not stop.wait(TICK_S):
            self.tick()

    def start(self, stop: threading.Event) -> None:
        """As `run`, in a thread of its own."""
        self._thread = threading.Thread(
            target=self.run, args=(stop,), name="maintenance", daemon=True
        )
        self._thread.start()

    def join(self) -> None:
        """Wait for the tasks in progress, after `stop` was set: they count, and write what was counted."""
        if self._thread is not None:
            self._thread.join(timeout=END_WITHIN_S)


def _run_task(task: Task) -> bool:
    task.work()
    return True
