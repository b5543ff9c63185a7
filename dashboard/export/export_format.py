"""The formats of exported parts."""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """The format of an exported part."""

    NPY = "npy"
    TIFF = "tiff"
    CSV = "csv"
    HDF5 = "h5"

    @property
    def content_type(self) -> str:
        """The media type."""
        return {
            ExportFormat.NPY: "application/octet-stream",
            ExportFormat.TIFF: "image/tiff",
            ExportFormat.CSV: "text/csv",
            ExportFormat.HDF5: "application/x-hdf5",
        }[self]
