"""Bricks that were used just now, kept open: a brick's entry, file and map need not be found anew each time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from dashboard.storage.eviction import IN_USE_S


class Openable(Protocol):
    """What is kept open; `dashboard.bricks.store.FileBrick`."""

    def is_intact(self) -> bool:
        """Whether its file is still in its place, and as long as it was."""


B = TypeVar("B", bound=Openable)


class OpenBrickCache(Generic[B]):
    """Open bricks by key.

    One that has left the cache keeps its bytes on the disk as long as it is open. So none is open
    for much longer than eviction spares it: whoever has a clock running calls `tidy` once a second.
    `clock` gives seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_open = most
        self._clock = clock
        self._lock = threading.Lock()
        self._bricks: OrderedDict[str, tuple[B, float]] = OrderedDict()

    def get(self, key: str) -> B | None:
        """The brick, unless it is not open or its file has left the cache."""
        with self._lock:
            found = self._bricks.get(key)
        if found is None:
            return None
        brick = found[0]
        if not brick.is_intact():
            self.drop(key)
            return None
        self.put(key, brick)
        return brick

    def put(self, key: str, brick: B) -> None:
        """Keep a brick open that is used now; the one used longest ago goes when there are too many."""
        with self._lock:
            self._bricks[key] = brick, self._clock()
            self._bricks.move_to_end(key)
            if len(self._bricks) > self._max_open:
                self._bricks.popitem(last=False)

    def drop(self, key: str) -> None:
        """Let a brick go, if it is open; who uses it just now keeps it until then."""
        with self._lock:
            self._bricks.pop(key, None)

    def evict_idle(self) -> None:
        """Let go what was not used lately, or has left the cache."""
        oldest = self._clock() - IN_USE_S
        with self._lock:
            known = list(self._bricks.items())
        for key, (brick, used) in known:
            if used < oldest or not brick.is_intact():
                self.drop(key)
