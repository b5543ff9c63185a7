"""A library that delays and times system calls of a server, to see which stage the disk is attributed to."""

from __future__ import annotations

import mmap
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONTROL = struct.Struct("=16s496siiqq")


class Delays:
    """The library compiled into `folder`; `environment` preloads it into a server."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        library, control = folder / "delays.so", folder / "control"
        source = Path(__file__).with_name("delays.c")
        subprocess.run(
            ["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"],
            check=True,
            capture_output=True,
        )
        control.write_bytes(bytes(CONTROL.size))
        with control.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), CONTROL.size)
        self.environment = {"LD_PRELOAD": str(library), "DELAYS": str(control)}

    @contextmanager
    def of(self, call: str, below: Path, seconds: float, bytes_per_s: int = 0) -> Iterator[None]:
        """Delay each `call` (open, stat, pread, pwrite or flock) on a file whose path begins with `below`.

        Each of those that read or write takes in addition as long as its bytes do at `bytes_per_s`.
        """
        path = str(below).encode()
        self._control[:] = CONTROL.pack(
            call.encode(), path, round(seconds * 1e3), 0, 0, bytes_per_s
        )
        try:
            yield
        finally:
            self._control[:16] = bytes(16)

    @property
    def seconds(self) -> float:
        """Time that the delayed calls took, of which that of `pread` and `pwrite` is known (s)."""
        return int(CONTROL.unpack(self._control[:])[4]) / 1e9

    @property
    def count(self) -> int:
        """Number of calls that were delayed since the last `of` began."""
        return int(CONTROL.unpack(self._control[:])[3])
