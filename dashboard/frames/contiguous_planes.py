"""Planes of contiguous, unfiltered datasets, read directly from the file without a brick.

That requires the plane to include the dataset's last dimension, so that its rows are contiguous in the file.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dashboard.addressing.addresses import digest
from dashboard.addressing.outcomes import Stage
from dashboard.addressing.selection import Selection
from dashboard.bricks.usage import BrickUsage, usage_record_size
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.buffers import ThreadBuffers
from dashboard.decoding.contiguous import ContiguousFile
from dashboard.meter import count_bytes, meter
from dashboard.storage.private_directory import make_private

log = logging.getLogger(__name__)

# Accesses are tracked for volumes of at most this many planes, which bounds the length of the tracking file.
MAX_TRACKED_PLANES = 16_777_216


class ContiguousPlanes:
    """Reads planes of contiguous datasets, and tracks accesses in a small file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._buffers = ThreadBuffers()

    def region(
        self,
        file: VolumeFile,
        selection: Selection,
        rows: tuple[int, int, int],
        step_c: int,
    ) -> NDArray[Any]:
        """Rows start:stop:step and the selection's columns at a step, in native byte order.

        Raises `Changed` when the file is shorter than its dataset or changes during the read.
        """
        with meter(Stage.READ):
            source = ContiguousFile(file.volume, file.fd, self._buffers)
            values = source.region(selection, rows, step_c)
            file.ensure_unchanged()
        count_bytes(Stage.DECODE, values.nbytes)
        with meter(Stage.DECODE):
            return values.astype(file.volume.memory_dtype, copy=False)

    def run(self, file: VolumeFile, first: int, count: int) -> NDArray[Any]:
        """So many values in the order of the file, from number `first` on, in native byte order.

        Raises `Changed` when the file is shorter than its dataset; whether it changed otherwise is for the caller
        to ensure.
        """
        with meter(Stage.READ):
            values = ContiguousFile(file.volume, file.fd, self._buffers).run(first, count)
        with meter(Stage.DECODE):
            return values.astype(file.volume.memory_dtype, copy=False)

    def trim(self, limit: int) -> None:
        """Remove the least recently changed tracking files until `limit` bytes remain; raises `OSError`."""
        records: list[tuple[os.stat_result, str]] = []
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            records += [(entry.stat(follow_symlinks=False), entry.path) for entry in entries]
        total = 0
        for info, path in sorted(records, key=lambda record: -record[0].st_mtime_ns):
            total += info.st_blocks * 512
            if total > limit:
                with suppress(FileNotFoundError):
                    os.unlink(path)

    def _opened(self, name: str) -> int:
        path, how = self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(path, how, 0o600)
        except FileNotFoundError:
            make_private(self._folder)
            return os.open(path, how, 0o600)

    def mark_accessed(self, volume: Volume, selection: Selection) -> bool:
        """Mark the plane as accessed by a viewer; True for the first access."""
        lengths = {d: volume.shape[d] for d in selection.fixed}
        planes = prod(lengths.values())
        if planes > MAX_TRACKED_PLANES:
            return False
        number = 0
        for dim, index in selection.fixed.items():
            number = number * lengths[dim] + index
        name = digest("mapped", volume.address.key, *selection.plane)
        try:
            fd = self._opened(name)
            try:
                if os.fstat(fd).st_size < usage_record_size(planes):
                    os.truncate(fd, usage_record_size(planes))
                return BrickUsage(fd, 0).mark_accessed(number).first_plane_access
            finally:
                os.close(fd)
        except OSError as error:
            # On a full disk the access is not tracked; the slice is served.
            log.warning("access to a plane not recorded: %s", error)
            return False
