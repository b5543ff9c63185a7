"""Time slices of threads that compute."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from dashboard.decoding.decode_pool import DecodePool
from dashboard.http.request_threads import RequestThreads
from dashboard.time_slice import COMPUTING_S, RESPONDING_S, compute_in_long_slices, set_time_slice
from tests.waits import WITHIN_S

NUMBERS = {"x86_64": 315, "aarch64": 275}


def attributes() -> tuple[int, int, float]:
    """Policy, nice value and slice (s) of this thread, by sched_getattr(2)."""
    layout = struct.Struct("IIQiIQQQ")
    buffer = ctypes.create_string_buffer(layout.size)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(NUMBERS[platform.machine()], 0, buffer, layout.size, 0) == 0
    _, policy, _, nice, _, runtime, _, _ = layout.unpack(buffer.raw)
    return policy, nice, runtime / 1e9


@pytest.fixture
def known() -> None:
    """Whether the kernel has slices for single threads, and says so."""
    with ThreadPoolExecutor(1) as pool:
        if not pool.submit(lambda: set_time_slice(0.05) and attributes()[2] == 0.05).result():
            pytest.skip("needs Linux 6.12")


@pytest.mark.usefixtures("known")
def test_only_threads_that_decode_have_long_slices() -> None:
    before = attributes()
    pool = DecodePool(2)
    gate = threading.Barrier(2, timeout=WITHIN_S)

    def both(_: int) -> tuple[int, int, float]:
        gate.wait()
        return attributes()

    try:
        assert pool.map(both, range(2)) == [(os.SCHED_OTHER, before[1], COMPUTING_S)] * 2
    finally:
        pool.close()
    assert attributes() == before
    assert before[2] not in (COMPUTING_S, RESPONDING_S)


@pytest.mark.usefixtures("known")
def test_threads_that_serve_requests_have_short_ones_and_not_what_they_start() -> None:
    found: SimpleQueue[tuple[float, float]] = SimpleQueue()

    def work(_: str) -> None:
        pool = DecodePool(1)
        try:
            ((_, _, decoding),) = pool.map(lambda _: attributes(), [None])
        finally:
            pool.close()
        found.put((attributes()[2], decoding))

    threads = RequestThreads(1, work)
    threads.start()
    threads.put("request")
    assert found.get(timeout=60) == (RESPONDING_S, COMPUTING_S)
    threads.stop()


@pytest.mark.usefixtures("known")
def test_the_nice_value_stays() -> None:
    def lower() -> tuple[int, int, float]:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        assert compute_in_long_slices()
        return attributes()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lower).result() == (os.SCHED_OTHER, 19, COMPUTING_S)


def test_a_policy_that_somebody_chose_stays() -> None:
    def chosen() -> tuple[bool, int]:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        return compute_in_long_slices(), os.sched_getscheduler(0)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(chosen).result() == (False, os.SCHED_BATCH)


def test_other_machines_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not compute_in_long_slices()
