"""Health of a process: whether it is ready, and what works of the service, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dashboard.storage.disk_space import DiskSpace
from dashboard.telemetry.ledger_reader import WORKER_AWAY_S, ProcessStats, WorkerStats


class Part(StrEnum):
    """A part of the service that may fail by itself."""

    FILES = "files"
    CACHE = "cache"
    PREFETCHING = "prefetching"
    LINKED_FILES = "linked_files"
    RIGHTS = "rights"
    SIGN_IN = "sign_in"
    SHARED = "shared"


@dataclass(frozen=True)
class PartHealth:
    """Whether a part works, in one sentence that names no file, folder or person."""

    part: Part
    works: bool
    sentence: str


class Health:
    """Conditions of readiness and degradation.

    `processes` returns the live processes, `worker` the state of the prefetch worker, and `confined` whether HDF5
    workers are confined to the roots, None before there was one. `rights` says whether it can be found out who
    may read which file, `people` whether the people file can be used, and `provider` whether the identity provider
    answers; None where nobody is asked. `shared`
    says whether the store answers that several machines share; None where there is one machine. `leaves` says
    whether this one was asked to leave, `worker_is_alive` whether its own worker says that it
    is there.
    """

    def __init__(
        self,
        roots: Iterable[Path],
        cache_dir: Path,
        space: DiskSpace,
        processes: Callable[[], Iterable[ProcessStats]],
        worker: Callable[[], WorkerStats],
        confined: Callable[[], bool | None],
        rights: Callable[[], bool] | None = None,
        shared: Callable[[], bool] | None = None,
        leaves: Callable[[], bool] = lambda: False,
        people: Callable[[], bool] | None = None,
        provider: Callable[[], bool] | None = None,
        worker_is_alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self._roots = tuple(roots)
        self._cache_dir = cache_dir
        self._space = space
        self._processes = processes
        self._worker = worker
        self._confined = confined
        self._rights = rights
        self._shared = shared
        self._leaves = leaves
        self._people = people
        self._provider = provider
        self._worker_is_alive = worker_is_alive

    def degraded(self) -> str | None:
        """One sentence while the caches cannot be written, else None."""
        return self._space.degraded_message

    def readiness(self) -> dict[str, bool]:
        """Conditions of readiness. A full disk is none, since slices are served uncached then."""
        found = {
            "roots": all(root.exists() for root in self._roots),
            "cache": self._cache_dir.is_dir(),
            # Of several machines, heartbeats are in a store that may be gone or emptied.
            "worker": self._has_worker() if self._shared is None else self._worker_is_alive(),
        }
        return found if self._shared is None else found | {"stays": not self._leaves()}

    def _has_worker(self) -> bool:
        return any(
            process["role"] == "worker" and process["heartbeat_s"] < WORKER_AWAY_S
            for process in self._processes()
        )

    def parts(self) -> list[PartHealth]:
        """The parts of the service, each with what works or does not."""
        parts = [self._files(), self._cache(), self._prefetching(), self._linked_files()]
        if self._rights is not None:
            parts.append(self._rights_to_files(self._rights()))
        if self._people is not None:
            parts.append(_signing_in(self._people(), self._provider is None or self._provider()))
        return parts if self._shared is None else [*parts, _sharing(self._shared())]

    def _files(self) -> PartHealth:
        missing = sum(not root.exists() for root in self._roots)
        if not missing:
            return PartHealth(Part.FILES, True, "All folders with data can be reached.")
        return PartHealth(
            Part.FILES,
            False,
            f"{missing} of {len(self._roots)} folders or files with data cannot be reached, and are not shown.",
        )

    def _cache(self) -> PartHealth:
        if not self._cache_dir.is_dir():
            sentence = "The folder of the cache is missing: slices are shown, but not kept."
            return PartHealth(Part.CACHE, False, sentence)
        degraded = self.degraded()
        if degraded is not None:
            return PartHealth(Part.CACHE, False, degraded)
        return PartHealth(Part.CACHE, True, "Decoded data is kept, so a slice is decoded once.")

    def _prefetching(self) -> PartHealth:
        # The ledger has rows of all machines: it is read where the worker itself does not say that it is there.
        is_up = self._shared is not None and self._worker_is_alive()
        worker: WorkerStats = {"state": "up", "since_s": None} if is_up else self._worker()
        if worker["state"] == "up":
            sentence = "The next slices are decoded before they are wanted."
            return PartHealth(Part.PREFETCHING, True, sentence)
        since_s = worker["since_s"]
        ago = "" if since_s is None else f" for {_duration(since_s)}"
        what = {
            "away": f"The prefetch worker has been silent{ago}",
            "ended": f"The prefetch worker has not run{ago}",
        }.get(worker["state"], "No prefetch worker runs")
        return PartHealth(
            Part.PREFETCHING, False, f"{what}: slices are decoded only when they are wanted."
        )

    def _linked_files(self) -> PartHealth:
        if self._confined() is False:
            sentence = "The kernel does not confine HDF5 workers: datasets with values in other files are refused."
            return PartHealth(Part.LINKED_FILES, False, sentence)
        sentence = "Datasets with values in other files below these folders are shown."
        return PartHealth(Part.LINKED_FILES, True, sentence)

    def _rights_to_files(self, known: bool) -> PartHealth:
        if known:
            return PartHealth(Part.RIGHTS, True, "Everybody sees what their account may read.")
        sentence = "It cannot be found out who may read which file: nobody but admins sees any."
        return PartHealth(Part.RIGHTS, False, sentence)


def _signing_in(people: bool, provider: bool) -> PartHealth:
    if people and provider:
        return PartHealth(Part.SIGN_IN, True, "People can sign in.")
    sentence = "The identity provider does not answer as it should: nobody can sign in there."
    if not people:
        sentence = "The list of people cannot be used: nobody can sign in, and who is signed in gets nothing."
    return PartHealth(Part.SIGN_IN, False, sentence)


def _sharing(works: bool) -> PartHealth:
    if works:
        return PartHealth(Part.SHARED, True, "The machines share plans and statistics.")
    sentence = (
        "The store that the machines share does not answer: this one works by itself, without prefetching, and its"
        " statistics are written later."
    )
    return PartHealth(Part.SHARED, False, sentence)


def _duration(seconds: float) -> str:
    """A time span in words, in its largest unit."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{int(seconds)} s"
