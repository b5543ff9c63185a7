"""The supervisor: restarts, its limit of restarts, the end of its children."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from dashboard.cli.process import queue_signals
from dashboard.cli.serve import (
    MAX_DEATHS,
    ManagedProcess,
    RestartLimitReached,
    address,
    end,
    supervise,
)
from dashboard.settings import Settings
from tests.clock import Clock

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


def child(clock: Clock, script: str = "input()") -> ManagedProcess:
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
    proven = child(Clock())
    proven.became_ready = True
    proven.on_exit(status)


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
        return bool(select.select([descriptor], [], [], 10.0)[0])
    finally:
        os.close(descriptor)


def test_an_ending_signal_ends_the_supervision(make_settings: MakeSettings) -> None:
    clock = Clock()
    pause = "import signal; signal.pause()"
    children = child(clock, pause), child(clock, pause)
    signals: SimpleQueue[int] = SimpleQueue()
    signals.put(signal.SIGCHLD)
    signals.put(signal.SIGTERM)
    try:
        supervise(make_settings(), children, signals, "http://there")
    finally:
        end(children, signals, grace_s=30.0)
    assert signals.empty()
    statuses = [one.process.returncode for one in children if one.process is not None]
    assert statuses == [-signal.SIGTERM] * 2, "both were started, and ended"


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
        assert signals.get(timeout=10) == signal.SIGUSR1
    finally:
        signal.signal(signal.SIGUSR1, before)
