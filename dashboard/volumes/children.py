"""libhdf5 at arm's length: child processes that are kept warm, limited, and replaced when they die.

A damaged file can crash the library, hang it or make it eat memory, and no `try` catches that. So
it runs in processes of its own; what happens to them is an error with a sentence, never the end of
a server.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dashboard import errors
from dashboard.volumes import wire

log = logging.getLogger(__name__)

# A child needs about half a second to import the library on a busy machine; a slow disk may take
# longer.
START_SECONDS = 30.0

_ERRORS: dict[str, type[errors.LamellaError]] = {
    "cannot_show": errors.CannotShow,
    "not_found": errors.NotFound,
    "changed": errors.Changed,
}


class ChildFailed(errors.CannotShow):
    """The library crashed, or took more time or memory than it may, on this file."""


class Unreadable(errors.CannotShow):
    """The library reported an error of its own; `detail` is for the log alone."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


class _Child:
    """One child process and its two pipes."""

    def __init__(self, memory_bytes: int, folder: Path) -> None:
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
        root = str(Path(__file__).resolve().parents[2])
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = root if not path else os.pathsep.join([root, path])
        # The library looks for relative names in the working directory last: it is an empty folder.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dashboard.volumes.child", str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,  # a Ctrl+C at the terminal is the supervisor's business
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout
        self.ready = False

    def ask(self, request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        """Send one request and wait at most `seconds` for the answer to begin."""
        if not self.ready:
            try:
                self._await(START_SECONDS)
            except TimeoutError:
                raise EOFError("it did not start") from None
            wire.receive(self.stdout)  # type: ignore[arg-type]
            self.ready = True
        wire.send(self.stdin, request)  # type: ignore[arg-type]
        self._await(seconds)
        return wire.receive(self.stdout)  # type: ignore[arg-type]

    def _await(self, seconds: float) -> None:
        # Not select(): it fails on descriptors from 1024 on, which a busy server has.
        poll = select.poll()
        poll.register(self.stdout, select.POLLIN)
        if not poll.poll(seconds * 1e3):
            raise TimeoutError

    def kill(self) -> None:
        """End the process and give its pipes back."""
        self.process.kill()
        for pipe in (self.stdin, self.stdout):
            with suppress(OSError):
                pipe.close()
        self.process.wait()


class Children:
    """A few children; a request takes the first free one.

    `roots` are the folders and files that links and virtual sources may lead to; `folder` is an
    empty folder for the children to stand in.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        folder: Path,
        *,
        count: int,
        memory_bytes: int,
        seconds: float,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._roots = [str(root) for root in roots]
        self._folder = folder
        self._memory = memory_bytes
        self._seconds = seconds
        self._free: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(None)
        self._closed = threading.Event()

    def warm(self) -> None:
        """Start one child now, so that the first person does not wait for it."""
        slot = self._free.get()
        try:
            if slot is None and not self._closed.is_set():
                slot = self._start()
        finally:
            self._give_back(slot)

    def ask(
        self, op: str, path: Path, *, seconds: float | None = None, **request: Any
    ) -> tuple[dict[str, Any], bytes]:
        """The answer of a child about the file at `path`: (JSON head, body).

        Raises what the child reports, `ChildFailed` when it crashed or had to be ended, and `Busy`
        when no child was free in time.
        """
        limit = self._seconds if seconds is None else seconds
        message = {"op": op, "path": str(path), "roots": self._roots, "seconds": limit, **request}
        began = time.monotonic()
        try:
            child = self._free.get(timeout=max(limit, self._seconds))
        except queue.Empty:
            raise errors.Busy("All readers are busy; try again in a moment.") from None
        try:
            if child is None or child.process.poll() is not None:
                if child is not None:
                    child.kill()
                child = self._start()
            head, body = child.ask(message, limit)
        except TimeoutError:
            assert child is not None
            child.kill()
            child = None
            log.warning("child ended: %s took longer than %.0f s", op, limit)
            raise ChildFailed(
                f"The HDF5 library took longer than {limit:.0f} s on this file."
            ) from None
        except (EOFError, OSError, ValueError) as error:
            code = None
            if child is not None:
                child.kill()
                code = child.process.returncode
            child = None
            log.warning(
                "child died: %s, status %s, after %.1f s", op, code, time.monotonic() - began
            )
            if code in (None, -signal.SIGKILL) and not isinstance(error, ValueError):
                # It could not be started, or somebody ended it (the kernel, for want of memory):
                # that is no verdict on the file.
                raise errors.Busy("The reader was ended; try again in a moment.") from None
            raise ChildFailed(
                "The HDF5 library crashed on this file; it is damaged or hostile."
            ) from None
        finally:
            self._give_back(child)
        return self._checked(op, head), body

    def _give_back(self, child: _Child | None) -> None:
        # Closing took those that were free; who was busy then ends now.
        if child is not None and self._closed.is_set():
            child.kill()
            child = None
        self._free.put(child)

    def close(self) -> None:
        """End all children that are free; a busy one ends with its answer."""
        self._closed.set()
        with suppress(queue.Empty):
            while True:
                child = self._free.get_nowait()
                if child is not None:
                    child.kill()

    def _start(self) -> _Child:
        return _Child(self._memory, self._folder)

    def _checked(self, op: str, head: dict[str, Any]) -> dict[str, Any]:
        code = head.get("error")
        if code is None:
            return head
        message = str(head.get("message", "The file cannot be read."))
        if code == "unreadable":
            detail = str(head.get("detail", ""))
            log.info("child: %s: %s", op, detail)
            raise Unreadable(message, detail)
        raise _ERRORS.get(str(code), errors.CannotShow)(message)
