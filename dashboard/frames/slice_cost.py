"""What a slice costs that is not in the cache, in the numbers of `lamella inspect`."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.selection import Selection
from dashboard.bricks.loader import BrickLoader
from dashboard.bricks.store import BrickStore
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.frames.plane_reader import MAX_DECODED_BYTES
from dashboard.frames.single_cells import are_read_alone, chunks_with_cells

# A slice that decodes less than this many times its own bytes is not slow because of how the file is stored.
REMARKABLE = 4


@dataclass(frozen=True, slots=True)
class SliceCost:
    """Chunks that have to be decoded, the bytes of one and of all (decoded), the time (s), and the reason.

    `done` is how much of that is decoded by now, from 0 to 1, where it is known.
    """

    chunks: int
    chunk_bytes: int
    bytes: int
    seconds: float
    why: str
    done: float | None = None


class SliceCosts:
    """Estimates the cost of slices."""

    def __init__(self, bricks: BrickStore, loader: BrickLoader) -> None:
        self._bricks = bricks
        self._loader = loader

    def of(self, volume: Volume, selection: Selection) -> SliceCost:
        """The cost of a slice now; zeros where everything is in the cache. Raises `TooLarge` as reading it does.

        Contiguous planes, which are read without bricks, are as many bytes as the plane has, without chunks.
        """
        itemsize = volume.dtype.itemsize
        if volume.reads_planes_directly(selection):
            spans = (selection.row_span, selection.col_span)
            nbytes = prod(span.stop - span.start for span in spans) * itemsize
            return SliceCost(0, 0, nbytes, self._loader.estimate_decode_s(volume, nbytes), "")
        bricks = volume.bricks(selection)
        present = self._bricks.existing([brick.key for brick in bricks])
        missing = [brick for brick in bricks if brick.key not in present]
        chunked = volume.read_path is not ReadPath.CONTIGUOUS
        # Other planes of a brick whose chunks have one plane each are not waited for.
        planes = (brick.of_plane(brick.plane_number(selection.fixed)) for brick in missing)
        chunks = sum(_chunks_in(volume, plane) for plane in planes) if chunked else 0
        decoded = sum(map(volume.grid.decoded_bytes, bricks))
        if are_read_alone(volume, selection, decoded, MAX_DECODED_BYTES):
            chunks = chunks_with_cells(volume, selection)
        nbytes = chunks * volume.grid.chunk_bytes if chunked else 0
        if not chunked:
            nbytes = sum(brick.nbytes(itemsize) for brick in missing)
        return SliceCost(
            chunks=chunks,
            chunk_bytes=volume.grid.chunk_bytes if chunked else 0,
            bytes=nbytes,
            seconds=self._loader.estimate_decode_s(volume, nbytes),
            why=_why(volume, selection) if missing else "",
            done=self._loader.progress(missing),
        )


def _chunks_in(volume: Volume, brick: BrickAddress) -> int:
    sides = zip(brick.start, brick.stop, volume.grid.chunks, strict=True)
    return prod(ceil(b / chunk) - a // chunk for a, b, chunk in sides)


def _why(volume: Volume, selection: Selection) -> str:
    """How the file is stored, where that makes the slice slow."""
    if volume.read_path is ReadPath.CONTIGUOUS:
        return "this file is stored row by row, and every row is read for a part of it"
    if volume.chunks is None:
        return f"its layout ({volume.layout}) can be read through the HDF5 library only"
    rows, cols = selection.plane
    thick = [dim for dim in selection.fixed if volume.chunks[dim] > 1]
    amplification = prod(volume.chunks[dim] for dim in thick)
    library = volume.read_path is ReadPath.HDF5
    if amplification >= REMARKABLE:
        thin = [
            dim for dim, size in enumerate(volume.chunks) if size == 1 and volume.shape[dim] > 1
        ]
        if len(thin) == 1 and thin[0] in (rows, cols):
            return f"this file is stored in planes of axis {thin[0]}"
        shape = " × ".join(map(str, volume.chunks))
        if len(thick) == 1:
            return f"its chunks of {shape} have {amplification} slices each, decoded together"
        return f"its chunks of {shape} have {amplification:,} times the slice"
    if library:
        names = ", ".join(volume.filters) or "none"
        return f"it is read through the HDF5 library, one chunk after the other (filters: {names})"
    return ""
