"""Files of bricks that are being written, beside the cache and counted in its size."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks.plane_checksums import checksum_bytes
from dashboard.bricks.usage import BrickUsage, usage_record_size
from dashboard.decoding.sinks import FileSink, Sink
from dashboard.storage.checksum import PlaneChecksums
from dashboard.storage.file_lock import in_use, mark_in_use
from dashboard.storage.preallocate import preallocate
from dashboard.storage.private_directory import make_private

# An unlocked file of this age belongs to a process that has died.
STALE_PENDING_S = 10.0


def file_bytes(address: BrickAddress, itemsize: int) -> int:
    """Length of a brick's file."""
    return (
        address.nbytes(itemsize)
        + usage_record_size(address.planes)
        + checksum_bytes(address.planes)
    )


class PendingBrickFile:
    """A brick's file while it is written: invisible until it is committed, removed when it is discarded."""

    def __init__(
        self, folder: Path, address: BrickAddress, itemsize: int, purpose: Purpose
    ) -> None:
        self.address = address
        self.purpose = purpose
        self.started = time.monotonic()
        # Time for which decoding yielded to demands (s).
        self.paused_s = 0.0
        self.data_bytes = address.nbytes(itemsize)
        self.file_bytes = file_bytes(address, itemsize)
        self.checksums = PlaneChecksums(address.shape[-2])
        # Times of the system calls that write the brick (s); appended by several threads.
        self.writes_s: list[float] = []
        self.fd, name = _new_file(folder, address.key[:16] + "-")
        self.path = Path(name)
        try:
            mark_in_use(self.fd)
            preallocate(self.fd, self.file_bytes)
            BrickUsage.begin(self.fd, self.data_bytes, address.planes, purpose)
            self.writes_s.append(time.monotonic() - self.started)
        except OSError:
            self.discard()
            raise

    @property
    def decode_s(self) -> float:
        """Time since the file was created, without pauses (s)."""
        return max(0.0, time.monotonic() - self.started - self.paused_s)

    def sink(self) -> AbstractContextManager[Sink]:
        """The sink that writes bands of the brick to the file at once."""
        sink = FileSink(self.fd, self.address, self.checksums, self.writes_s.append)
        return nullcontext(sink)

    def close(self) -> None:
        """Close the descriptor; the file stays."""
        os.close(self.fd)

    def discard(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            os.unlink(self.path)
        with suppress(OSError):
            os.close(self.fd)


def _new_file(folder: Path, prefix: str) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(prefix=prefix, dir=folder)
    except FileNotFoundError:
        make_private(folder)
        return tempfile.mkstemp(prefix=prefix, dir=folder)


def pending_bytes(folder: Path) -> int:
    """Size of the pending files of all processes; removes those of killed processes."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                info = entry.stat(follow_symlinks=False)
                abandoned = info.st_mtime < time.time() - STALE_PENDING_S
                if abandoned and not in_use(Path(entry.path)):
                    os.unlink(entry.path)
                else:
                    total += info.st_size
    return total
