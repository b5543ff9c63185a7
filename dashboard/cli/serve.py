"""`lamella serve`: a small supervisor of one web and one prefetch process.

It holds the listening socket, so that browsers wait instead of being refused while the web process is
restarted. A child ends with the supervisor, even when that is killed with -9.

On SIGHUP it reads the configuration and starts a second web process on the same socket, with that, and with the
certificate and the program of now. When that one is ready, the first one finishes its requests and ends; when it
cannot start, nothing changes. Children that are started again have the last configuration that worked.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import click
from gunicorn.systemd import sd_notify

from dashboard.cli.file_rights import start_helper
from dashboard.cli.listener import open_listener
from dashboard.cli.managed_process import ManagedProcess, RestartLimitReached
from dashboard.cli.options import serving_arguments, serving_environment
from dashboard.cli.process import (
    TERMINATION_SIGNALS,
    address,
    check_startup,
    has_terminal,
    queue_signals,
    sign_in_link,
    warning_of_accounts,
    warning_of_groups,
    with_token,
)
from dashboard.errors import SetupError
from dashboard.log_format import formatter
from dashboard.people.configuration import read_text, taken_up
from dashboard.people.shared_limit import shared_counts
from dashboard.settings import SERVICE, Settings

log = logging.getLogger(__name__)

POLL_EVERY_S = 0.1
# A new web process that is not ready by then will not be.
READY_WITHIN_S = 120.0
# A terminal that is closed is gone some moments after its signal.
HANG_UP_S = 0.5

# Where systemd hears that the service is ready, from the supervisor alone.
NOTIFY_SOCKET = "NOTIFY_SOCKET"


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; leaves with status 1 when a child cannot be kept running."""
    check_startup(settings)
    descriptors = (*start_helper(settings), shared_counts())
    given, settings = settings, with_token(settings)
    link = address(settings) if settings is given else sign_in_link(settings)
    groups = warning_of_groups(settings)
    with open_listener(settings) as listener:
        signals: SimpleQueue[int] = SimpleQueue()
        queue_signals(signals, (*TERMINATION_SIGNALS, signal.SIGCHLD))
        # A directory called `dashboard` in the working directory must not be imported.
        environment = os.environ | {"PYTHONSAFEPATH": "1", SERVICE: uuid.uuid4().hex}
        environment |= serving_environment(settings)
        environment.pop(NOTIFY_SOCKET, None)
        parent = ("--parent", str(os.getpid()))
        number = listener.socket.fileno()
        web = command(settings, "web", *parent, "--listener", str(number))
        worker = command(settings, "worker", *parent)

        def make() -> Children:
            # So that what is wrong is in the line of the log that says so.
            with taken_up(settings.config):
                check_startup(settings)
            text = None if settings.config is None else read_text(settings.config)
            return (
                ManagedProcess(
                    "web", web, (number, *descriptors), environment, text, reports_ready=True
                ),
                ManagedProcess("prefetch", worker, (), environment, text),
            )

        supervisor = Supervisor(make, signals, settings.wait_seconds + 10)
        failure: RestartLimitReached | None = None
        try:
            with member(settings, lambda: signals.put(signal.SIGTERM)):
                supervisor.run(lambda: announce(settings, link, groups))
        except RestartLimitReached as gave_up:
            failure = gave_up
        finally:
            listener.socket.close()
            supervisor.end()
    if failure is not None:
        click.echo(f"lamella: {failure}", err=True)
        sys.exit(failure.status)


@contextmanager
def member(settings: Settings, leave: Callable[[], None]) -> Iterator[None]:
    """Be one of the machines that share a store, if one is named; raises `SetupError` where they do not agree.

    `leave` is called when this one was asked to leave.
    """
    if settings.cluster is None:
        yield
        return
    from dashboard.runtime.membership import (  # noqa: PLC0415
        Membership,
        card_of,
        fingerprints_of,
        join,
        open_nodes,
    )

    nodes, card = open_nodes(settings), card_of(settings, uuid.uuid4().hex, time.time())
    join(nodes, card)
    membership = Membership(nodes, card, leave, fingerprints_of(settings))
    membership.start()
    try:
        yield
    finally:
        membership.close()


def command(settings: Settings, role: str, *more: str) -> list[str]:
    """The command line of a child, with the settings that came from options and arguments."""
    options = serving_arguments(settings)
    return [sys.executable, "-m", "dashboard", role, *options, *more, "--", *settings.data]


