"""Prefetching over several machines: each brick is decoded by the one that will be asked for its slices.

The machine that answered a viewer plans, and sends each planned brick through the load balancer, which knows by
its slab where it belongs. What comes in there is a row with a deadline in that machine's own store; its worker
decodes it as one of its own plans. No machine knows where another one is.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Annotated, Final, NamedTuple, Protocol

from cachetools import FIFOCache
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import VIEWER_ID
from dashboard.addressing.selection import MAX_RANK
from dashboard.addressing.slabs import slab_of
from dashboard.catalog.description import slab_thickness
from dashboard.catalog.volume import Volume
from dashboard.errors import LamellaError
from dashboard.prefetch.expiring_set import MAX_ENTRIES
from dashboard.prefetch.worker import Task
from dashboard.storage.followed_rows import FollowedRows
from dashboard.storage.rows import Rows, RowsUnavailable

log = logging.getLogger(__name__)

ASKED: Final = "asked:"
# Bricks that wait on one machine; more are refused.
MOST: Final = 256
# For how long a brick is worth decoding after its deadline, and how far ahead a deadline may lie (s).
LATE_S: Final = 10.0
AHEAD_S: Final = 120.0
# A brick is sent again no sooner than that, and no sooner than that when it is in the cache there (s).
SENT_S: Final = 5.0
CACHED_S: Final = 30.0
# By how much (s) its deadline has come nearer then, unless it has passed for long.
SOONER_S: Final = 1.0
# In one round, which a waiting viewer's next one may delay.
MOST_SENT: Final = 32
# How long a balancer that cannot be used is left alone.
PAUSE_S: Final = 5.0

_Index = Annotated[int, Field(ge=0, lt=2**62)]
_Position = Annotated[tuple[_Index, ...], Field(min_length=2, max_length=MAX_RANK)]


class AskedBrick(BaseModel):
    """A brick that another machine has planned for a viewer; `due` is the Unix time (s) of its deadline.

    `plan` and `sharer` are the names of the plan, and of who has a share of the worker's time for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    viewer: Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")]
    plan: Annotated[str, Field(max_length=128)]
    sharer: Annotated[str, Field(max_length=512)]
    moving: bool
    due: Annotated[float, Field(allow_inf_nan=False)]
    file: Annotated[str, Field(max_length=1024)]
    dataset: Annotated[str, Field(max_length=2000)]
    fingerprint: Annotated[tuple[_Index, ...], Field(min_length=4, max_length=4)]
    rows: Annotated[int, Field(ge=0, lt=MAX_RANK)]
    cols: Annotated[int, Field(ge=0, lt=MAX_RANK)]
    start: _Position
    key: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]

    @model_validator(mode="after")
    def _is_plane(self) -> AskedBrick:
        if self.rows == self.cols or max(self.rows, self.cols) >= len(self.start):
            raise ValueError("rows and cols are two dimensions")
        return self


class AskedBricks:
    """What other machines have asked this one for, in `rows` of its own; `clock` gives Unix time (s).

    One process adds, another one reads and removes.
    """

    def __init__(self, rows: Rows, clock: Callable[[], float]) -> None:
        self._rows = rows
        self._clock = clock
        self._followed = FollowedRows(rows, MOST, ASKED, clock=clock)
        self._read: dict[str, tuple[bytes, AskedBrick]] = {}

    def add(self, asked: AskedBrick) -> bool:
        """Queue a brick until its deadline has passed; returns whether there was room for it."""
        late_s = asked.due + LATE_S - self._clock()
        if late_s <= 0.0:
            return True
        key = ASKED + asked.key
        if self._rows.get(key) is None and len(self._keys()) >= MOST:
            return False
        value = asked.model_dump_json().encode()
        return self._rows.set(key, value, min(late_s, AHEAD_S))

    def waiting(self) -> list[AskedBrick]:
        """The bricks whose deadlines have not passed for long."""
        try:
            rows = self._followed.read()
        except RowsUnavailable as error:
            log.debug("what other machines ask for cannot be read: %s", error)
            return []
        before, self._read = self._read, {}
        for key, value in list(rows.items()):
            known = before.get(key)
            asked = known[1] if known is not None and known[0] == value else _asked(value)
            if asked is None or asked.due + LATE_S <= self._clock():
                self._remove(key)
            else:
                self._read[key] = value, asked
        return [asked for _, asked in self._read.values()]

    def done(self, key: str) -> None:
        """A brick, by its key, need not be decoded any more."""
        self._remove(ASKED + key)

    def _remove(self, key: str) -> None:
        self._rows.delete(key)
        self._followed.forget(key)

    def _keys(self) -> list[str]:
        try:
            return self._rows.keys_with_prefix(ASKED)
        except RowsUnavailable as error:
            log.debug("what other machines ask for cannot be read: %s", error)
            return []


def _asked(value: bytes) -> AskedBrick | None:
    try:
        return AskedBrick.model_validate_json(value)
    except ValidationError as error:
        log.warning("a brick was skipped: %.200s", error.errors(include_url=False)[0]["msg"])
        return None


class Taken(Enum):
    """What a machine does about a brick that it is asked for."""

    WAITS = "it is to be decoded"
    CACHED = "it is there"
    REFUSED = "too many wait"


