"""Rows of curves, tables, text and single values, read by an HDF5 worker window by window."""

from __future__ import annotations

from collections.abc import Iterator

from dashboard import errors
from dashboard.addressing.addresses import Fingerprint
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.metadata import MetadataService, normalize_dataset_path
from dashboard.hdf5.messages import ReadRows, RowWindow
from dashboard.meter import meter

# Rows that are read at a time where all are wanted, and characters of a cell then.
BATCH_ROWS = 5_000
WHOLE_CHARACTERS = 1_000_000
CELL_CHARACTERS = 1_000


class RowReader:
    """Reads rows of the datasets of `metadata`."""

    def __init__(self, metadata: MetadataService) -> None:
        self._metadata = metadata

    def window(
        self, file: str, dataset: str, start: int, stop: int, columns: str = ""
    ) -> RowWindow:
        """The rows start … stop, fewer where they would be too many; see `ReadRows` for `columns`.

        Raises `BadRequest` for columns that there are not, and otherwise as `MetadataService.volume`.
        """
        name, fingerprint = self._readable(file, dataset)
        return self._read(file, fingerprint, ReadRows(name, start, stop, columns, CELL_CHARACTERS))

    def windows(
        self, file: str, dataset: str, start: int, stop: int, columns: str = ""
    ) -> Iterator[RowWindow]:
        """All rows start … stop, window by window; raises `Changed` when the file changes meanwhile."""
        name, fingerprint = self._readable(file, dataset)
        at = start
        while True:
            until = min(at + BATCH_ROWS, stop)
            found = self._read(
                file, fingerprint, ReadRows(name, at, until, columns, WHOLE_CHARACTERS)
            )
            yield found
            at = found.stop
            if not found.rows or at >= min(stop, found.total):
                return

    def _readable(self, file: str, dataset: str) -> tuple[str, Fingerprint]:
        """Name and file of a dataset that is not refused, which could crash the library."""
        name = normalize_dataset_path(dataset)
        _, fingerprint = self._metadata.catalog.fingerprint(file)
        for record in self._metadata.one(file, name).datasets:
            if record["view"] is None:
                raise errors.CannotShow(f"{name!r} cannot be shown. {record['reason']}")
        return name, fingerprint

    @meter(Stage.READ)
    def _read(self, file: str, fingerprint: Fingerprint, request: ReadRows) -> RowWindow:
        # The fingerprint includes the inode, which rights may have been checked for.
        with self._metadata.catalog.source(file) as source:
            if source.fingerprint != fingerprint:
                raise errors.Changed(f"{file!r} changed; open it again.")
            part = f"{request.dataset} {request.start}:{request.stop} {request.columns}"
            return self._metadata.call(request, source, part)[0]
