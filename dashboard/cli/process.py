"""What the long-running commands share: their log, their checks at start, and their end."""

from __future__ import annotations

import ctypes
import errno
import gc
import logging
import os
import signal
import socket
import sys
from queue import SimpleQueue
from types import FrameType

from dashboard.errors import SetupError
from dashboard.files.catalog import parse_roots
from dashboard.log_limit import LogRateFilter
from dashboard.settings import Settings
from dashboard.storage.disk_space import ensure_private_directory

BACKLOG = 512
PR_SET_PDEATHSIG = 1

# glibc's mallopt (malloc.h): blocks from this size on are mapped one by one and given back when freed,
# free memory beyond this at the end of the heap is given back, and so many heaps there are.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MMAP_THRESHOLD_BYTES = 32 * 2**20
KEPT_FREE_BYTES = 64 * 2**20

TERMINATION_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def check_startup(settings: Settings) -> None:
    """Check the data and the cache directory, and set up the log; raises `SetupError`."""
    logging.basicConfig(
        level=settings.log_level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    limit_log(logging.getLogger())
    if not settings.data:
        raise SetupError("Name at least one file or folder to show, or set LAMELLA_DATA.")
    parse_roots(settings.data)
    ensure_private_directory(settings.cache_dir)


def limit_log(logger: logging.Logger) -> None:
    """Bound the lines of one kind that the handlers of `logger` take in a second."""
    for handler in logger.handlers:
        if not any(isinstance(one, LogRateFilter) for one in handler.filters):
            handler.addFilter(LogRateFilter())


def tune_malloc() -> None:
    """Have freed memory reused by this process instead of given back to the kernel, up to 64 MiB.

    A frame is made in some blocks of a few megabytes. Given back after each answer they cost the
    next one a page fault for every 4 KiB: 1360² uint8 from the frame cache, one right after the
    other, took 2.1 ms or more with them and 0.5 ms without. One heap for all threads, so that the
    bound holds for all of them together. Other C libraries than glibc are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES)
        mallopt(M_ARENA_MAX, 1)


def freeze_gc() -> None:
    """Have the garbage collector pass over what is there now: else a full pass takes some 70 ms."""
    gc.collect()
    gc.freeze()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on `host` and `port`; raises `SetupError`."""
    bare = host.strip("[]")
    try:
        family, _, _, _, address = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise SetupError(f"The host {host} is not known.") from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connections are still being closed counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SetupError(
                f"Port {port} of {host} is in use; choose another with --port."
            ) from None
        reason = (error.strerror or str(error)).lower()
        raise SetupError(f"Cannot listen on {host}, port {port}: {reason}.") from None
    return listener


def die_with_parent(parent: int | None) -> None:
    """Have the kernel end this process when the process `parent`, its own parent, is gone.

    A supervisor killed with -9 can tell its children nothing. Only Linux does this; elsewhere nothing happens.
    """
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it was gone before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def queue_signals(
    queue: SimpleQueue[int], signals: tuple[signal.Signals, ...] = TERMINATION_SIGNALS
) -> None:
    """Put the numbers of `signals` on `queue` as they come.

    A handler runs between any two steps of the main thread; of all means to wake that thread up, only a
    SimpleQueue may be used there, since an Event's lock may be held by the very code it interrupts.
    """

    def put(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        queue.put(number)

    for number in signals:
        # nohup: the process is meant to outlive the terminal.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, put)
