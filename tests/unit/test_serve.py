"""The supervisor: restarts, its limit of restarts, the end of its children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from pathlib import Path
from queue import SimpleQueue

import pytest

from dashboard.cli import serve as module
from dashboard.cli.managed_process import MAX_DEATHS, ManagedProcess, RestartLimitReached
from dashboard.cli.process import address, queue_signals
from dashboard.cli.serve import Supervisor, announce, end
from dashboard.errors import SetupError
from dashboard.people.configuration import TEXT
from dashboard.settings import Settings
from tests.clock import Clock
from tests.waits import WITHIN_S

MakeSettings = Callable[..., Settings]


@pytest.mark.parametrize(
    ("host", "prefix", "url"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:8050"),
        ("::1", "/x", "http://[::1]:8050/x"),
        ("[::1]", "", "http://[::1]:8050"),
    ],
)
def test_the_address(make_settings: MakeSettings, host: str, prefix: str, url: str) -> None:
    assert address(make_settings(host=host, url_prefix=prefix)) == url


@pytest.mark.parametrize("level", ["INFO", "ERROR"])
def test_what_is_said_at_the_start_has_the_format_of_the_log(
    make_settings: MakeSettings, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    link = "http://127.0.0.1:8050/?token=x"
    announce(make_settings(log_format="json", log_level=level, sign_in=True), link, None, "More.")
    first, more = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["message"] == f"Lamella is ready at {link} (Ctrl-C ends it)"
    assert (more["message"], more["level"]) == ("More.", "INFO")
    announce(make_settings(sign_in=True), link)
    assert capsys.readouterr().out == f"Lamella is ready at {link} (Ctrl-C ends it)\n"


def child(clock: Callable[[], float], script: str = "input()") -> ManagedProcess:
    return ManagedProcess("test", [sys.executable, "-c", script], clock=clock)


def test_a_child_that_dies_is_started_again() -> None:
    clock = Clock()
    tended = child(clock, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    tended.poll()
    assert tended.process is not None
    first = tended.process
    first.wait()
    tended.poll()
    assert tended.process is None
    tended.poll()
    assert tended.process is None, "not before the pause is over"
    clock.now = tended.starts_at
    tended.poll()
    assert tended.process is not None
    assert tended.process.pid != first.pid
    tended.process.wait()


def test_the_pauses_grow_and_it_gives_up() -> None:
    clock = Clock()
    tended = child(clock)
    pauses = []
    for _ in range(MAX_DEATHS - 1):
        tended.on_exit(-9)
        pauses.append(round(tended.starts_at - clock.now, 3))
        clock.now = tended.starts_at
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    with pytest.raises(RestartLimitReached, match="died 5 times within 10 s") as caught:
        tended.on_exit(-9)
    assert caught.value.status == 1


def test_deaths_that_lie_apart_are_forgiven() -> None:
    clock = Clock()
    tended = child(clock)
    for _ in range(50):
        tended.on_exit(-9)
        clock.now += 3.0
    assert tended.starts_at - clock.now < 2.0


@pytest.mark.parametrize(("status", "leaves_with"), [(2, 2), (3, 1), (4, 1)])
def test_what_cannot_start_is_not_tried_again(status: int, leaves_with: int) -> None:
    with pytest.raises(RestartLimitReached, match="could not start") as caught:
        child(Clock()).on_exit(status)
    assert caught.value.status == leaves_with


@pytest.mark.parametrize("status", [2, 3, 4])
def test_what_was_ready_and_cannot_start_any_more_is_tried_for_ever(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    proven = child(clock)
    proven.became_ready = True
    pauses = []
    for _ in range(8):
        proven.on_exit(status)
        pauses.append(round(proven.starts_at - clock.now))
        clock.now = proven.starts_at
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert (
        "cannot be started again for the reason above: the next attempt is in 30 s" in caplog.text
    )
    proven.on_exit(-9)
    proven.on_exit(status)
    assert proven.starts_at - clock.now == 1.0, "it has run in between"


def test_ending_is_polite_and_then_firm() -> None:
    """One child ends when asked, one does not listen until it is killed, with its own child."""
    deaf = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
below = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(below.pid, flush=True)
signal.pause()
"""
    clock = Clock()
    polite = child(clock, "import signal; signal.pause()")
    polite.start()
    process = subprocess.Popen(
        [sys.executable, "-c", deaf], stdout=subprocess.PIPE, process_group=0
    )
    assert process.stdout is not None
    below = int(process.stdout.readline())
    stubborn = child(clock)
    stubborn.process = process
    signals: SimpleQueue[int] = SimpleQueue()
    signals.put(signal.SIGINT)
    end([polite, stubborn], signals, grace_s=30.0)
    process.stdout.close()
    assert polite.process is not None
    assert polite.process.returncode == -signal.SIGTERM
    assert process.returncode == -signal.SIGKILL
    assert has_ended(below)


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or goes within a few seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(wait([descriptor], 10.0))
    finally:
        os.close(descriptor)


