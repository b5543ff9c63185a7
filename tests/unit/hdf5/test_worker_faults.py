"""A child that dies, stalls or spends its time: whether the file or the machine is at fault."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from dashboard import errors
from dashboard.hdf5 import child
from dashboard.hdf5 import pool as module
from dashboard.hdf5.messages import FileListing, ListDatasets
from dashboard.hdf5.pool import Hdf5WorkerPool, WorkerCrashed
from tests import files
from tests.parts import Parts
from tests.unit.hdf5.stand_ins import READY, running, stand_in

EMPTY = FileListing((), complete=True, hurried=False, swmr=False, default=None)
REPLY = repr({"reply": vars(EMPTY)})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_one_that_was_ended_in_between_is_replaced(
    pool: Hdf5WorkerPool, tmp_path: Path, number: signal.Signals
) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    pool.call(ListDatasets(), path)
    before = running(pool)
    before.send_signal(number)
    before.wait()
    assert pool.call(ListDatasets(), path)[0].datasets[0].dataset == "/x"
    assert running(pool).pid != before.pid


def test_one_that_is_killed_at_its_request_is_replaced_once(
    pool: Hdf5WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    pool.call(ListDatasets(), path)
    # Killed between the check whether it lives and the request.
    monkeypatch.setattr(running(pool), "poll", lambda: None)
    os.kill(running(pool).pid, signal.SIGKILL)
    os.waitid(os.P_PID, running(pool).pid, os.WEXITED | os.WNOWAIT)
    assert pool.call(ListDatasets(), path)[0].datasets[0].dataset == "/x"


@pytest.mark.parametrize(
    "end",
    [
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "os.kill(os.getpid(), signal.SIGABRT)",
        "os._exit(3)",
        "sys.stdout.buffer.write(b'nonsense ' * 99); sys.stdout.buffer.flush(); receive()",
        "sys.stdout.buffer.write(bytes(12)); sys.stdout.buffer.flush(); receive()",
        "send({}); receive()",
        "send([]); receive()",
        "send({'reply': {'datasets': []}}); receive()",
        "send({'reply': {'datasets': [{}], 'complete': 1, 'hurried': 0, 'swmr': 0}}); receive()",
        f"send({REPLY[:-1]}, 'failure': {{'error': 'busy', 'message': ''}}}}); receive()",
    ],
)
def test_a_crash_is_the_file_s_fault(pool: Hdf5WorkerPool, tmp_path: Path, end: str) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    with stand_in(pool, READY + end):
        with pytest.raises(WorkerCrashed) as caught:
            pool.call(ListDatasets(), path)
        assert caught.value.status == 422
        assert "crashed on this file" in caught.value.message
        assert str(tmp_path) not in caught.value.message
    assert pool.call(ListDatasets(), path)[0].datasets[0].dataset == "/x"


def test_one_that_somebody_killed_at_work_is_not_the_file_s_fault(
    here: Parts, data: Path, tmp_path: Path, pool: Hdf5WorkerPool
) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 3)))
    here.library.hdf5 = pool
    kill = stand_in(pool, READY + "os.kill(os.getpid(), signal.SIGKILL)")
    with kill, pytest.raises(errors.Busy, match="try again"):
        here.library.datasets("data/a.h5")
    assert here.library.datasets("data/a.h5")[0]["dataset"] == "/x"


def test_one_that_cannot_be_started_is_not_the_file_s_fault(
    here: Parts, data: Path, pool: Hdf5WorkerPool
) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 3)))
    here.library.hdf5 = pool

    pool.command = ("/nowhere/python",)
    # It runs in a thread of its own, where nobody catches anything; the requests report it.
    pool.prestart()
    assert pool.idle() == []
    for _ in range(2):
        with pytest.raises(errors.Busy, match="try again"):
            here.library.datasets("data/a.h5")
    pool.command = module.COMMAND
    assert here.library.datasets("data/a.h5")[0]["dataset"] == "/x"


def test_one_that_does_not_come_up_is_not_the_file_s_fault(
    here: Parts, data: Path, pool: Hdf5WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 3)))
    here.library.hdf5 = pool
    monkeypatch.setattr(child, "START_SECONDS", 0.01)
    with stand_in(pool, "receive()"), pytest.raises(errors.Busy, match="try again"):
        here.library.datasets("data/a.h5")
    monkeypatch.undo()
    assert here.library.datasets("data/a.h5")[0]["dataset"] == "/x"


def test_one_that_waits_for_something_is_ended_and_no_verdict(
    here: Parts, data: Path, pool: Hdf5WorkerPool
) -> None:
    path = files.write(data / "a.h5", x=np.zeros((2, 3)))
    here.library.hdf5 = pool
    with stand_in(pool, READY + "receive()"):
        with pytest.raises(errors.Busy, match="made no progress"):
            pool.call(ListDatasets(), path, seconds=0.5)
        # Many times the unit of its processor time (10 ms), which its start may still use up.
        pool.seconds = 0.5
        with pytest.raises(errors.Busy, match="made no progress"):
            here.library.datasets("data/a.h5")
    pool.seconds = 30.0
    assert here.library.datasets("data/a.h5")[0]["dataset"] == "/x"


def test_one_that_uses_up_its_time_is_ended(
    pool: Hdf5WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However little of a processor others leave it.
    monkeypatch.setattr(child, "_IDLE", 0.0)
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    loop = stand_in(pool, READY + "while True: pass")
    with loop, pytest.raises(WorkerCrashed, match="took longer than 0 s on this file"):
        pool.call(ListDatasets(), path, seconds=0.2)
    assert pool.call(ListDatasets(), path)[0].datasets[0].dataset == "/x"


def test_one_that_the_kernel_ends_for_its_time_is_the_file_s_fault(
    pool: Hdf5WorkerPool, tmp_path: Path
) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    crash = stand_in(pool, READY + "os.kill(os.getpid(), signal.SIGXCPU)")
    with crash, pytest.raises(WorkerCrashed, match="used up its time"):
        pool.call(ListDatasets(), path)


def test_one_that_others_keep_from_working_goes_on_for_a_while(
    pool: Hdf5WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    monkeypatch.setattr(child, "STEP_SECONDS", 0.01)
    # By the clock of its processor it has had half of what it may have.
    began = time.monotonic()
    half = lambda _: (time.monotonic() - began) / 2  # noqa: E731
    monkeypatch.setattr(child.Hdf5Worker, "processor_seconds", half)
    with stand_in(pool, READY + "import time; time.sleep(1.0); send(" + f"{REPLY})"):
        assert pool.call(ListDatasets(), path, seconds=0.6)[0] == EMPTY
    process = running(pool)
    process.kill()
    process.wait()
    with stand_in(pool, READY + "receive()"):
        with pytest.raises(WorkerCrashed, match="took longer"):
            pool.call(ListDatasets(), path, seconds=0.1)
        # Over time, half of its time is much and a tenth is not.
        pool.seconds = 0.05
        with pytest.raises(WorkerCrashed, match="took longer"):
            pool.call(ListDatasets(), path, seconds=0.15)
        tenth = lambda _: time.monotonic() / 10  # noqa: E731
        monkeypatch.setattr(child.Hdf5Worker, "processor_seconds", tenth)
        with pytest.raises(errors.Busy, match="made no progress"):
            pool.call(ListDatasets(), path, seconds=0.15)


def test_a_long_request_goes_on_at_a_lower_priority_in_a_worker_that_is_replaced(
    pool: Hdf5WorkerPool, tmp_path: Path
) -> None:
    path = files.write(tmp_path / "a.h5", x=np.zeros((2, 3)))
    usual, seen = os.getpriority(os.PRIO_PROCESS, 0), tmp_path / "seen"
    # Only the first worker works until its priority changes. nice(0) would set the one that it has just read.
    program = f"""
