"""One HDF5 worker as a child process: how it is started, asked and waited for."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from dashboard.blocking import about_to_block
from dashboard.files.roots import Roots
from dashboard.hdf5 import protocol
from dashboard.hdf5.answers import parse_ready
from dashboard.hdf5.messages import Envelope
from dashboard.hdf5.worker.progress import POSITION
from dashboard.settings import environment_without_secrets

# Importing the library takes about half a second on a busy machine, longer from a slow disk.
START_SECONDS = 30.0

# A request whose worker has used this share of its time limit as processor time counts as having spent it. With
# less, but at least `_IDLE`, the machine is considered busy and the request may go on for a while; it has then
# spent its time with a share of `_MOST`, so that a machine that stays busy does not work on this file for ever.
_USED_UP, _MOST, _IDLE = 0.9, 0.5, 0.05
STEP_SECONDS = 0.5
# A request that has used this much processor time goes on at a lower priority, so that the listing of a huge or
# hostile file does not slow down everybody else. Added to its nice value, 10 gives a tenth of the share.
_LONG_SECONDS, _LONG_NICE = 1.0, 10
# Most responses come sooner; for those it is not worth that another thread takes over.
_SHORT_WAIT_MS = 20


class Stalled(Exception):
    """A worker did not respond in time, and not because of its own work."""


class SpentTime(Exception):
    """A worker spent its time limit."""


class Hdf5Worker:
    """One child process: a socket for requests, a pipe for responses, shared memory for its progress."""

    def __init__(self, command: Sequence[str], folder: Path, roots: Roots) -> None:
        environment = environment_without_secrets()
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        root = str(Path(__file__).resolve().parents[2])
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = root if not path else os.pathsep.join([root, path])
        self.reach, self.roots = roots, roots.identity()
        with ExitStack() as undo:
            self._shared = os.memfd_create("lamella-position", os.MFD_CLOEXEC)
            undo.callback(os.close, self._shared)
            os.truncate(self._shared, POSITION.size)
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
        # A process without privileges cannot undo that, so the worker has to be replaced.
        self.slowed = False

    def call(
        self, request: Envelope, descriptors: Sequence[int], overtime: float
    ) -> tuple[bytes, bytes]:
        """Send one request and wait for the response; its time limit is exceeded only on a busy machine.

        Raises `SpentTime`, `Stalled`, and `EOFError`, `OSError` or `ValueError` when the worker died.
        """
        self.asked = False
        if not self.ready:
            if not self._answered(START_SECONDS):
                raise Stalled
            head, _ = protocol.receive(self.stdout)  # type: ignore[arg-type]
            self.confined = parse_ready(head).confined
            self.ready = True
        protocol.send_request(self._requests, request, descriptors)
        self.asked = True
        self._await(request.seconds, overtime)
        return protocol.receive(self.stdout)  # type: ignore[arg-type]

    def _await(self, seconds: float, overtime: float) -> None:
        began, used = time.monotonic(), self.processor_seconds()
        limit = min(STEP_SECONDS, seconds)
        while not self._answered(limit):
            worked = self.processor_seconds() - used
            passed = time.monotonic() - began
            over = passed >= seconds + overtime
            if worked >= (_MOST if over else _USED_UP) * seconds:
                raise SpentTime
            if over or (passed >= seconds and worked < _IDLE * passed):
                raise Stalled
            if worked >= _LONG_SECONDS and not self.slowed:
                self._slow_down()
            limit = min(STEP_SECONDS, seconds + overtime - passed)

    def _slow_down(self) -> None:
        with suppress(OSError):  # It has died, which the pipe reports.
            nice = os.getpriority(os.PRIO_PROCESS, self.process.pid)
            os.setpriority(os.PRIO_PROCESS, self.process.pid, nice + _LONG_NICE)
            self.slowed = True

    def _answered(self, seconds: float) -> bool:
        # poll() instead of select(), which fails for descriptors from 1024 on.
        poll = select.poll()
        poll.register(self.stdout, select.POLLIN)
        limit_ms = max(seconds, 0) * 1e3
        short_ms = min(_SHORT_WAIT_MS, limit_ms)
        if poll.poll(short_ms):
            return True
        about_to_block()
        return bool(poll.poll(limit_ms - short_ms))

    def processor_seconds(self) -> float:
        """Processor time of the worker (s; proc(5): utime and stime in `stat`)."""
        try:
            after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2]
        except FileNotFoundError:
            return 0.0  # It has died and was reaped: the pipe reports that.
        return sum(map(int, after_name.split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def position(self) -> tuple[int, int] | None:
        """The object that the worker accessed last."""
        inode, address = POSITION.unpack(os.pread(self._shared, POSITION.size, 0))
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
