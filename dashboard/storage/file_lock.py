"""File locks that the kernel releases when their holder dies.

`flock` belongs to the open file description: it excludes threads of one process as well as
processes, and a `kill -9` releases it. That is all that single flight needs.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dashboard.addressing.outcomes import Stage
from dashboard.meter import meter
from dashboard.storage.private_directory import make_private

# Polling interval: starts short because most locks are held briefly, then backs off.
MIN_POLL_S = 0.0005
MAX_POLL_S = 0.02

# Content of a lock file: whether a demand is waiting, the holder's note, and how far its work is (percent).
_WAITING = b"w"
_NOTE_BYTES = 128
_PROGRESS_AT = 1 + _NOTE_BYTES


@dataclass(frozen=True, slots=True)
class LockHandle:
    """An acquired lock: whether it had to be waited for, and its descriptor."""

    waited: bool
    fd: int

    @property
    def demand_waiting(self) -> bool:
        """Whether a demand is waiting for this lock, as its waiter has written into the lock file."""
        return os.pread(self.fd, 1, 0) == _WAITING

    def leave_note(self, note: str) -> None:
        """Tell those who wait for the lock what it is held for; at most 128 bytes."""
        os.pwrite(self.fd, note.encode()[:_NOTE_BYTES], 1)

    def leave_progress(self, share: float) -> None:
        """Tell how much of the work is done that the lock is held for, from 0 to 1."""
        os.pwrite(self.fd, bytes([round(100 * share)]), _PROGRESS_AT)


def signal_demand_waiting(fd: int) -> None:
    """Signal to the holder of the lock file `fd` that a demand is waiting."""
    os.pwrite(fd, _WAITING, 0)


def read_note(fd: int) -> str:
    """The note that the holder of the lock file `fd` has left; empty without one."""
    return os.pread(fd, _NOTE_BYTES, 1).rstrip(b"\0").decode(errors="replace")


def read_progress(path: Path) -> float | None:
    """How much is done of the work that the lock file `path` is held for; None where nobody says."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.pread(fd, 1, _PROGRESS_AT)
        return min(found[0], 100) / 100 if found else None
    except OSError:
        return None
    finally:
        os.close(fd)


@meter(Stage.CACHE)
def open_lock_file(path: Path) -> int:
    """Open a lock file, creating it and its directory where they are missing; raises `OSError`."""
    how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, how, 0o600)
    except FileNotFoundError:
        make_private(path.parent)
        return os.open(path, how, 0o600)


def lock_at_once(fd: int) -> bool:
    """Lock the file `fd` exclusively, unless it is locked; returns whether it was. Raises `OSError`."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class LockTimeout(Exception):
    """The lock was not released within the timeout."""


@contextmanager
def file_lock(
    path: Path,
    timeout_s: float,
    *,
    on_wait: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LockHandle]:
    """Acquire the lock file `path`; the yielded `LockHandle` says whether that had to wait.

    `on_wait` is called once with the descriptor of the lock file when the wait begins. The file is removed
    on release; a waiter that locked a removed file starts over. Raises `LockTimeout`.
    """
    deadline = clock() + timeout_s
    waited = False
    while True:
        fd = open_lock_file(path)
        locked = False
        try:
            pause = MIN_POLL_S
            with meter(Stage.WAIT):
                while not lock_at_once(fd):
                    if not waited and on_wait is not None:
                        on_wait(fd)
                    waited = True
                    if clock() >= deadline:
                        raise LockTimeout(path.name)
                    sleep(pause)
                    pause = min(pause * 1.5, MAX_POLL_S)
            if os.fstat(fd).st_nlink == 0:
                continue  # The holder removed the file during the wait; the name refers to another file now.
            locked = True
            # A killed holder leaves the mark of the demand that was waiting then.
            os.ftruncate(fd, 0)
            yield LockHandle(waited, fd)
            return
        finally:
            if locked:
                with suppress(OSError):
                    os.unlink(path)
            os.close(fd)


def _whole_file(kind: int) -> bytes:
    """A `struct flock` over a whole file (fcntl(2))."""
    return struct.pack("@hhqqi0q", kind, os.SEEK_SET, 0, 0, 0)


def mark_in_use(fd: int) -> None:
    """Mark a file as being written until the descriptor and all its duplicates are closed.

    An open file description lock, which the kernel releases when the process dies and which does not interfere
    with `flock` on the same file. Raises `OSError`.
    """
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))


def in_use(path: Path) -> bool:
    """Whether a live process has marked the file at `path`; False when the file is gone."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        found = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
        return bool(struct.unpack_from("@h", found)[0] != fcntl.F_UNLCK)
    finally:
        os.close(fd)


def remove_stale_locks(folder: Path, older_than_s: float) -> None:
    """Delete unlocked lock files older than `older_than_s`; killed processes leave them behind."""
    limit = time.time() - older_than_s
    for path in folder.glob("*.lock"):
        try:
            if path.stat().st_mtime < limit:
                with file_lock(path, 0.0):
                    pass  # releasing removes the file
        except (LockTimeout, OSError):
            continue
