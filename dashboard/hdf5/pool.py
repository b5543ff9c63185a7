"""Pool of HDF5 workers: child processes that are kept warm, limited, and replaced when they die.

A damaged file can crash libhdf5, hang it or exhaust memory, which no `try` catches. The library therefore runs in
processes of its own, whose failures become errors with a sentence and never end the server.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, cast

from dashboard import errors
from dashboard.files.roots import Roots, SourceFile, out_of_reach
from dashboard.hdf5 import protocol
from dashboard.hdf5.answers import Answer, parse_answer, parse_ready
from dashboard.hdf5.messages import Envelope, Failure, Reply, Request

log = logging.getLogger(__name__)

# The program of a child; its limits and roots follow as arguments.
COMMAND = (sys.executable, "-m", "dashboard.hdf5.worker")
# Importing the library takes about half a second on a busy machine, longer from a slow disk.
START_SECONDS = 30.0

# A request whose child has used this share of its time limit as processor time counts as having spent it. With
# less, but at least `_IDLE`, the machine is considered busy and the request may go on for a while; it has then
# spent its time with a share of `_MOST`, so that a machine that stays busy does not work on this file for ever.
_USED_UP, _MOST, _IDLE = 0.9, 0.5, 0.05
OVERTIME = 2.0
_STEP_SECONDS = 0.5

# Signals from outside: the kernel's OOM killer, or a stop of the server.
_ENDED = frozenset(
    -number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
)

# The object that a child works on: two 64-bit numbers (`worker/progress.py`).
_PLACE_BYTES = 16


class WorkerCrashed(errors.CannotShow):
    """The library crashed twice, or spent its time limit, on this file; `place` is the object, if known.

    A place is the inode of the object's file and the object's address in it.
    """

    def __init__(self, message: str, place: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.place = place


class FailedBefore(WorkerCrashed):
    """The library failed on this object recently and was not called again."""


class Unreadable(errors.CannotShow):
    """The library reported an error; `detail` is for the log alone."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


class _Stalled(Exception):
    """A child did not respond in time, and not because of its own work."""


_ERRORS: dict[str, type[errors.LamellaError]] = {
    "cannot_show": errors.CannotShow,
    "not_found": errors.NotFound,
    "changed": errors.Changed,
    "busy": errors.Busy,
    "failed": FailedBefore,
}


class _Killed(Exception):
    """A child was killed from outside, also while it was idle."""


class _Crashed(Exception):
    """A child died during a request or violated the protocol; `place` is the object, if known."""

    def __init__(self, place: tuple[int, int] | None) -> None:
        super().__init__()
        self.place = place


class _SpentTime(Exception):
    """A child spent its time limit."""


