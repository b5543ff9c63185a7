"""A child process of the supervisor: started again when it dies, and asked whether it is ready."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dashboard.people.configuration import TEXT, descriptor_of

log = logging.getLogger(__name__)

MAX_DEATHS = 5
DEATHS_WITHIN_S = 10.0
FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 2.0
# What it could not be started for, such as a folder that is gone, takes a person or a mount to correct.
LAST_SETUP_PAUSE_S = 30.0

# gunicorn's exit statuses for an application that cannot be started, and ours for what the operator can correct.
SETUP_STATUSES = (2, 3, 4)


class RestartLimitReached(Exception):
    """A child cannot be kept running; `status` is the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class ManagedProcess:
    """A process that is restarted when it dies; times are those of the `clock`.

    One that `reports_ready` gets a pipe as `--ready DESCRIPTOR`; it is ready when it has written as many lines as
    the first of them says. One with a `configuration` gets that text at each start, whatever the file has by then.
    """

    name: str
    command: Sequence[str]
    descriptors: tuple[int, ...] = ()
    environment: Mapping[str, str] | None = None
    configuration: bytes | None = None
    clock: Callable[[], float] = time.monotonic
    reports_ready: bool = False
    process: subprocess.Popen[bytes] | None = None
    starts_at: float = 0.0
    # Whether it has been ready, in this or an earlier run.
    became_ready: bool = False
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_DEATHS))
    # How often in a row it could not be started, having been ready before.
    failed_starts: int = 0
    # What this run has written to its pipe.
    reported: bytes = b""
    _pipe: int | None = None

    def poll(self) -> None:
        """Start the process if it is due, handle its death; raises `RestartLimitReached`."""
        if self.process is None:
            if self.clock() >= self.starts_at:
                self.start()
            return
        self.read_report()
        status = self.process.poll()
        if status is None:
            return
        self.discard()
        self.on_exit(status)

    def start(self) -> None:
        """Start the process, in a group of its own: Ctrl-C is for the supervisor alone."""
        command, environment = list(self.command), self.environment
        passed: list[int] = []
        if self.reports_ready:
            self._pipe, written = os.pipe()
            passed.append(written)
            self.reported = b""
            os.set_blocking(self._pipe, False)
            command[4:4] = ["--ready", str(written)]
        try:
            if self.configuration is not None:
                passed.append(descriptor_of(self.configuration))
                inherited = os.environ if environment is None else environment
                environment = {**inherited, TEXT: str(passed[-1])}
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=(*self.descriptors, *passed),
                env=environment,
                process_group=0,
            )
        finally:
            for number in passed:
                os.close(number)

    def read_report(self) -> None:
        """Set `became_ready` if the process has reported that it is."""
        if self._pipe is None:
            return
        with suppress(BlockingIOError):
            self.reported += os.read(self._pipe, 4096)
        lines = self.reported.splitlines()
        if lines and len(lines) >= int(lines[0]):
            self.became_ready = True
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def on_exit(self, status: int) -> None:
        """Schedule a restart, or raise `RestartLimitReached`.

        What has been ready is not given up because it cannot be started now: it has logged why, and may be later.
        """
        now = self.clock()
        if status in SETUP_STATUSES:
            if not self.became_ready:
                raise RestartLimitReached(
                    f"The {self.name} process could not start.", 2 if status == 2 else 1
                )
            self.failed_starts += 1
            pause_s = min(2.0 ** (self.failed_starts - 1), LAST_SETUP_PAUSE_S)
            self.starts_at = now + pause_s
            log.error(
                "the %s process cannot be started again for the reason above: the next attempt is in %.0f s",
                self.name,
                pause_s,
            )
            return
        self.failed_starts = 0
        self.deaths.append(now)
        recent = [at for at in self.deaths if now - at <= DEATHS_WITHIN_S]
        if len(recent) >= MAX_DEATHS:
            raise RestartLimitReached(
                f"The {self.name} process died {MAX_DEATHS} times within {DEATHS_WITHIN_S:.0f} s."
            )
        self.starts_at = now + min(FIRST_PAUSE_S * 2 ** (len(recent) - 1), LAST_PAUSE_S)
        log.error("the %s process ended with status %s and is started again", self.name, status)

    def end_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything that it started."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def ask_to_end(self) -> None:
        """Send a signal to the process alone, which ends its own children."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def discard(self) -> None:
        """End what is left of the process at once."""
        self.end_group(signal.SIGKILL)
        self._close_pipe()
        if self.process is not None:
            self.process.wait()
        self.process = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None
