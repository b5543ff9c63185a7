"""How long a thread keeps its processor when another one wakes up (EEVDF, Linux 6.12 and later).

A thread that wakes up takes the place of one with longer slices at once; otherwise it waits until the slice
of that one is used up, about 3 ms, and a response passes through several threads. Shares of the processors
stay what they are: nice values and SCHED_IDLE would take from them, and hold up who waits for a lock that
such a thread holds
(https://docs.kernel.org/scheduler/sched-eevdf.html).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import threading
from functools import partial
from typing import Final

# The kernel's own choice is about 3 ms; it takes 0.1 to 100 ms.
COMPUTING_S: Final = 0.02
RESPONDING_S: Final = 0.0003

# struct sched_attr of sched_setattr(2): size, policy, flags, nice, priority, runtime, deadline, period (ns).
_ATTRIBUTES: Final = struct.Struct("IIQiIQQQ")
_NUMBERS: Final = {"x86_64": 314, "aarch64": 274}


def set_time_slice(seconds: float) -> bool:
    """Set the slices of this thread and of those that it starts; whether the kernel has any."""
    number = _NUMBERS.get(platform.machine())
    libc = ctypes.CDLL(None, use_errno=True)
    # Of another policy, which somebody chose for the service, nothing is changed.
    if number is None or not hasattr(libc, "syscall") or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    runtime = int(seconds * 1e9)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, runtime, 0, 0)
    return bool(libc.syscall(ctypes.c_long(number), 0, attributes, 0) == 0)


# For threads that decode and the like, and for those that serve requests.
compute_in_long_slices: Final = partial(set_time_slice, COMPUTING_S)
respond_in_short_slices: Final = partial(set_time_slice, RESPONDING_S)
