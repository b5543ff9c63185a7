"""How long a thread that computes keeps its processor when another one wakes up."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import threading
from typing import Final

# Longer than the kernel's own choice (about 3 ms); it takes 0.1 to 100 ms.
SLICE_S: Final = 0.02

# struct sched_attr of sched_setattr(2): size, policy, flags, nice, priority, runtime, deadline, period (ns).
_ATTRIBUTES: Final = struct.Struct("IIQiIQQQ")
_SCHED_OTHER: Final = 0
_NUMBERS: Final = {"x86_64": 314, "aarch64": 274}


def compute_in_long_slices(seconds: float = SLICE_S) -> bool:
    """Give this thread time slices of `seconds`; whether the kernel knows them (Linux 6.12 and later).

    Its share of the processors stays what it is. But a thread with shorter slices that wakes up, such as one that
    answers a request for a cached slice, does not wait until this one's slice is used up
    (https://docs.kernel.org/scheduler/sched-eevdf.html). Nice values and SCHED_IDLE would do so at the cost of the
    share, and of who waits for a lock that this thread holds.
    """
    number = _NUMBERS.get(platform.machine())
    libc = ctypes.CDLL(None, use_errno=True)
    if number is None or not hasattr(libc, "syscall"):
        return False
    nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    runtime = int(seconds * 1e9)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, _SCHED_OTHER, 0, nice, 0, runtime, 0, 0)
    # Of another policy, which somebody chose for the service, nothing is changed.
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    return bool(libc.syscall(ctypes.c_long(number), 0, attributes, 0) == 0)
