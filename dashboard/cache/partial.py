"""Brick files that are being written: beside the cache, and counted in its bytes."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from dashboard.cache.plane_sums import sums_bytes
from dashboard.cache.story import Purpose, Story, story_bytes
from dashboard.storage.checksum import PlaneSums
from dashboard.storage.guard import make_private
from dashboard.storage.locks import in_use, mark_in_use
from dashboard.storage.reserve import reserve
from dashboard.volumes.address import BrickAddress

# A file that is this old and that nobody writes belongs to a process that is gone.
ABANDONED_S = 10.0


def file_bytes(address: BrickAddress, itemsize: int) -> int:
    """Length of a brick's file."""
    return address.nbytes(itemsize) + story_bytes(address.planes) + sums_bytes(address.planes)


class Partial:
    """A brick's file while it is written: invisible until it is kept, gone when its writer gives up."""

    def __init__(
        self, folder: Path, address: BrickAddress, itemsize: int, purpose: Purpose
    ) -> None:
        self.address = address
        self.purpose = purpose
        self.began = time.monotonic()
        self.data_bytes = address.nbytes(itemsize)
        self.file_bytes = file_bytes(address, itemsize)
        self.sums = PlaneSums(address.shape[-2])
        self.fd, name = _new_file(folder, address.key[:16] + "-")
        self.path = Path(name)
        try:
            mark_in_use(self.fd)
            reserve(self.fd, self.file_bytes)
            Story.begin(self.fd, self.data_bytes, address.planes, purpose)
        except OSError:
            self.discard()
            raise

    def close(self) -> None:
        """Give the descriptor back; the file stays."""
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


def partial_bytes(folder: Path) -> int:
    """Bytes of the files that are being written by any process; removes what killed ones left."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                info = entry.stat(follow_symlinks=False)
                abandoned = info.st_mtime < time.time() - ABANDONED_S
                if abandoned and not in_use(Path(entry.path)):
                    os.unlink(entry.path)
                else:
                    total += info.st_size
    return total
