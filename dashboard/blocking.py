"""Long waits in the threads that serve requests: another thread takes over the pending requests meanwhile.

The idea is that of `ForkJoinPool.ManagedBlocker` in Java: code that is about to wait for another process says so,
and the owner of the thread compensates for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_thread = threading.local()


def on_blocking(handover: Callable[[], None]) -> None:
    """Register what `about_to_block` calls in the calling thread."""
    _thread.handover = handover


def about_to_block() -> None:
    """Announce that the calling thread will wait for something other than the processor; never waits itself."""
    handover = getattr(_thread, "handover", None)
    if handover is not None:
        handover()
