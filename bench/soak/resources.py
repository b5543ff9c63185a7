"""What a server uses: memory, descriptors and threads of its processes by role, and its cache directory."""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dashboard.benchmarking import processes

# By what is in a process's command line; the first that is there counts.
ROLES: Final = {
    "hdf5": "dashboard.hdf5.worker",
    "rights": "file_rights_helper",
    "web": "\0web\0",
    "prefetch": "\0worker\0",
    "supervisor": "\0serve\0",
}
OTHER: Final = "other"

MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """What was used at one time: names of figures, such as `web.descriptors` or `cache.bricks.bytes`."""

    at_s: float
    figures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """Medians of the first and the last part of the samples; `flat` says whether the second is no larger."""

    first: float
    last: float
    most: float
    flat: bool


def sample(pid: int, cache: Path, at_s: float) -> Sample:
    """The figures of a server whose supervisor is `pid`."""
    found: dict[str, int] = defaultdict(int)
    for one in processes.process_tree(pid):
        with suppress(OSError):
            _add_process(found, one)
    _add_cache(found, cache)
    return Sample(at_s, dict(found))


def role(pid: int) -> str:
    """The role of a process of a server; raises `OSError` where it has ended."""
    line = (processes.PROC / str(pid) / "cmdline").read_text(errors="replace")
    return next((name for name, part in ROLES.items() if part in line), OTHER)


def changes(
    samples: Sequence[Sample], part_s: float, slack: dict[str, float], share: float
) -> dict[str, Change]:
    """The change of each figure between the first and the last `part_s` seconds of the samples.

    A figure is flat when its last median is at most `share` above the first, and `slack` (by the end of its name).
    """
    begin, end = samples[0].at_s, samples[-1].at_s
    first = [one for one in samples if one.at_s <= begin + part_s]
    last = [one for one in samples if one.at_s >= end - part_s]
    found = {}
    for name in sorted({name for one in samples for name in one.figures}):
        before, after = (
            statistics.median(one.figures.get(name, 0) for one in part) for part in (first, last)
        )
        most = max(one.figures.get(name, 0) for one in samples)
        allowed = before * share + slack[name.rpartition(".")[2]]
        found[name] = Change(before, after, most, after <= before + allowed)
    return found


def _add_process(found: dict[str, int], pid: int) -> None:
    name = role(pid)
    status = (processes.PROC / str(pid) / "status").read_text(errors="replace")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if "RssAnon" not in fields:  # It has ended, and its parent has not read its status.
        return
    anonymous = int(fields["RssAnon"].split()[0]) * 1024
    figures = {
        "processes": 1,
        "bytes": anonymous,
        "threads": int(fields["Threads"]),
        "descriptors": len(os.listdir(processes.PROC / str(pid) / "fd")),
    }
    for figure, value in figures.items():
        found[f"{name}.{figure}"] += value
        found[f"all.{figure}"] += value


def _add_cache(found: dict[str, int], cache: Path) -> None:
    for folder, _, files in os.walk(cache):
        part = Path(folder).relative_to(cache).parts[:1] or ("top",)
        for file in files:
            with suppress(OSError):
                info = os.stat(os.path.join(folder, file))
                for name in (f"cache.{part[0]}", "cache"):
                    found[f"{name}.disk"] += info.st_blocks * 512
                    found[f"{name}.files"] += 1
