"""New connections, of which each web process takes about as many as the others.

The processes listen on the same sockets, and whichever wakes first has the connection: of six hundred that were
opened one after the other, one of two processes had up to 432, and its clients waited for it beside a processor
that was idle. A process that has more connections than another one leaves new ones to it for five milliseconds.
"""

from __future__ import annotations

import errno
import logging
import mmap
import time
from collections.abc import Callable, Iterable
from functools import partial as bind
from typing import Any, Final

from dashboard.http.watcher import Watcher

log = logging.getLogger(__name__)

# Processes that serve and, while the configuration is reloaded, those that finish.
PLACES: Final = 64
YIELD_S: Final = 0.005
# Process A has too many when it has more than B by this and an eighth of B's. With less, the two would wait for
# each other while many clients connect at the same moment.
MARGIN: Final = 4
MARGIN_PART: Final = 8

NO_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_NOT_ACCEPTING: Final = -1


class ConnectionCounts:
    """How many connections each web process has, in memory that they share; made before they are forked."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, PLACES * 4)).cast("i")
        for place in range(PLACES):
            self._counts[place] = _NOT_ACCEPTING

    def share(self, taken: Iterable[int]) -> Share:
        """A process's share, in a place that is not `taken`.

        Raises:
            StopIteration: There are more than `PLACES` processes.
        """
        used = set(taken)
        return Share(self._counts, next(one for one in range(PLACES) if one not in used))


class Share:
    """One web process among those that accept connections."""

    def __init__(self, counts: memoryview, place: int) -> None:
        self.place = place
        self._counts = counts

    def have(self, connections: int) -> None:
        """Say how many this process has."""
        self._counts[self.place] = connections

    def leave(self) -> None:
        """Accept no more."""
        self._counts[self.place] = _NOT_ACCEPTING

    def too_many(self) -> bool:
        """Whether this process has more than its share."""
        others = [count for count in self._counts if count >= 0]
        least = min(others, default=0)
        return self._counts[self.place] - least > MARGIN + least // MARGIN_PART


class Acceptor:
    """The listening sockets of a web process; its methods belong to the event loop.

    `accepted(client, peer, listener)` gets each connection; `exhausted` is called when the process has no
    descriptor for one, after which `start` has to be called again.
    """

    def __init__(
        self,
        watcher: Watcher,
        listeners: list[Any],
        share: Share | None,
        accepted: Callable[[Any, Any, Any], None],
        exhausted: Callable[[], None],
    ) -> None:
        self._watcher = watcher
        self._listeners = listeners
        self._share = share
        self._accepted = accepted
        self._exhausted = exhausted
        self._yields_until: float | None = None
        self.accepting = False

    def start(self) -> None:
        """Accept connections from now on."""
        if self.accepting:
            return
        self.accepting = True
        for listener in self._listeners:
            listener.setblocking(False)
            self._watcher.watch(listener.fileno(), bind(self._ready, listener))

    def stop(self) -> None:
        """Accept no connections any more, or not until `start`."""
        if not self.accepting:
            return
        self.accepting = False
        self._yields_until = None
        for listener in self._listeners:
            self._watcher.forget(listener.fileno())

    def within_s(self, most_s: float) -> float:
        """How long the event loop may wait, at most `most_s`, until `take` has to be called."""
        return most_s if self._yields_until is None else min(most_s, YIELD_S)

    def take(self) -> None:
        """Take what no other process has taken, when this one has yielded for long enough."""
        if self._yields_until is None or time.monotonic() < self._yields_until:
            return
        self._yields_until = None
        for listener in self._listeners:
            while self.accepting and self._accept(listener):
                pass
            if self.accepting:
                self._watcher.watch(listener.fileno(), bind(self._ready, listener))

    def _ready(self, listener: Any) -> None:
        if self._share is not None and self._share.too_many():
            self._yields_until = time.monotonic() + YIELD_S
            for one in self._listeners:
                self._watcher.forget(one.fileno())
        else:
            self._accept(listener)

    def _accept(self, listener: Any) -> bool:
        """Take one connection; whether there was one."""
        try:
            client, peer = listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTORS:
                log.warning("no connection can be accepted: %s", error.strerror)
                self.stop()
                self._exhausted()
            return False
        client.setblocking(False)
        self._accepted(client, peer, listener)
        return True
