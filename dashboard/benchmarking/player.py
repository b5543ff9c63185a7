"""Plays a trace against a server and records what its viewers get."""

from __future__ import annotations

import http
import http.client
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from dashboard.benchmarking.client import SliceResponse
from dashboard.benchmarking.traces import Step, Trace, Viewer

# Number of connections that browsers open to one host.
CONNECTIONS = 6
# A response of 503 is requested again, as by the page (`assets/data/slice-loader.mjs`).
BUSY = http.HTTPStatus.SERVICE_UNAVAILABLE
BUSY_TRIES = 3
BUSY_WAIT_S = 1.0
# Bounds the run against a server that cannot keep up: steps later than this are not requested.
MAX_WAIT_S = 20.0


class Slices(Protocol):
    """The part of `dashboard.benchmarking.client.Client` that the player uses."""

    def slice(self, file: str, dataset: str, selection: str, **more: str) -> SliceResponse:
        """The response to a request for a slice."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class TraceSample:
    """One step of a viewer, by its number in the viewer's steps.

    `late_ms` is the time from the due time to the last byte, or None if the slice was not requested;
    `total_ms` is the server's part of that. `tries` counts the requests, and `error` is the body of a
    last response other than 200.
    """

    viewer: int
    number: int
    step: Step
    status: int = 0
    outcome: str = ""
    late_ms: float | None = None
    total_ms: float = float("nan")
    tries: int = 0
    error: str = ""


@dataclass(frozen=True)
class TraceTarget:
    """The volumes of a trace: file names by number, the dataset, and the selection of a slice."""

    files: Sequence[str]
    dataset: str
    selection: Callable[[int, int], str]
    query: tuple[tuple[str, str], ...] = (("format", "u8"),)


def play(
    trace: Trace,
    address: TraceTarget,
    connect: Callable[[], Slices],
    grace_s: float = MAX_WAIT_S,
) -> list[TraceSample]:
    """Request every slice of every viewer in order, each at its due time; none is skipped.

    A slice that is due while all connections are busy waits for one, as in a browser.
    """
    each = 1 if trace.paced else CONNECTIONS
    begin = time.monotonic() + 0.05
    last = max(step.at_s for viewer in trace.viewers for step in viewer.steps)
    until = begin + last + grace_s
    ended = threading.Event()
    with ThreadPoolExecutor(each * len(trace.viewers), thread_name_prefix="viewer") as pool:
        work = []
        for number, viewer in enumerate(trace.viewers):
            steps = StepQueue(viewer)
            for _ in range(min(each, len(viewer.steps))):
                player = _Player(number, viewer, address, begin, until, ended, trace.paced)
                work.append(pool.submit(player.run, steps, connect))
        try:
            seen = [one for done in work for one in done.result()]
        except BaseException:
            ended.set()
            raise
    return sorted(seen, key=lambda one: (one.viewer, one.number))


class StepQueue:
    """A queue of a viewer's steps that its connections share; each step is taken once, in order."""

    def __init__(self, viewer: Viewer) -> None:
        self._steps = enumerate(viewer.steps)
        self._lock = threading.Lock()

    def next(self) -> tuple[int, Step] | None:
        with self._lock:
            return next(self._steps, None)


@dataclass
class _Player:
    """One connection of one viewer."""

    number: int
    viewer: Viewer
    address: TraceTarget
    begin: float
    until: float
    ended: threading.Event
    paced: bool

    def run(self, steps: StepQueue, connect: Callable[[], Slices]) -> list[TraceSample]:
        seen: list[TraceSample] = []
        client = connect()
        try:
            while not self.ended.is_set() and (step := steps.next()) is not None:
                seen.append(self._play_step(client, *step))
        finally:
            client.close()
        return seen

    def _play_step(self, client: Slices, number: int, step: Step) -> TraceSample:
        due = self.begin + step.at_s
        now = time.monotonic()
        if now < due:
            self.ended.wait(due - now)
        elif self.paced:
            self.begin += now - due
            due = now
        if time.monotonic() > self.until:
            return TraceSample(self.number, number, step)
        try:
            got, tries = self._request(client, step)
        except (OSError, http.client.HTTPException):
            return TraceSample(self.number, number, step, late_ms=(time.monotonic() - due) * 1e3)
        return TraceSample(
            self.number,
            number,
            step,
            got.status,
            got.outcome,
            late_ms=(got.ended - due) * 1e3,
            total_ms=got.total_ms,
            tries=tries,
            error="" if got.status == 200 else got.body.decode(errors="replace"),
        )

    def _request(self, client: Slices, step: Step) -> tuple[SliceResponse, int]:
        """The last response to the requests for a slice, and their number."""
        for tries in itertools.count(1):
            got = client.slice(
                self.address.files[self.viewer.volume],
                self.address.dataset,
                self.address.selection(step.axis, step.index),
                viewer=f"bench-{self.number}",
                **dict(self.address.query),
            )
            if got.status != BUSY or tries >= BUSY_TRIES or self.ended.wait(BUSY_WAIT_S):
                break
        return got, tries