class Hdf5Worker:
    """One child process: a socket for requests, a pipe for responses, shared memory for its progress."""

    def __init__(self, command: Sequence[str], folder: Path, roots: Roots) -> None:
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        root = str(Path(__file__).resolve().parents[2])
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = root if not path else os.pathsep.join([root, path])
        self.roots = roots.identity()
        with ExitStack() as undo:
            self._shared = os.memfd_create("lamella-place", os.MFD_CLOEXEC)
            undo.callback(os.close, self._shared)
            os.truncate(self._shared, _PLACE_BYTES)
            self._requests, theirs = socket.socketpair()
            undo.callback(self._requests.close)
            with theirs:
                # libhdf5 searches the working directory last for relative names, so it is an empty directory.
                self.process = subprocess.Popen(
                    [*command, str(self._shared), *map(str, roots.paths)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(self._shared,),
                    cwd=folder,
                    env=environment,
                    start_new_session=True,  # Ctrl+C at the terminal is handled by the supervisor.
                )
            undo.pop_all()
        assert self.process.stdout is not None
        self.stdout: IO[bytes] = self.process.stdout
        self.ready = False
        self.asked = False
        self.confined = True

    def call(
        self, request: Envelope, descriptors: Sequence[int], overtime: float
    ) -> tuple[bytes, bytes]:
        """Send one request and wait for the response; its time limit is exceeded only on a busy machine.

        Raises `_SpentTime`, `_Stalled`, and `EOFError`, `OSError` or `ValueError` when the child died.
        """
        self.asked = False
        if not self.ready:
            if not self._answered(START_SECONDS):
                raise _Stalled
            head, _ = protocol.receive(self.stdout)  # type: ignore[arg-type]
            self.confined = parse_ready(head).confined
            self.ready = True
        protocol.send_request(self._requests, request, descriptors)
        self.asked = True
        self._await(request.seconds, overtime)
        return protocol.receive(self.stdout)  # type: ignore[arg-type]

    def _await(self, seconds: float, overtime: float) -> None:
        began, used = time.monotonic(), self._processor_seconds()
        limit = seconds
        while not self._answered(limit):
            worked = self._processor_seconds() - used
            passed = time.monotonic() - began
            over = passed >= seconds + overtime
            if worked >= (_MOST if over else _USED_UP) * seconds:
                raise _SpentTime
            if over or worked < _IDLE * passed:
                raise _Stalled
            limit = min(_STEP_SECONDS, seconds + overtime - passed)

    def _answered(self, seconds: float) -> bool:
        # poll() instead of select(), which fails for descriptors from 1024 on.
        poll = select.poll()
        poll.register(self.stdout, select.POLLIN)
        return bool(poll.poll(max(seconds, 0) * 1e3))

    def _processor_seconds(self) -> float:
        """Processor time of the child (s; proc(5): utime and stime in `stat`)."""
        try:
            after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2]
        except FileNotFoundError:
            return 0.0  # It has died and was reaped: the pipe reports that.
        return sum(map(int, after_name.split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def place(self) -> tuple[int, int] | None:
        """The object that the child worked on last."""
        found = os.pread(self._shared, _PLACE_BYTES, 0)
        inode, address = (int.from_bytes(found[k : k + 8], sys.byteorder) for k in (0, 8))
        return (inode, address) if inode else None

    def kill(self) -> None:
        """Kill the process and close its descriptors."""
        self.process.kill()
        with suppress(OSError):
            self.stdout.close()
        self._requests.close()
        with suppress(OSError):
            os.close(self._shared)
        self.process.wait()


class Hdf5WorkerPool:
    """A pool of children; a request takes the first free one.

    `roots` are the directories and files that links and virtual sources may lead to; `folder` is the children's
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
        for _ in range(count):
            self._free.put(None)
        self._closed = threading.Event()
        self._said_open = False

    def idle(self) -> list[subprocess.Popen[bytes]]:
        """The processes of the children that work on no request, the next to be taken last."""
        return [child.process for child in list(self._free.queue) if child is not None]

    def prestart(self) -> None:
        """Start one child, so that the first request does not wait for it."""
        if self._closed.is_set():
            return
        slot = self._free.get()
        # The first request tries again, and reports it.
        with suppress(OSError, errors.LamellaError):
            slot = slot or self._start()
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
        """The response of a child about a file: (reply, body).

        `file` stays open. `out` is a descriptor that the child may write to; the objects at `skip` (inode,
        address, reason) are not opened. Raises what the child reports, `WorkerCrashed` when that is the file's
        fault: two children crashed on it, or one used up its time; and `Busy` when it is the machine's: no child
        was free in time, started, lived or made progress.
        """
        if not isinstance(file, SourceFile):
            try:
                with self._roots.open(file) as source:
                    return self.call(request, source, seconds=seconds, out=out, skip=skip)
            except OSError as error:
                raise out_of_reach(error) or errors.NotFound("The file is gone.") from None
        message = Envelope(
            op=request.op,
            request=vars(request),
            path=str(file.path),
            roots=[str(root) for root in self._roots.paths],
            seconds=self.seconds if seconds is None else seconds,
            skip=skip,
        )
        descriptors = [file.folder, file.fd, *([] if out is None else [out])]
        try:
            answer, body = self._asked(message, descriptors, request.reply)
        except (_Crashed, _Killed):
            try:
                # Once may be the machine's fault, or that of what the child did before.
                answer, body = self._asked(message, descriptors, request.reply)
            except _Killed:
                raise errors.Busy("The reader was ended; try again in a moment.") from None
            except _Crashed as crashed:
                raise WorkerCrashed(
                    "The HDF5 library crashed on this file; it is damaged or hostile.",
                    crashed.place,
                ) from None
        if answer.failure is not None:
            raise _error(request.op, answer.failure)
        return cast(Reply, answer.reply), body

    def _asked(
        self, message: Envelope, descriptors: Sequence[int], kind: type
    ) -> tuple[Answer[Any], bytes]:
        """The response of one child."""
        began, op, limit = time.monotonic(), message.op, message.seconds
        try:
            child = self._free.get(timeout=max(limit, self.seconds))
        except queue.Empty:
            raise errors.Busy("All readers are busy; try again in a moment.") from None
        try:
            child = self._fit(child)
            head, body = child.call(message, descriptors, self.overtime * self.seconds)
            return parse_answer(head, kind), body
        except _SpentTime:
            assert child is not None
            place = child.place()
            child.kill()
            child = None
            log.warning("child ended: %s took longer than %.0f s", op, limit)
            raise WorkerCrashed(
                f"The HDF5 library took longer than {limit:.0f} s on this file.", place
            ) from None
        except _Stalled:
            assert child is not None
            child.kill()
            child = None
            log.warning("child ended: %s got nowhere in %.1f s", op, time.monotonic() - began)
            raise errors.Busy("The reader got nowhere; try again in a moment.") from None
        except (EOFError, OSError, ValueError, MemoryError) as error:
            dead, child = child, None
            seconds = time.monotonic() - began
            raise self._end_of(op, dead, error, seconds) from None
        except BaseException:
            # Interrupted: its pending response would be taken for that of the next request.
            if child is not None:
                child.kill()
                child = None
            raise
        finally:
            if child is not None:
                self._say_open(child)
            self._release(child)

    def _say_open(self, child: Hdf5Worker) -> None:
        if not child.confined and not self._said_open:
            self._said_open = True
            log.warning(
                "Landlock is not to be had here: datasets whose values are in other files are refused"
            )

    def _fit(self, child: Hdf5Worker | None) -> Hdf5Worker:
        """A live child that is confined to the current roots."""
        if child is not None:
            if child.process.poll() is None and child.roots == self._roots.identity():
                return child
            child.kill()
        return self._start()

    def _end_of(
        self, op: str, child: Hdf5Worker | None, error: Exception, seconds: float
    ) -> Exception:
        """The error for a child that died or could not be started."""
        code, asked, place = None, False, None
        if child is not None:
            asked, place = child.asked, child.place()
            # A worker that closed the pipe is about to exit; one that violates the protocol is not.
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(1.0 if isinstance(error, EOFError) else 0.0)
            child.kill()
            code = child.process.returncode
        log.warning("child died: %s, status %s, after %.1f s", op, code, seconds)
        if isinstance(error, ValueError):
            return _Crashed(place)
        if asked and code in _ENDED:
            # By the OOM killer or from outside, which is not the file's fault.
            return _Killed()
        if isinstance(error, MemoryError) or not asked:
            # It could not be started.
            return errors.Busy("The reader was ended; try again in a moment.")
        if code == -signal.SIGXCPU:
            return WorkerCrashed("The HDF5 library used up its time on this file.", place)
        return _Crashed(place)

    def _release(self, child: Hdf5Worker | None) -> None:
        # Closing has ended the free children; busy ones end here.
        if child is not None and self._closed.is_set():
            child.kill()
            child = None
        self._free.put(child)

    def close(self) -> None:
        """End all free children; a busy one ends after its response."""
        self._closed.set()
        with suppress(queue.Empty):
            while True:
                child = self._free.get_nowait()
                if child is not None:
                    child.kill()

    def _start(self) -> Hdf5Worker:
        return Hdf5Worker((*self.command, str(self._memory)), self._folder, self._roots)


def _error(op: str, failure: Failure) -> errors.LamellaError:
    if failure.error == "unreadable":
        log.info("child: %s: %s", op, failure.detail)
        return Unreadable(failure.message, failure.detail)
    return _ERRORS.get(failure.error, errors.CannotShow)(failure.message)
