"""Records of the processes that write the ledger: their names, heartbeats and gauges.

A process is called `web-0`, `worker-0` and so on: it takes the first name of its role that no live process has.
So a process that is restarted has the name of the one before, and metrics of it go on. Where there are several
machines, it is `NODE/web-0`.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from dashboard.storage.rows import Rows, RowsUnavailable
from dashboard.telemetry.aggregates import Finite, Name

PROCESS: Final = "process:"

PROCESS_EXPIRES_S: Final = 15.0
# Records of processes that have ended are kept, since they say for how long there is no worker.
RECORD_EXPIRES_S: Final = 7 * 86_400.0
MAX_PROCESSES: Final = 1024
# Heartbeats over which the use of processors is averaged.
CPU_BEATS: Final = 30
# A record that is further ahead is from a clock that was set back since.
_CLOCKS_DIFFER_S: Final = 3600.0


class Heartbeat(BaseModel):
    """The record of a process; `heartbeat` and `began` are Unix times (s).

    Its key has the name of the process, such as `web-0`, which the next process takes over when this one has
    ended or been silent. `cpu` is the number of processors that it kept busy of late, with its children that have
    ended, `bookkeeping` what of it the ledger took. `process` is what rows call it, and `host` says where the
    process id means anything.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    pid: int
    role: Annotated[str, Field(max_length=32)]
    rss_bytes: int
    heartbeat: Finite
    cpu: Finite = 0.0
    bookkeeping: Finite = 0.0
    gauges: dict[Name, Finite]
    process: Annotated[str, Field(max_length=64)] = ""
    began: Finite = 0.0
    host: Annotated[str, Field(max_length=256)] = ""
    ended: bool = False

    def is_live(self, now: float) -> bool:
        """Whether the process was heard of a short time before `now` (Unix time, s), and has not ended."""
        age = now - self.heartbeat
        return not self.ended and -_CLOCKS_DIFFER_S < age <= PROCESS_EXPIRES_S


class ProcessRecord:
    """The record of this process, which is `process` in its rows; set `ended` before the last heartbeat."""

    def __init__(self, rows: Rows, role: str, process: str) -> None:
        self._rows = rows
        self._role = role
        self._process = process
        self._began: float | None = None
        self._number: int | None = None
        self._spent: deque[tuple[float, float, float]] = deque(maxlen=CPU_BEATS)
        self.ended = False

    def _made(self, now: float, gauges: Mapping[str, float]) -> Heartbeat:
        if self._began is None:
            self._began = now
        cpu, bookkeeping = self._busy()
        return Heartbeat(
            pid=os.getpid(),
            role=self._role,
            rss_bytes=rss_bytes(),
            heartbeat=now,
            cpu=cpu,
            bookkeeping=bookkeeping,
            gauges=dict(gauges),
            process=self._process,
            began=self._began,
            host=_host(),
            ended=self.ended,
        )

    def _busy(self) -> tuple[float, float]:
        """Processors that were busy since the oldest of the last beats: in all, and for this thread."""
        used = os.times()
        ours = used.user + used.system + used.children_user + used.children_system
        self._spent.append((time.monotonic(), ours, time.thread_time()))
        (then, cpu, ledger), (now, cpu_now, ledger_now) = self._spent[0], self._spent[-1]
        passed = now - then
        if passed <= 0.0:
            return 0.0, 0.0
        # Beats of another thread, as at the end, have another clock.
        shares = (cpu_now - cpu) / passed, (ledger_now - ledger) / passed
        return round(max(0.0, shares[0]), 3), round(max(0.0, shares[1]), 4)

    def beat(self, now: float, gauges: Mapping[str, float]) -> None:
        """Store a heartbeat under this process's name, or under the first that is free; `RowsUnavailable`."""
        record = self._made(now, gauges)
        value = record.model_dump_json().encode()
        node = node_of(self._process)
        name = f"{PROCESS}{node}/{self._role}" if node else f"{PROCESS}{self._role}"
        if self._number is not None:
            key = f"{name}-{self._number}"
            before = read_heartbeat(self._rows.get(key))
            if before is not None and before.process == self._process:
                if not self._rows.set(key, value, expire=RECORD_EXPIRES_S):
                    raise RowsUnavailable("a heartbeat was not stored")
                return
        for number in range(MAX_PROCESSES):
            key = f"{name}-{number}"
            there = self._rows.get(key)
            if _is_free(read_heartbeat(there), record) and self._rows.compare_and_set(
                key, there, value, expire=RECORD_EXPIRES_S
            ):
                self._number = number
                return
        raise RowsUnavailable("no name is free for this process")


def process_name(node: str) -> str:
    """What rows call this process of the machine `node`, which is empty where there is no other one."""
    name = f"{os.getpid()}:{time.time_ns():x}"
    return f"{node}/{name}" if node else name


def node_of(process: str) -> str:
    """The machine of a process by its name in rows."""
    node, slash, _ = process.partition("/")
    return node if slash else ""


def read_heartbeat(value: bytes | None) -> Heartbeat | None:
    """The record of a process; None when there is none, or no readable one."""
    try:
        return None if value is None else Heartbeat.model_validate_json(value)
    except ValueError:
        return None


def _is_free(there: Heartbeat | None, mine: Heartbeat) -> bool:
    """Whether the name of a record can be taken over."""
    if there is None or not there.is_live(mine.heartbeat):
        return True
    return there.host == mine.host and not _is_running(there.pid)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _host() -> str:
    """Where process ids are those that this process sees: the host and, in a container, its namespace."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{os.uname().nodename} {namespace}"[:256]


def rss_bytes(pid: int | None = None) -> int:
    """Private memory of a process, by default this one (RssAnon + RssShmem, bytes), 0 where it is unknown.

    Mapped files belong to the page cache.
    """
    kilobytes = 0
    try:
        with open(f"/proc/{pid or 'self'}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(("RssAnon:", "RssShmem:")):
                    kilobytes += int(line.split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return kilobytes * 1024
