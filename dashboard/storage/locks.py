"""File locks that the kernel frees when their holder dies.

`flock` belongs to the open file description: it excludes threads of one process as well as
processes, and a `kill -9` releases it. That is all that single flight needs.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# How often a waiter looks again: short at first, since most waits end soon, then easy on the
# processor.
FIRST_LOOK_S = 0.0005
LAST_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that is held: whether it was waited for, and its descriptor."""

    waited: bool
    fd: int

    @property
    def asked_for(self) -> bool:
        """Whether somebody said, by writing into the lock file, that they wait for what it guards."""
        return os.fstat(self.fd).st_size > 0


def ask_for(fd: int) -> None:
    """Tell the holder of the lock file `fd` that a person waits."""
    os.pwrite(fd, b"w", 0)


class LockTimeout(Exception):
    """The lock was not free within the time given."""


@contextmanager
def exclusive(
    path: Path,
    timeout_s: float,
    *,
    on_wait: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Held]:
    """Hold the lock file `path`; the yielded `Held` tells whether somebody else held it first.

    `on_wait` gets the descriptor of the lock file once, when the wait begins. The file is removed
    on release: a waiter that got hold of a removed one starts over. Raises `LockTimeout`.
    """
    deadline = clock() + timeout_s
    waited = False
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        held = False
        try:
            pause = FIRST_LOOK_S
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
                    pause = min(pause * 1.5, LAST_LOOK_S)
            if os.fstat(fd).st_nlink == 0:
                continue  # its holder removed it while we waited; the name now leads elsewhere
            held = True
            # A holder that was killed left the mark of whoever waited for it then.
            os.ftruncate(fd, 0)
            yield Held(waited, fd)
            return
        finally:
            if held:
                with suppress(OSError):
                    os.unlink(path)
            os.close(fd)


class Gate:
    """Lets background work step aside while anybody works on what a viewer waits for.

    Those who serve a viewer hold the gate's file shared, in any process; background work asks
    between two steps whether anyone does. The kernel drops the hold of a process that dies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Say that somebody waits for what is done inside."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
            yield
        finally:
            os.close(fd)

    def open(self) -> bool:
        """Whether nobody is inside `busy`."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        return True

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)
