"""Health of a process: whether it is ready, and whether it works without its caches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from dashboard.storage.disk_space import DiskSpace
from dashboard.telemetry.ledger_reader import WORKER_AWAY_S, ProcessStats


class Health:
    """Conditions of readiness and degradation; `processes` returns the live processes."""

    def __init__(
        self,
        roots: Iterable[Path],
        cache_dir: Path,
        space: DiskSpace,
        processes: Callable[[], Iterable[ProcessStats]],
    ) -> None:
        self._roots = tuple(roots)
        self._cache_dir = cache_dir
        self._space = space
        self._processes = processes

    def degraded(self) -> str | None:
        """One sentence while the caches cannot be written, else None."""
        return self._space.degraded_message

    def readiness(self) -> dict[str, bool]:
        """Conditions of readiness. A full disk is none, since slices are served uncached then."""
        return {
            "roots": all(root.exists() for root in self._roots),
            "cache": self._cache_dir.is_dir(),
            "worker": any(
                process["role"] == "worker" and process["heartbeat_s"] < WORKER_AWAY_S
                for process in self._processes()
            ),
        }
