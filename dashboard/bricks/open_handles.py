"""LRU cache of open bricks, which saves looking up the entry, opening the file and mapping it on each access."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from dashboard.storage.eviction import IN_USE_S


class Openable(Protocol):
    """An open brick; `dashboard.bricks.brick.FileBrick`."""

    def is_intact(self) -> bool:
        """Whether its file is still in its place, and as long as it was."""


B = TypeVar("B", bound=Openable)


class OpenBrickCache(Generic[B]):
    """Open bricks by key.

    An evicted brick occupies its bytes on the disk as long as it is open, so bricks are closed soon after
    eviction may take them: maintenance calls `evict_idle` once a second.
    `clock` gives seconds and may be replaced.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_open = most
        self.clock = clock
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
        """Keep a brick open; beyond the limit the least recently used one is closed."""
        with self._lock:
            self._bricks[key] = brick, self.clock()
            self._bricks.move_to_end(key)
            if len(self._bricks) > self._max_open:
                self._bricks.popitem(last=False)

    def drop(self, key: str) -> None:
        """Close a brick, if it is open; callers that still use it keep it alive by their reference."""
        with self._lock:
            self._bricks.pop(key, None)

    def evict_idle(self) -> None:
        """Close bricks that were not used lately or have been evicted."""
        oldest = self.clock() - IN_USE_S
        with self._lock:
            known = list(self._bricks.items())
        for key, (brick, used) in known:
            if used < oldest or not brick.is_intact():
                self.drop(key)