def announce(settings: Settings, link: str, *warnings: str | None) -> None:
    """Say when and where the server answers, and who else can reach it."""
    for text in (
        f"Lamella is ready at {link} (Ctrl-C ends it)",
        warning_of_accounts(settings),
        *warnings,
    ):
        if text is not None:
            # Whatever the level of the log: the link may be the only way in.
            record = log.makeRecord(log.name, logging.INFO, __file__, 0, text, (), None)
            click.echo(text if settings.log_format == "text" else formatter("json").format(record))
    sd_notify("READY=1", log)


# A web and a prefetch process with the same configuration.
Children = tuple[ManagedProcess, ManagedProcess]


class Supervisor:
    """Keeps a web and a prefetch process running, and replaces them on SIGHUP.

    `make` returns both with the configuration of now; it raises `SetupError` where that cannot be read.
    `grace_s` is for how long a process that was asked to end may finish its work.
    """

    def __init__(
        self,
        make: Callable[[], Children],
        signals: SimpleQueue[int],
        grace_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._signals = signals
        self._grace_s = grace_s
        self._clock = clock
        self._terminal = has_terminal()
        self.web, self.prefetch = make()
        # What has been replaced, and when it is to have ended.
        self.retired: list[tuple[ManagedProcess, float]] = []
        # What is to replace the present processes, and when the web process of it is to be ready.
        self.next: tuple[Children, float] | None = None
        self._reload_again = False

    def run(self, announce: Callable[[], None]) -> None:
        """Keep the children running until an ending signal comes; calls `announce` when the server answers.

        Raises `RestartLimitReached`.
        """
        announced = False
        while True:
            self._poll()
            if not announced and self.web.became_ready:
                announced = self.prefetch.became_ready = True
                announce()
            try:
                # SIGCHLD signals may coalesce, so the wait has a timeout.
                number = self._signals.get(timeout=POLL_EVERY_S if self._in_transition() else 1.0)
            except Empty:
                continue
            if number == signal.SIGHUP and not self._hung_up():
                self.reload()
            elif number in TERMINATION_SIGNALS:
                return

    def reload(self) -> None:
        """Start a web process that reads the configuration anew, to replace the present one when it is ready."""
        if self.next is not None:
            self._reload_again = True
            return
        log.info("SIGHUP: the configuration is read again")
        try:
            made = self._make()
            made[0].start()
        except (SetupError, OSError) as error:
            log.error("everything stays as it was: %s", error)  # noqa: TRY400  # the sentence says it all
            return
        self.next = made, self._clock() + READY_WITHIN_S

    def end(self) -> None:
        """End all children: politely first, and at once when asked a second time or after the grace time."""
        children = [self.web, self.prefetch, *(child for child, _ in self.retired)]
        if self.next is not None:
            children += self.next[0]
        end(children, self._signals, self._grace_s)

    def _hung_up(self) -> bool:
        """Whether SIGHUP came because the terminal was closed, and not from somebody who wants a reload."""
        if not self._terminal:
            return False
        time.sleep(HANG_UP_S)
        return not has_terminal()

    def _in_transition(self) -> bool:
        here = self.web, self.prefetch
        waiting = any(child.process is None or not child.became_ready for child in here)
        return waiting or self.next is not None or bool(self.retired)

    def _poll(self) -> None:
        self.web.poll()
        for child, limit in list(self.retired):
            if not child.running or self._clock() >= limit:
                child.discard()
                self.retired.remove((child, limit))
        # One prefetch process at a time.
        if not any(child.name == self.prefetch.name for child, _ in self.retired):
            self.prefetch.poll()
        if self.next is not None:
            self._follow_reload(*self.next)

    def _follow_reload(self, made: Children, limit: float) -> None:
        web = made[0]
        web.read_report()
        if web.became_ready:
            self._retire(self.web)
            self._retire(self.prefetch)
            self.web, self.prefetch = made
            self.prefetch.became_ready = True
            log.info("the new web processes answer now")
        elif not web.running or self._clock() >= limit:
            web.discard()
            log.error("the new web processes could not start: everything stays as it was")
        else:
            return
        self.next = None
        if self._reload_again:
            self._reload_again = False
            self.reload()

    def _retire(self, child: ManagedProcess) -> None:
        child.ask_to_end()
        self.retired.append((child, self._clock() + self._grace_s))


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