if not os.path.exists({str(seen)!r}):
    import time
    nice = lambda: os.getpriority(os.PRIO_PROCESS, 0)
    while nice() == {usual} and time.process_time() < 20: pass
    with open({str(seen)!r}, "w") as file: file.write(str(nice()))
send({REPLY}); receive()
"""
    with stand_in(pool, READY + program):
        assert pool.call(ListDatasets(), path)[0] == EMPTY
        assert int(seen.read_text()) == min(usual + 10, 19)
        other = running(pool)
        assert os.getpriority(os.PRIO_PROCESS, other.pid) == usual
        assert pool.call(ListDatasets(), path)[0] == EMPTY
        assert running(pool) is other


def test_a_stopped_child_is_no_verdict_on_the_file(
    here: Parts, data: Path, pool: Hdf5WorkerPool
) -> None:
    path = files.write(data / "a.h5", x=np.zeros((2, 3)))
    here.library.hdf5 = pool
    pool.call(ListDatasets(), path)
    os.kill(running(pool).pid, signal.SIGSTOP)
    pool.seconds = 0.2
    with pytest.raises(errors.Busy, match="made no progress"):
        here.library.datasets("data/a.h5")
    pool.seconds = 30.0
    assert here.library.datasets("data/a.h5")[0]["dataset"] == "/x"


def test_one_crash_alone_is_no_verdict(
    here: Parts, data: Path, pool: Hdf5WorkerPool, tmp_path: Path
) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 3)))
    here.library.hdf5 = pool
    once = tmp_path / "once"
    program = f"""
if not os.path.exists({str(once)!r}):
    open({str(once)!r}, "w").close()
    os.kill(os.getpid(), signal.SIGSEGV)
send({REPLY}); receive()
"""
    with stand_in(pool, READY + program):
        assert here.library.datasets("data/a.h5") == []
    assert once.exists()


def test_a_verdict_is_remembered_for_a_state_of_the_file(
    here: Parts, data: Path, pool: Hdf5WorkerPool
) -> None:
    path = files.write(data / "a.h5", x=np.zeros((2, 3)))
    here.library.hdf5 = pool
    with (
        stand_in(pool, READY + "os.kill(os.getpid(), signal.SIGSEGV)"),
        pytest.raises(errors.CannotShow),
    ):
        here.library.datasets("data/a.h5")
    with pytest.raises(errors.CannotShow, match="crashed on this file"):
        here.library.datasets("data/a.h5")
    os.utime(path)
    assert here.library.datasets("data/a.h5")[0]["dataset"] == "/x"