PAUSE = "import signal; signal.pause()"
READY = """
import os, signal, sys
descriptor = int(sys.argv[sys.argv.index("--ready") + 1])
os.write(descriptor, b"2\\n")
os.write(descriptor, b"2\\n")
signal.pause()
"""
HALF_READY = READY.replace('os.write(descriptor, b"2\\n")\n', "", 1)


class Supervised:
    """A supervisor whose web processes run the next of `scripts`, and the last one from then on."""

    def __init__(self, *scripts: str, at_most_s: float = 60.0) -> None:
        self.scripts = list(scripts)
        self.signals: SimpleQueue[int] = SimpleQueue()
        self.announced = 0
        self.supervisor = Supervisor(
            lambda: (self.make_web(), child(time.monotonic, PAUSE)), self.signals, grace_s=30.0
        )
        self._at_most_s = at_most_s

    def make_web(self) -> ManagedProcess:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        return ManagedProcess("web", [sys.executable, "-c", script], reports_ready=True)

    def announce(self) -> None:
        self.announced += 1

    def until(self, holds: Callable[[Supervisor], bool]) -> None:
        """Supervise until something holds."""
        end = time.monotonic() + self._at_most_s

        def stop_when_it_holds(signals: SimpleQueue[int]) -> None:
            while not holds(self.supervisor) and time.monotonic() < end:
                time.sleep(0.02)
            signals.put(signal.SIGTERM)

        watcher = threading.Thread(target=stop_when_it_holds, args=(self.signals,))
        watcher.start()
        self.supervisor.run(self.announce)
        watcher.join()
        assert holds(self.supervisor)


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Supervised]]:
    """Supervisors without a terminal, whose children are ended afterwards."""
    monkeypatch.setattr(module, "has_terminal", lambda: False)
    made: list[Supervised] = []

    def make(*scripts: str) -> Supervised:
        made.append(Supervised(*scripts))
        return made[-1]

    yield make
    for one in made:
        one.supervisor.end()


def test_an_ending_signal_ends_the_supervision(supervised: Callable[..., Supervised]) -> None:
    one = supervised(READY)
    one.signals.put(signal.SIGCHLD)
    one.until(lambda supervisor: supervisor.prefetch.became_ready)
    assert one.announced == 1
    web, prefetch = one.supervisor.web.process, one.supervisor.prefetch.process
    one.supervisor.end()
    assert web is not None
    assert prefetch is not None
    assert [web.returncode, prefetch.returncode] == [-signal.SIGTERM] * 2


def test_nothing_is_announced_before_all_processes_are_ready(
    supervised: Callable[..., Supervised],
) -> None:
    one = supervised(HALF_READY)
    one.until(lambda supervisor: supervisor.web.reported == b"2\n")
    assert one.announced == 0


def test_sighup_replaces_both_processes(supervised: Callable[..., Supervised]) -> None:
    one = supervised(READY)
    one.until(lambda supervisor: supervisor.prefetch.running)
    before = one.supervisor.web.process, one.supervisor.prefetch.process
    one.signals.put(signal.SIGHUP)
    one.until(
        lambda supervisor: (
            supervisor.web.process is not before[0]
            and not supervisor.retired
            and supervisor.prefetch.running
        )
    )
    after = one.supervisor.web.process, one.supervisor.prefetch.process
    assert [old.returncode for old in before if old is not None] == [-signal.SIGTERM] * 2
    assert [new.poll() for new in after if new is not None] == [None, None]
    assert after[1] is not before[1]


@pytest.mark.parametrize("script", ["raise SystemExit(2)", "raise SystemExit(0)"])
def test_what_cannot_start_replaces_nothing(
    supervised: Callable[..., Supervised], script: str, caplog: pytest.LogCaptureFixture
) -> None:
    one = supervised(READY, script, READY)
    one.until(lambda supervisor: supervisor.web.became_ready)
    before = one.supervisor.web.process
    one.signals.put(signal.SIGHUP)
    one.until(lambda _: "everything stays as it was" in caplog.text)
    assert one.supervisor.web.process is before
    assert one.supervisor.web.running
    one.signals.put(signal.SIGHUP)
    one.until(lambda supervisor: supervisor.web.process is not before)


