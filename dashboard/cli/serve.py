"""`lamella serve`: a small supervisor of one web and one prefetch process.

It holds the listening socket, so that browsers wait instead of being refused while the web process is
restarted. A child ends with the supervisor, even when that is killed with -9.
"""

from __future__ import annotations

import http.client
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import click

from dashboard.cli.file_rights import start_helper
from dashboard.cli.options import serving_arguments, serving_environment
from dashboard.cli.process import (
    TERMINATION_SIGNALS,
    address,
    check_startup,
    listen,
    queue_signals,
    sign_in_link,
    warning_of_accounts,
    with_token,
)
from dashboard.settings import SERVICE, Settings

log = logging.getLogger(__name__)

MAX_DEATHS = 5
DEATHS_WITHIN_S = 10.0
FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 2.0
PROBE_EVERY_S = 0.1

# gunicorn's exit statuses for an application that cannot be started, and ours for usage errors.
FATAL_STATUSES = (2, 3, 4)


class RestartLimitReached(Exception):
    """A child cannot be kept running; `status` is the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class ManagedProcess:
    """A process that is restarted when it dies; times are those of the `clock`."""

    name: str
    command: Sequence[str]
    descriptors: tuple[int, ...] = ()
    environment: Mapping[str, str] | None = None
    clock: Callable[[], float] = time.monotonic
    process: subprocess.Popen[bytes] | None = None
    starts_at: float = 0.0
    became_ready: bool = False
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_DEATHS))

    def poll(self) -> None:
        """Start the process if it is due, handle its death; raises `RestartLimitReached`."""
        if self.process is None:
            if self.clock() >= self.starts_at:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        self.end_group(signal.SIGKILL)  # Remaining processes of the dead one.
        self.process = None
        self.on_exit(status)

    def start(self) -> None:
        """Start the process, in a group of its own: Ctrl-C is for the supervisor alone."""
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            pass_fds=self.descriptors,
            env=self.environment,
            process_group=0,
        )

    def on_exit(self, status: int) -> None:
        """Schedule a restart, or raise `RestartLimitReached`."""
        now = self.clock()
        self.deaths.append(now)
        if not self.became_ready and status in FATAL_STATUSES:
            raise RestartLimitReached(
                f"The {self.name} process could not start.", 2 if status == 2 else 1
            )
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

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; leaves with status 1 when a child cannot be kept running."""
    check_startup(settings)
    helper = start_helper(settings)
    given, settings = settings, with_token(settings)
    link = address(settings) if settings is given else sign_in_link(settings)
    listener = listen(settings.host, settings.port)
    signals: SimpleQueue[int] = SimpleQueue()
    queue_signals(signals, (*TERMINATION_SIGNALS, signal.SIGCHLD))
    # A directory called `dashboard` in the working directory must not be imported.
    environment = os.environ | {"PYTHONSAFEPATH": "1", SERVICE: uuid.uuid4().hex}
    environment |= serving_environment(settings)
    parent = ("--parent", str(os.getpid()))
    number = listener.fileno()
    children = (
        ManagedProcess(
            "web",
            command(settings, "web", *parent, "--listener", str(number)),
            (number, *helper),
            environment,
        ),
        ManagedProcess("prefetch", command(settings, "worker", *parent), (), environment),
    )
    failure: RestartLimitReached | None = None
    try:
        supervise(settings, children, signals, link)
    except RestartLimitReached as gave_up:
        failure = gave_up
    finally:
        listener.close()
        end(children, signals, grace_s=settings.wait_seconds + 10)
    if failure is not None:
        click.echo(f"lamella: {failure}", err=True)
        sys.exit(failure.status)


def command(settings: Settings, role: str, *more: str) -> list[str]:
    """The command line of a child, with the settings that came from options and arguments."""
    options = serving_arguments(settings)
    return [sys.executable, "-m", "dashboard", role, *options, *more, "--", *settings.data]


def supervise(
    settings: Settings,
    children: tuple[ManagedProcess, ManagedProcess],
    signals: SimpleQueue[int],
    link: str,
) -> None:
    """Keep the children running until an ending signal comes; says once when and where the server answers."""
    web = children[0]
    announced = False
    while True:
        for child in children:
            child.poll()
        if not announced and web.running and is_healthy(settings):
            announced = True
            for child in children:
                child.became_ready = True
            click.echo(f"Lamella is ready at {link} (Ctrl-C ends it)")
            warning = warning_of_accounts(settings)
            if warning is not None:
                click.echo(warning, err=True)
        waiting = not announced or any(child.process is None for child in children)
        try:
            # SIGCHLD signals may coalesce, so the wait has a timeout.
            number = signals.get(timeout=PROBE_EVERY_S if waiting else 1.0)
        except Empty:
            continue
        if number in TERMINATION_SIGNALS:
            return


def end(children: Sequence[ManagedProcess], signals: SimpleQueue[int], grace_s: float) -> None:
    """End the children: politely first, and at once when asked a second time or after `grace_s`."""
    for child in children:
        child.ask_to_end()
    deadline = time.monotonic() + grace_s
    while any(child.running for child in children):
        try:
            number = signals.get(timeout=max(0.0, min(1.0, deadline - time.monotonic())))
        except Empty:
            number = 0
        if number in TERMINATION_SIGNALS or time.monotonic() >= deadline:
            break
    for child in children:
        child.end_group(signal.SIGKILL)
        if child.process is not None:
            child.process.wait()


def is_healthy(settings: Settings) -> bool:
    """Whether the server answers its health check."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host).strip("[]")  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.port, timeout=1.0)
    try:
        connection.request("GET", f"{settings.url_prefix}/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
