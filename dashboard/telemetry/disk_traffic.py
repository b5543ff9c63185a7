"""Bytes that a process reads from disks and writes to them, as counters of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

# Counters, and the fields of `/proc/self/io` that they are sums of (proc(5)): the storage layer's bytes, without
# what came out of the page cache, and with those of children that have ended.
FIELDS: Final = {"disk.read_bytes": b"read_bytes", "disk.written_bytes": b"write_bytes"}


class DiskTraffic:
    """Counts what was read and written since the last call of `count`; nothing where the kernel does not say."""

    def __init__(
        self, count: Callable[[str, float], None], path: Path = Path("/proc/self/io")
    ) -> None:
        self._count = count
        self._path = path
        self._before: dict[str, int] = self._read()

    def count(self) -> None:
        """Add to the counters."""
        now = self._read()
        for name, total in now.items():
            more = total - self._before.get(name, total)
            if more > 0:
                self._count(name, float(more))
        self._before = now

    def _read(self) -> dict[str, int]:
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return {}
        found = dict(line.split(b": ", 1) for line in lines if b": " in line)
        return {name: int(found[field]) for name, field in FIELDS.items() if field in found}