def test_what_does_not_become_ready_is_given_up(
    supervised: Callable[..., Supervised], caplog: pytest.LogCaptureFixture
) -> None:
    one = supervised(READY, HALF_READY)
    one.until(lambda supervisor: supervisor.web.became_ready)
    before = one.supervisor.web.process
    one.supervisor.reload()
    assert one.supervisor.next is not None
    late, _ = one.supervisor.next
    process = late[0].process
    one.supervisor.next = late, time.monotonic()
    one.until(lambda _: "everything stays as it was" in caplog.text)
    assert process is not None
    assert process.returncode == -signal.SIGKILL
    assert one.supervisor.web.process is before


def test_a_second_sighup_during_the_first_is_not_lost(
    supervised: Callable[..., Supervised], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    one = supervised(READY)
    one.until(lambda supervisor: supervisor.web.became_ready)
    for _ in range(3):
        one.signals.put(signal.SIGHUP)
    one.until(lambda supervisor: caplog.text.count("new web processes answer now") == 2)
    assert one.supervisor.next is None


def test_a_child_has_the_configuration_that_it_was_made_with(tmp_path: Path) -> None:
    config = tmp_path / "lamella.toml"
    config.write_text("admins = ['ada']")
    script = """
import pathlib, sys
from dashboard.people.configuration import load_configuration
print(*load_configuration(pathlib.Path(sys.argv[1])).admins, file=open(sys.argv[2], "a"))
"""
    command = [sys.executable, "-c", script, str(config), str(tmp_path / "out")]
    tended = ManagedProcess("test", command, configuration=config.read_bytes())
    for text in ("admins = ['eve']", "admins = ["):
        config.write_text(text)
        config.chmod(0o666)
        tended.start()
        assert tended.process is not None
        assert tended.process.wait() == 0
    assert (tmp_path / "out").read_text() == "ada\nada\n"
    assert TEXT not in os.environ


def test_a_configuration_that_cannot_be_read_replaces_nothing(
    supervised: Callable[..., Supervised],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = supervised(READY)
    one.until(lambda supervisor: supervisor.web.became_ready)
    before = one.supervisor.web.process

    def refuse() -> ManagedProcess:
        raise SetupError("The configuration is not there.")

    with monkeypatch.context() as patched:
        patched.setattr(one, "make_web", refuse)
        for _ in range(3):
            one.signals.put(signal.SIGHUP)
        one.until(lambda _: caplog.text.count("as it was: The configuration is not there.") == 3)
    assert one.supervisor.web.process is before
    assert one.supervisor.web.running
    one.signals.put(signal.SIGHUP)
    one.until(lambda supervisor: supervisor.web.process is not before)


@pytest.mark.parametrize("gone", [True, False])
def test_sighup_of_a_terminal_that_is_closed_ends_the_server(
    supervised: Callable[..., Supervised], monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    monkeypatch.setattr(module, "HANG_UP_S", 0.0)
    monkeypatch.setattr(module, "has_terminal", lambda: True)
    one = supervised(READY)
    monkeypatch.setattr(module, "has_terminal", lambda: not gone)
    one.signals.put(signal.SIGHUP)
    if gone:
        one.supervisor.run(one.announce)
        assert one.supervisor.next is None
    else:
        one.until(lambda supervisor: supervisor.next is not None)


def test_a_child_ends_with_its_parent() -> None:
    script = """
import os, signal, sys
from dashboard.cli.process import die_with_parent
die_with_parent(int(sys.argv[1]))
print("still here")
"""
    fine = subprocess.run(
        [sys.executable, "-c", script, str(os.getpid())], capture_output=True, check=False
    )
    assert fine.stdout == b"still here\n"
    orphan = subprocess.run(
        [sys.executable, "-c", script, "999999999"], capture_output=True, check=False
    )
    assert orphan.returncode == -signal.SIGTERM


def test_signals_are_queued() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    signals: SimpleQueue[int] = SimpleQueue()
    try:
        queue_signals(signals, (signal.SIGUSR1,))
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signals.get(timeout=WITHIN_S) == signal.SIGUSR1
    finally:
        signal.signal(signal.SIGUSR1, before)
