"""File locks that the kernel frees when their holder dies.

`flock` belongs to the open file description: it excludes threads of one process as well as
processes, and a `kill -9` releases it. That is all that single flight needs.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dashboard.storage.disk_space import make_private

log = logging.getLogger(__name__)

# How often a waiter looks again: short at first, since most waits end soon, then easy on the
# processor.
MIN_POLL_S = 0.0005
MAX_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class LockHandle:
    """A lock that is held: whether it was waited for, and its descriptor."""

    waited: bool
    fd: int

    @property
    def demand_waiting(self) -> bool:
        """Whether somebody said, by writing into the lock file, that they wait for what it guards."""
        return os.fstat(self.fd).st_size > 0


def signal_demand_waiting(fd: int) -> None:
    """Tell the holder of the lock file `fd` that a person waits."""
    os.pwrite(fd, b"w", 0)


def _opened(path: Path) -> int:
    """A descriptor of a lock file, which is made, with its folder, where it is missing; raises `OSError`."""
    how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, how, 0o600)
    except FileNotFoundError:
        make_private(path.parent)
        return os.open(path, how, 0o600)


class LockTimeout(Exception):
    """The lock was not free within the time given."""


@contextmanager
def file_lock(
    path: Path,
    timeout_s: float,
    *,
    on_wait: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LockHandle]:
    """Hold the lock file `path`; the yielded `Held` tells whether somebody else held it first.

    `on_wait` gets the descriptor of the lock file once, when the wait begins. The file is removed
    on release: a waiter that got hold of a removed one starts over. Raises `LockTimeout`.
    """
    deadline = clock() + timeout_s
    waited = False
    while True:
        fd = _opened(path)
        held = False
        try:
            pause = MIN_POLL_S
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not waited and on_wait is not None:
                        on_wait(fd)
                    waited = True
                    if clock() >= deadline:
                        raise LockTimeout(path.name) from None
                    sleep(pause)
                    pause = min(pause * 1.5, MAX_POLL_S)
            if os.fstat(fd).st_nlink == 0:
                continue  # its holder removed it while we waited; the name now leads elsewhere
            held = True
            # A holder that was killed left the mark of whoever waited for it then.
            os.ftruncate(fd, 0)
            yield LockHandle(waited, fd)
            return
        finally:
            if held:
                with suppress(OSError):
                    os.unlink(path)
            os.close(fd)


def _whole_file(kind: int) -> bytes:
    """A `struct flock` over a whole file (fcntl(2))."""
    return struct.pack("@hhqqi0q", kind, os.SEEK_SET, 0, 0, 0)


def mark_in_use(fd: int) -> None:
    """Mark a file as being written until the descriptor, and all its duplicates, are closed.

    An open file description lock: the kernel drops it when the process dies, and `flock` on the same file
    stays free for others. Raises `OSError`.
    """
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))


def in_use(path: Path) -> bool:
    """Whether a process that is alive marked the file at `path`; False when it is gone."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        found = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
        return bool(struct.unpack_from("@h", found)[0] != fcntl.F_UNLCK)
    finally:
        os.close(fd)


class DemandSignal:
    """Lets background work step aside while anybody works on what a viewer waits for.

    Those who serve a viewer hold the gate's file shared, in any process; background work asks
    between two steps whether anyone does. The kernel drops the hold of a process that dies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = _opened(path)
        self._lock = threading.Lock()

    @contextmanager
    def demand(self) -> Iterator[None]:
        """Say that somebody waits for what is done inside."""
        try:
            fd = _opened(self._path)
        except OSError as error:
            # Background work then does not step aside, which is no reason to fail who waits.
            log.warning("no file to say that a viewer waits: %s", error)
            yield
            return
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
            yield
        finally:
            os.close(fd)

    def is_idle(self) -> bool:
        """Whether nobody is inside `busy`."""
        with self._lock:
            if not self._in_place():
                # The file was deleted: who is busy now has another one open.
                try:
                    fd = _opened(self._path)
                except OSError:
                    return True  # and nobody can say so
                os.close(self._fd)
                self._fd = fd
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            return True

    def _in_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except OSError:
            return False

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)
