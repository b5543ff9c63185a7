"""Parts of datasets as files, and as arrays."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, Literal

from dashboard.client.connection import Connection

Format = Literal["npy", "tiff", "csv", "h5"]

FORMATS: Final[dict[str, Format]] = {
    ".npy": "npy",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".csv": "csv",
    ".h5": "h5",
    ".hdf5": "h5",
}
_PIECE_BYTES: Final = 2**20

# What was written so far and the size of the file (bytes), None where the server does not know it.
Progress = Callable[[int, int | None], object]


EXPORT: Final = "/api/v1/export"


def download(
    connection: Connection,
    query: dict[str, str],
    path: Path,
    on_progress: Progress | None,
    address: str = EXPORT,
) -> None:
    """Write the export, or the file at another address, to `path`; one that is interrupted leaves nothing.

    Raises `ServerError`, `urllib3.exceptions.HTTPError` for an incomplete file, and `OSError`.
    """
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as made:
        try:
            receive(connection, query, made, on_progress, address)
            made.close()
            # A temporary file is for its owner alone, others are as the process makes them.
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(made.name, 0o666 & ~mask)
            os.replace(made.name, path)
        except BaseException:
            Path(made.name).unlink(missing_ok=True)
            raise


def receive(
    connection: Connection,
    query: dict[str, str],
    out: IO[bytes],
    on_progress: Progress | None = None,
    address: str = EXPORT,
) -> None:
    """Write the export to `out`; raises as `download`."""
    with connection.stream(address, **query) as response:
        length = response.headers.get("Content-Length")
        size = None if length is None else int(length)
        written = 0
        for piece in response.stream(_PIECE_BYTES):
            out.write(piece)
            written += len(piece)
            if on_progress is not None:
                on_progress(written, size)


def format_of(path: Path) -> Format:
    """The format by the suffix of a file; raises ValueError."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise ValueError(f"{path.name!r} ends in none of {known}: say the format.") from None
