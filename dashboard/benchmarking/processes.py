"""Private memory and processor time of a process tree, read from /proc (Linux only)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

PROC = Path("/proc")


def process_tree(pid: int) -> list[int]:
    """The process and its descendants; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # The name in parentheses may contain any character; the fields after it are the state and the parent.
            after = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            children.setdefault(int(after[1]), []).append(int(entry.name))
    if not (PROC / str(pid)).is_dir():
        return []
    found = [pid]
    for one in found:
        found.extend(children.get(one, ()))
    return found


def private_bytes(pid: int) -> int:
    """RssAnon and RssShmem of the process tree (bytes): memory that is not shared with other processes."""
    kilobytes = 0
    for one in process_tree(pid):
        with suppress(OSError, ValueError, IndexError):
            for line in (PROC / str(one) / "status").read_text(errors="replace").splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    kilobytes += int(line.split()[1])
    return kilobytes * 1024


def busy_s(pid: int) -> float:
    """Processor time (s) of the process tree, as far as its processes are alive."""
    ticks = 0
    for one in process_tree(pid):
        with suppress(OSError, ValueError, IndexError):
            text = (PROC / str(one) / "stat").read_text(errors="replace")
            after = text.rpartition(")")[2].split()
            ticks += int(after[11]) + int(after[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_until_idle(
    pid: int,
    *,
    within_s: float = 20.0,
    calm_share: float = 0.1,
    poll_s: float = 0.25,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until the process tree is idle (less than a tenth of a core, twice in a row). Returns whether it is."""
    deadline = clock() + within_s
    calm, before = 0, busy_s(pid)
    while clock() < deadline:
        sleep(poll_s)
        now = busy_s(pid)
        calm = calm + 1 if now - before < calm_share * poll_s else 0
        before = now
        if calm >= 2:
            return True
    return False


class Sampler:
    """Calls `sample` in a thread every `every_s` seconds while the context is entered, and once at its end."""

    def __init__(self, sample: Callable[[], object], every_s: float) -> None:
        self._sample = sample
        self._every = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._sample()


class PeakMemory(Sampler):
    """Samples `private_bytes` of a process while the context is entered; `bytes` is the maximum."""

    def __init__(self, pid: int, every_s: float = 0.2) -> None:
        super().__init__(self._add, every_s)
        self.bytes = 0
        self._pid = pid

    def _add(self) -> None:
        self.bytes = max(self.bytes, private_bytes(self._pid))
