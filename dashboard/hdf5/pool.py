"""Pool of HDF5 workers: child processes that are kept warm, limited, and replaced when they die.

A damaged file can crash libhdf5, hang it or exhaust memory, which no `try` catches. The library therefore runs in
processes of its own, whose failures become errors with a sentence and never end the server.
"""

from __future__ import annotations

import logging
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

from dashboard import errors
from dashboard.addressing.outcomes import Stage
from dashboard.blocking import about_to_queue
from dashboard.disconnects import POLL_S, check_client
from dashboard.files.roots import Roots, SourceFile, out_of_reach
from dashboard.hdf5.answers import Answer, parse_answer
from dashboard.hdf5.child import Hdf5Worker, SpentTime, Stalled
from dashboard.hdf5.messages import Envelope, Failure, Reply, Request
from dashboard.meter import meter

log = logging.getLogger(__name__)

# The program of a worker; its limits and roots follow as arguments.
COMMAND = (sys.executable, "-m", "dashboard.hdf5.worker")
OVERTIME = 2.0
# Most workers of a process, beyond the number that is asked for, where files differ in what they may link to.
MAX_FOR_KINDS = 8
# Signals from outside: the kernel's OOM killer, or a stop of the server.
_ENDED = frozenset(
    -number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
)


class WorkerCrashed(errors.CannotShow):
    """The library crashed twice, or spent its time limit, on this file; `position` is the object, if known.

    A position is the inode of the object's file and the object's address in it.
    """

    def __init__(self, message: str, position: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.position = position


class FailedBefore(WorkerCrashed):
    """The library failed on this object recently and was not called again."""


class Unreadable(errors.CannotShow):
    """The library reported an error; `detail` is for the log alone."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


_ERRORS: dict[str, type[errors.LamellaError]] = {
    "cannot_show": errors.CannotShow,
    "not_found": errors.NotFound,
    "bad_request": errors.BadRequest,
    "changed": errors.Changed,
    "busy": errors.Busy,
    "failed": FailedBefore,
}


class _Killed(Exception):
    """A worker was killed from outside, also while it was idle."""


class _Crashed(Exception):
    """A worker died during a request or violated the protocol; `position` is the object, if known."""

    def __init__(self, position: tuple[int, int] | None) -> None:
        super().__init__()
        self.position = position


class Hdf5WorkerPool:
    """A pool of workers; a request takes the first free one.

    `roots` are the directories and files that links and virtual sources may lead to; where not all links may lead
    to all of them, each worker is confined to those of the files that it opens. `folder` is the workers'
    working directory, an empty one. `seconds`, `overtime` (in units of it) and `command` may be changed.
    """

    def __init__(
        self,
        roots: Sequence[Path] | Roots,
        folder: Path,
        *,
        count: int,
        memory_bytes: int,
        seconds: float,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._roots = roots if isinstance(roots, Roots) else Roots(roots)
        self._folder = folder
        self._memory = memory_bytes
        self.seconds = seconds
        self.overtime = OVERTIME
        self.command: Sequence[str] = COMMAND
        self._free: queue.LifoQueue[Hdf5Worker | None] = queue.LifoQueue()
        # Where files differ in the roots that they may link to, a worker is of use for one kind of them.
        self._kinds = len(self._roots.reaches)
        for _ in range(max(count, min(count + self._kinds - 1, MAX_FOR_KINDS))):
            self._free.put(None)
        self._closed = threading.Event()
        self._workers: WeakSet[Hdf5Worker] = WeakSet()
        self.started = 0
        # Whether the workers are confined by the kernel; None before there was one.
        self.confined: bool | None = None

    def idle(self) -> list[subprocess.Popen[bytes]]:
        """The processes of the idle workers, the next to be taken last."""
        return [worker.process for worker in list(self._free.queue) if worker is not None]

    def pids(self) -> list[int]:
        """The process ids of all workers that run, idle or busy."""
        return [w.process.pid for w in list(self._workers) if w.process.poll() is None]

    def prestart(self) -> None:
        """Start one worker, so that the first request does not wait for it."""
        if self._closed.is_set():
            return
        slot = self._free.get()
        # The first request tries again, and reports it.
        with suppress(OSError, errors.LamellaError):
            slot = slot or self._start(self._confined_to(self._roots.reaches[0]))
        self._release(slot)

    def call(
        self,
        request: Request[Reply],
        file: SourceFile | Path,
        *,
        seconds: float | None = None,
        out: int | None = None,
        skip: Sequence[tuple[int, int, str]] = (),
    ) -> tuple[Reply, bytes]:
        """The response of a worker about a file: (reply, body).

        `file` stays open. `out` is a descriptor that the worker may write to; the objects at `skip` (inode,
        address, reason) are not opened. Raises what the worker reports, `WorkerCrashed` when that is the file's
        fault: two workers crashed on it, or one used up its time; and `Busy` when it is the machine's: no worker
        was free in time, started, lived or made progress.
        """
        if not isinstance(file, SourceFile):
            try:
                with self._roots.open(file) as source:
                    return self.call(request, source, seconds=seconds, out=out, skip=skip)
            except OSError as error:
                raise out_of_reach(error) or errors.NotFound("The file is gone.") from None
        reach = self._roots.linked_from(file.path)
        message = Envelope(
            op=request.op,
            request=vars(request),
            path=str(file.path),
            roots=list(map(str, [file.path] if self._roots.alone else reach.paths)),
            seconds=self.seconds if seconds is None else seconds,
            skip=skip,
        )
        descriptors = [file.folder, file.fd, *([] if out is None else [out])]
        try:
            answer, body = self._asked(message, descriptors, request.reply, reach)
        except (_Crashed, _Killed):
            try:
                # Once may be the machine's fault, or that of what the worker did before.
                answer, body = self._asked(message, descriptors, request.reply, reach)
            except _Killed:
                raise errors.Busy("The HDF5 worker ended; try again in a moment.") from None
            except _Crashed as crashed:
                raise WorkerCrashed(
                    "The HDF5 library crashed on this file; it is damaged or hostile.",
                    crashed.position,
                ) from None
        if answer.failure is not None:
            raise _error(request.op, answer.failure)
        return cast(Reply, answer.reply), body

    def _asked(
        self, message: Envelope, descriptors: Sequence[int], kind: type, reach: Roots
    ) -> tuple[Answer[Any], bytes]:
        """The response of one worker, which is confined to the roots `reach`."""
        confined_to = self._confined_to(reach)
        began, op, limit = time.monotonic(), message.op, message.seconds
        if self._free.empty():
            about_to_queue()
        try:
            with meter(Stage.WAIT):
                worker = self._taken(confined_to, max(limit, self.seconds))
        except queue.Empty:
            raise errors.Busy("All HDF5 workers are busy; try again in a moment.") from None
        try:
            worker = self._fit(worker, confined_to)
            head, body = worker.call(message, descriptors, self.overtime * self.seconds)
            return parse_answer(head, kind), body
        except SpentTime:
            assert worker is not None
            position = worker.position()
            worker.kill()
            worker = None
            log.warning("HDF5 worker ended: %s took longer than %.0f s", op, limit)
            raise WorkerCrashed(
                f"The HDF5 library took longer than {limit:.0f} s on this file.", position
            ) from None
        except Stalled:
            assert worker is not None
            worker.kill()
            worker = None
            log.warning(
                "HDF5 worker ended: %s made no progress in %.1f s", op, time.monotonic() - began
            )
            raise errors.Busy("The HDF5 worker made no progress; try again in a moment.") from None
        except (EOFError, OSError, ValueError, MemoryError) as error:
            dead, worker = worker, None
            seconds = time.monotonic() - began
            raise self._end_of(op, dead, error, seconds) from None
        except BaseException:
            # Interrupted: its pending response would be taken for that of the next request.
            if worker is not None:
                worker.kill()
                worker = None
            raise
        finally:
            if worker is not None:
                self._note_confinement(worker)
                worker = self._replaced(worker) if worker.slowed else worker
            self._release(worker)

    def _note_confinement(self, worker: Hdf5Worker) -> None:
        before, self.confined = self.confined, worker.confined
        if not worker.confined and before is not False:
            log.warning(
                "Landlock is unavailable here: datasets whose values are in other files are refused"
            )

    def _confined_to(self, reach: Roots) -> Roots:
        # A worker for each file would have to be started for each file. Which sources a dataset has is checked
        # before it is read, and afterwards that the file is unchanged.
        return self._roots if self._roots.alone else reach

    def _taken(self, reach: Roots, timeout: float) -> Hdf5Worker | None:
        """A free worker, one that is confined to `reach` before others; raises `queue.Empty`."""
        worker = self._next(time.monotonic() + timeout)
        if self._kinds == 1 or (worker is not None and worker.reach is reach):
            return worker
        with self._free.mutex:
            free = self._free.queue
            for number, other in enumerate(free):
                if other is not None and other.reach is reach:
                    free[number] = worker
                    return other
            if worker is not None and None in free:
                # Start one more instead of replacing one that the next request may need.
                free[free.index(None)] = worker
                return None
        return worker

    def _next(self, until: float) -> Hdf5Worker | None:
        """What becomes free until a time; raises `queue.Empty`, and `Busy` when the client has left meanwhile."""
        while True:
            check_client()
            left = until - time.monotonic()
            try:
                return self._free.get(timeout=min(max(left, 0.0), POLL_S))
            except queue.Empty:
                if left <= POLL_S:
                    raise

    def _fit(self, worker: Hdf5Worker | None, reach: Roots) -> Hdf5Worker:
        """A live worker that is confined to the current roots of `reach`."""
        if worker is not None:
            current = worker.reach is reach and worker.roots == reach.identity()
            if current and worker.process.poll() is None:
                return worker
            worker.kill()
        return self._start(reach)

    def _replaced(self, worker: Hdf5Worker) -> Hdf5Worker | None:
        """A new worker, which is ready after the caller has its response; None when it cannot be started."""
        worker.kill()
        with suppress(OSError):
            return self._start(worker.reach)
        return None

    def _end_of(
        self, op: str, worker: Hdf5Worker | None, error: Exception, seconds: float
    ) -> Exception:
        """The error for a worker that died or could not be started."""
        code, asked, idle, position = None, False, False, None
        if worker is not None:
            asked, position = worker.asked, worker.position()
            # It died after it was looked at, and before it had the request.
            idle = worker.ready and not asked
            # A worker that closed the pipe is about to exit; one that violates the protocol is not.
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(1.0 if isinstance(error, EOFError) else 0.0)
            worker.kill()
            code = worker.process.returncode
        log.warning("HDF5 worker died: %s, status %s, after %.1f s", op, code, seconds)
        if isinstance(error, ValueError):
            return _Crashed(position)
        if idle or (asked and code in _ENDED):
            # By the OOM killer or from outside, which is not the file's fault.
            return _Killed()
        if isinstance(error, MemoryError) or not asked:
            # It could not be started.
            return errors.Busy("The HDF5 worker ended; try again in a moment.")
        if code == -signal.SIGXCPU:
            return WorkerCrashed("The HDF5 library used up its time on this file.", position)
        return _Crashed(position)

    def _release(self, worker: Hdf5Worker | None) -> None:
        # Closing has ended the free workers; busy ones end here.
        if worker is not None and self._closed.is_set():
            worker.kill()
            worker = None
        self._free.put(worker)

    def close(self) -> None:
        """End all free workers; a busy one ends after its response."""
        self._closed.set()
        with suppress(queue.Empty):
            while True:
                worker = self._free.get_nowait()
                if worker is not None:
                    worker.kill()

    def _start(self, reach: Roots) -> Hdf5Worker:
        # More than there are at a time: workers that were killed, or slowed down, are replaced.
        self.started += 1
        worker = Hdf5Worker((*self.command, str(self._memory)), self._folder, reach)
        self._workers.add(worker)
        return worker


def _error(op: str, failure: Failure) -> errors.LamellaError:
    if failure.error == "unreadable":
        log.info("HDF5 worker: %s: %s", op, failure.detail)
        return Unreadable(failure.message, failure.detail)
    return _ERRORS.get(failure.error, errors.CannotShow)(failure.message)
