"""Time and bytes of a request by stage: measured where the work is done, collected at the edge alone.

Code that does the work says `with meter(Stage.DECODE):` and `count_bytes(Stage.READ, n)`, and knows nothing of
requests. The edge says `with recording(Stage.OTHER) as rec:`. Each stage gets its self time: what a nested stage
took is not counted twice, so the stages add up to the whole. The idea: `distributed.metrics.ContextMeter`.

    >>> with recording(Stage.OTHER) as rec:
    ...     with meter(Stage.DECODE):
    ...         with meter(Stage.READ):
    ...             count_bytes(Stage.READ, 100)
    >>> sorted(map(str, rec.seconds))
    ['decode', 'other', 'read']
    >>> rec.nbytes[Stage.READ]
    100
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from dashboard.addressing.outcomes import Stage

P = ParamSpec("P")
R = TypeVar("R")


class _Span:
    """One entered stage and its self time so far (s)."""

    __slots__ = ("seconds", "stage")

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seconds = 0.0


class Recording:
    """The time of one piece of work by stage; made by `recording()`.

    `seconds` maps stage names to self time (s); it is complete once the recording has ended. `nbytes` has the
    bytes that a stage handled, where they were counted. `queued_s` is the time that the work waited for a thread,
    which is part of `wait` and of the total.
    """

    def __init__(self, root: Stage, clock: Callable[[], float], queued_s: float = 0.0) -> None:
        self.seconds: dict[Stage, float] = {}
        self.nbytes: dict[Stage, int] = {}
        self.queued_s = queued_s
        if queued_s > 0.0:
            self.seconds[Stage.WAIT] = queued_s
        self._clock = clock
        # The context may be copied into other threads, whose concurrent time must not be added.
        self._thread = threading.get_ident()
        self._began = self._mark = clock()
        self._ended: float | None = None
        self._spans = [_Span(root)]

    @property
    def total_s(self) -> float:
        """Wall time (s) from the beginning of the queue to the end, or until now."""
        ended = self._clock() if self._ended is None else self._ended
        return self.queued_s + ended - self._began

    def root(self, stage: Stage) -> None:
        """Attribute time outside of nested stages to `stage` from now on."""
        if self._ended is None:
            self._book()
            self._spans[0].stage = stage

    def accepts(self) -> bool:
        """Whether this recording accepts times of the calling thread now."""
        return self._ended is None and threading.get_ident() == self._thread

    def is_in(self, stage: Stage) -> bool:
        """Whether the innermost stage is this one."""
        return self._spans[-1].stage == stage

    def enter(self, stage: Stage) -> _Span:
        """Begin a nested stage."""
        self._book()
        span = _Span(stage)
        self._spans.append(span)
        return span

    def leave(self, span: _Span) -> None:
        """End a nested stage, and all stages inside it that were not ended."""
        # A generator that outlives its caller may leave late, when the stage has already ended.
        if self._ended is None and span in self._spans:
            self._book()
            del self._spans[self._spans.index(span) :]

    def reattribute(self, parts: Mapping[Stage, float]) -> None:
        """Move measured seconds from the innermost stage to others; see the function `reattribute`."""
        self._book()
        span = self._spans[-1]
        measured = {stage: seconds for stage, seconds in parts.items() if seconds > 0.0}
        total = sum(measured.values())
        if total <= 0.0:
            return
        # Clocks of different threads round differently; no stage may become negative because of that.
        share = min(1.0, span.seconds / total)
        for stage, seconds in measured.items():
            self._add(stage, seconds * share)
        self._add(span.stage, -total * share)
        span.seconds -= total * share

    def end(self) -> None:
        """Stop the clock; later calls change nothing."""
        if self._ended is None:
            self._book()
            self._ended = self._mark

    def _book(self) -> None:
        now = self._clock()
        span = self._spans[-1]
        span.seconds += now - self._mark
        self._add(span.stage, now - self._mark)
        self._mark = now

    def _add(self, stage: Stage, seconds: float) -> None:
        self.seconds[stage] = max(0.0, self.seconds.get(stage, 0.0) + seconds)


_listener: ContextVar[Recording | None] = ContextVar("lamella_recording", default=None)


@contextmanager
def recording(
    root: Stage, clock: Callable[[], float] = time.perf_counter, *, queued_s: float = 0.0
) -> Iterator[Recording]:
    """Record the stages of this thread; time outside of them is attributed to the stage `root`."""
    record = Recording(root, clock, queued_s)
    token = _listener.set(record)
    try:
        yield record
    finally:
        _listener.reset(token)
        record.end()


class meter:  # noqa: N801  # read as a verb: `with meter(Stage.READ):`
    """Measures the self time of a block, or of a function that it decorates, as a stage.

    Does nothing without a recording. A class and not a generator: a request enters dozens of stages.
    """

    __slots__ = ("_record", "_span", "_stage")

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        self._record = _accepting()
        self._span = None if self._record is None else self._record.enter(self._stage)

    def __exit__(self, *_: object) -> None:
        if self._record is not None and self._span is not None:
            self._record.leave(self._span)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, metered."""
        stage = self._stage

        @wraps(function)
        def metered(*args: P.args, **kwargs: P.kwargs) -> R:
            record = _accepting()
            if record is None or record.is_in(stage):
                return function(*args, **kwargs)
            span = record.enter(stage)
            try:
                return function(*args, **kwargs)
            finally:
                record.leave(span)

        return metered


def _accepting() -> Recording | None:
    record = _listener.get()
    return record if record is not None and record.accepts() else None


def reattribute(parts: Mapping[Stage, float]) -> None:
    """Move seconds that were measured elsewhere from the enclosing stage to other stages.

    For work done by other threads while this one waited: the caller scales the parts to their common wall time.
    Parts that exceed the enclosing stage's time are scaled down in proportion.
    """
    record = _listener.get()
    if record is not None and record.accepts():
        record.reattribute(parts)


def count_bytes(stage: Stage, count: int) -> None:
    """Count bytes that a stage handled: in `read` those read from the files, in `decode` those it gave.

    Called by the thread of the request, also for what other threads did for it. Where bytes were decoded and none
    counted as read, not even 0, the number of bytes read is unknown.
    """
    record = _accepting()
    if record is not None:
        record.nbytes[stage] = record.nbytes.get(stage, 0) + count