class Sender(Protocol):
    """Sends a brick to where its slab belongs, and returns what becomes of it; raises OSError."""

    def __call__(self, asked: AskedBrick, slab: str) -> Taken: ...


class _Sent(NamedTuple):
    """When (Unix time, s) one may be sent again if its deadline, which was `due`, is sooner, and in any case."""

    due: float
    sooner_at: float
    again_at: float

    @classmethod
    def of(cls, taken: Taken, due: float, now: float) -> _Sent:
        if taken is Taken.WAITS:
            return cls(due, now + SENT_S, max(due + LATE_S, now + SENT_S))
        again_at = now + (CACHED_S if taken is Taken.CACHED else SENT_S)
        return cls(due, again_at, again_at)

    def is_over(self, due: float, now: float) -> bool:
        """Whether the brick, whose deadline is `due` by now, is to be sent again."""
        return now >= self.again_at or (now >= self.sooner_at and due < self.due - SOONER_S)


class Exchange:
    """Gives planned bricks away, and has those that are asked for here; see `Worker`.

    `volume(file, dataset)` is the volume as it is now.
    """

    def __init__(
        self,
        asked: AskedBricks,
        send: Sender,
        volume: Callable[[str, str], Volume],
    ) -> None:
        self._asked = asked
        self._send = send
        self._volume = volume
        self._sent: FIFOCache[str, _Sent] = FIFOCache(MAX_ENTRIES)
        self._paused_until = -math.inf
        self._here: dict[str, tuple[AskedBrick, Task]] = {}

    def __call__(self, planned: Sequence[Task], now: float) -> list[Task]:
        """Send what is planned, the earliest deadlines first; returns what is to be decoded here."""
        if now >= self._paused_until:
            due = sorted(planned, key=lambda task: task.due)
            fresh = [task for task in due if self._is_fresh(task, now)]
            try:
                for task in fresh[:MOST_SENT]:
                    taken = self._send(asked_of(task), slab_of_brick(task.volume, task.address))
                    self._sent[task.address.key] = _Sent.of(taken, task.due, now)
            except OSError as error:
                log.warning("the load balancer cannot be used, nothing is prefetched: %s", error)
                self._paused_until = now + PAUSE_S
        volumes: dict[tuple[str, str], Volume | None] = {}
        before, self._here = self._here, {}
        for asked in self._asked.waiting():
            name = asked.file, asked.dataset
            if name not in volumes:
                volumes[name] = self._known(*name)
            volume, known = volumes[name], before.get(asked.key)
            if known is None or known[0] is not asked or known[1].volume is not volume:
                known = None if volume is None else _with_task(volume, asked)
            if known is None:
                # Another state of the file, for instance.
                self._asked.done(asked.key)
            else:
                self._here[asked.key] = known
        return [task for _, task in self._here.values()]

    def _is_fresh(self, task: Task, now: float) -> bool:
        sent = self._sent.get(task.address.key)
        return sent is None or sent.is_over(task.due, now)

    def done(self, key: str) -> None:
        """A brick is in the cache, or cannot be."""
        self._asked.done(key)

    def _known(self, file: str, dataset: str) -> Volume | None:
        with suppress(LamellaError):
            return self._volume(file, dataset)
        return None


def _with_task(volume: Volume, asked: AskedBrick) -> tuple[AskedBrick, Task] | None:
    """A brick with the task to decode it; None where this machine sees no such brick."""
    address = _address(volume, asked)
    if address is None:
        return None
    purpose = Purpose.PREFETCH_MOVING if asked.moving else Purpose.PREFETCH_IDLE
    task = Task(asked.viewer, volume, address, asked.due, purpose, asked.sharer, asked.plan)
    return asked, task


def asked_of(task: Task) -> AskedBrick:
    """A planned brick as other machines are asked for it."""
    address = task.address
    return AskedBrick(
        viewer=task.viewer,
        plan=task.plan,
        sharer=task.sharer,
        moving=task.purpose is Purpose.PREFETCH_MOVING,
        due=task.due,
        file=address.volume.file,
        dataset=address.volume.dataset,
        fingerprint=tuple(address.volume.fingerprint.as_list()),
        rows=address.rows,
        cols=address.cols,
        start=address.start,
        key=address.key,
    )


def slab_of_brick(volume: Volume, address: BrickAddress) -> str:
    """The slab of the slices of a brick."""
    plane = (address.rows, address.cols)
    fixed = {dim: at for dim, at in enumerate(address.start) if dim not in plane}
    named = address.volume
    thick = slab_thickness(volume.shape, volume.chunks, volume.dtype.itemsize)
    return slab_of(named.file, named.dataset, fixed, thick)


def _address(volume: Volume, asked: AskedBrick) -> BrickAddress | None:
    """The brick that is asked for; None where this machine sees no such brick."""
    if len(asked.start) != len(volume.shape) or any(
        at >= length for at, length in zip(asked.start, volume.shape, strict=True)
    ):
        return None
    plane = (asked.rows, asked.cols)
    position = {dim: at for dim, at in enumerate(asked.start) if dim not in plane}
    row, col = asked.start[asked.rows], asked.start[asked.cols]
    found = volume.bricks_at(position, *plane, (row, row + 1), (col, col + 1))
    return next((brick for brick in found if brick.key == asked.key), None)
