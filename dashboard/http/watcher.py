"""Descriptors that are waited for, by epoll, without the tables of `selectors`: threads may ask for one, too."""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Final

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT


class Watcher:
    """Calls what was given for a descriptor when it is ready.

    `watch` is for whenever it is, `once` for the next time alone: while a request is answered, its connection is
    not looked at, for one system call a request.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}

    def watch(self, descriptor: int, ready: Callable[[], None], events: int = READ) -> None:
        """Call `ready` whenever the descriptor is ready for `events`, in place of what was asked for it before."""
        known = descriptor in self._ready
        self._ready[descriptor] = ready
        if known:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)

    def once(self, descriptor: int, ready: Callable[[], None], events: int = READ) -> None:
        """Call `ready` when the descriptor is ready the next time; any thread may ask for that."""
        self.watch(descriptor, ready, events | select.EPOLLONESHOT)

    def forget(self, descriptor: int) -> None:
        """Call nothing more for a descriptor, before it is closed."""
        if self._ready.pop(descriptor, None) is not None:
            with suppress(OSError):
                self._epoll.unregister(descriptor)

    def wait(self, within_s: float) -> list[Callable[[], None]]:
        """What is to be called, after at most `within_s` seconds."""
        found = (self._ready.get(descriptor) for descriptor, _ in self._epoll.poll(within_s))
        return [ready for ready in found if ready is not None]

    def close(self) -> None:
        """Close the epoll instance."""
        self._epoll.close()
