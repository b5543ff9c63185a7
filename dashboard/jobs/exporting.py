"""Exports: a part of a volume is written to a file, which is fetched later (`web/routes/jobs.py`)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Final

from dashboard import errors
from dashboard.export.export import ExportAddress, Exporter
from dashboard.jobs.work import Plain
from dashboard.storage.disk_space import DiskSpace

PART: Final = ".part"
_NAME: Final = re.compile(r"lamella-([0-9a-f]{16})\.(?:part|data)")


class Exporting:
    """A slab is some strips of planes, as bytes at their place in the file; what the file has is done.

    The values would pass a scheduler twice: it stays on the machine that was asked.
    """

    is_portable = False

    def __init__(
        self, exporter: Exporter, address: ExportAddress, path: Path, space: DiskSpace
    ) -> None:
        export = self._export = exporter.begin(address)
        self._address = address
        self._path = path
        self._part = path.with_suffix(PART)
        self._space = space
        self._end = 0
        how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._fd = os.open(self._part, how, 0o600)
        except BaseException:
            export.close()
            raise
        # Of a job that was begun before, whose file was written from its beginning on.
        self._size = os.fstat(self._fd).st_size

    def slabs(self) -> Iterator[Plain | None]:
        """The strips that are written together, and where, as `strips` and `at`."""
        self._write(self._export.head, 0)
        at = len(self._export.head)
        itemsize = self._address.dtype.itemsize
        for strips in self._address.grouped():
            end = at + sum(prod(strip.shape) for strip in strips) * itemsize
            yield None if end <= self._size else {"strips": strips, "at": at}
            at = end
        self._end = at

    def compute(self, slab: Plain) -> Plain:
        """Read strips, and write them."""
        at = slab["at"]
        for strip in slab["strips"]:
            piece = self._export.piece(strip)
            self._write(piece, at)
            at += len(piece)
        return {}

    def merge(self, result: Plain) -> None:
        """The strips are in the file."""

    def keep(self) -> None:
        """Have it on the disk."""
        os.fdatasync(self._fd)

    def finish(self) -> Plain:
        """The file, as it is called for who fetches it."""
        self._write(self._export.tail, self._end)
        os.fsync(self._fd)
        self._part.replace(self._path)
        return {"name": self._address.name, "size": self._end + len(self._export.tail)}

    def close(self) -> None:
        """Close both files."""
        self._export.close()
        os.close(self._fd)

    def _write(self, data: bytes, at: int) -> None:
        """Write bytes; `Busy` where there is no space for them."""
        if not self._space.reserve(len(data)):
            raise errors.Busy("There is no space for the file.")
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._fd, data[written:], at + written)
        except OSError as error:
            self._space.report_full()
            raise errors.Busy(f"The file cannot be written: {error.strerror}.") from error


def file_name(job: str) -> str:
    """The name of the file of a job, by its id, when it is done."""
    return f"lamella-{job}.data"


def files_of_jobs(folder: Path) -> Iterator[tuple[str, Path]]:
    """(id, path) of the files of jobs in a folder, those that are being written as well."""
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            found = _NAME.fullmatch(path.name)
            if found is not None:
                yield found[1], path
