"""Long waits in the threads that serve requests: another thread takes over the pending requests meanwhile.

The idea is that of `ForkJoinPool.ManagedBlocker` in Java: code that is about to wait for another process says so,
and the owner of the thread compensates for it. Where it cannot any more, waits that others may cause in any number
are refused: otherwise requests for one slow file would have all threads, and nobody else would get a response.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from dashboard.errors import Busy

_thread = threading.local()

_ALL_WAIT = "Too many requests wait for files that take long; try again in a moment."


def on_blocking(handover: Callable[[], bool]) -> None:
    """Register what the calling thread calls before it waits; it returns whether another thread takes over."""
    _thread.handover = handover


def about_to_block() -> bool:
    """Announce that the calling thread will wait for something other than the processor; never waits itself.

    Returns whether other work goes on meanwhile; True where nobody compensates for the thread.
    """
    handover: Callable[[], bool] | None = getattr(_thread, "handover", None)
    return handover is None or handover()


def about_to_queue() -> None:
    """Announce a wait behind other requests; raises `Busy` where no other work would go on meanwhile."""
    if not about_to_block():
        raise Busy(_ALL_WAIT)
