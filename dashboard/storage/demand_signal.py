"""The demand signal: background work yields while any process decodes for a demand."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard.addressing.outcomes import Stage
from dashboard.meter import meter
from dashboard.storage.file_lock import lock_at_once, open_lock_file

log = logging.getLogger(__name__)


class DemandSignal:
    """Lets background work yield while any process decodes for a demand.

    Serving a demand takes a shared lock on the signal's file; background work tests for one between two steps.
    The kernel releases the lock of a process that dies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = open_lock_file(path)
        self._lock = threading.Lock()

    @contextmanager
    def demand(self) -> Iterator[None]:
        """Signal a pending demand for the duration of the block."""
        try:
            fd = open_lock_file(self._path)
        except OSError as error:
            # Background work does not yield then, which is no reason to fail the demand.
            log.warning("the demand signal cannot be set: %s", error)
            yield
            return
        try:
            with meter(Stage.WAIT):
                fcntl.flock(fd, fcntl.LOCK_SH)
            yield
        finally:
            os.close(fd)

    def is_idle(self) -> bool:
        """Whether no process is inside `demand`."""
        with self._lock:
            if not self._in_place():
                # The file was deleted: processes that serve demands now have another one open.
                try:
                    fd = open_lock_file(self._path)
                except OSError:
                    return True  # Demands cannot be signalled then either.
                os.close(self._fd)
                self._fd = fd
            if not lock_at_once(self._fd):
                return False
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            return True

    def _in_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        except OSError:
            return False

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)
