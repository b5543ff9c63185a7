"""Assessment of a volume's chunk shape for slicing, and a better one."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil, prod
from pathlib import Path

from dashboard.addressing.chunk_grid import AxisCost
from dashboard.catalog.volume import ReadPath, Volume, decoded_bytes

PAGE_BYTES = 4096

# A slice decodes as many times its own bytes as a chunk is thick. Cubes keep that low in all directions;
# much smaller ones make an index that is slow to list, and many reads for one slice.
GOOD_CHUNK_BYTES = 64 * 1024
SMALL_CHUNK_BYTES = 4 * 1024

# Filters of every h5repack. It omits a dataset whose filter it lacks from its output with only a warning and
# exits with status 0 (seen with h5repack 1.10.8).
BUILT_IN = frozenset({"gzip", "shuffle", "fletcher32", "szip", "nbit", "scaleoffset"})
# This one is built into h5py alone, so there is no plug-in to name.
NEVER = "lzf"

# Rewriting a large file has to be worthwhile, and a small one is decoded whole in no time.
WORTH_IT = 1.5
SMALL_VOLUME_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice about the layout, with better chunks and the command that writes them where that helps."""

    sentence: str
    chunks: tuple[int, ...] | None = None
    command: str | None = None


def axis_costs(volume: Volume) -> list[AxisCost]:
    """What the first slice across each axis costs; one entry for a volume that is a single plane."""
    axes = range(len(volume.shape)) if len(volume.shape) > 2 else range(1)
    costs = [volume.grid.axis_cost(axis) for axis in axes]
    if volume.read_path is not ReadPath.CONTIGUOUS:
        return costs
    return [
        AxisCost(
            cost.axis,
            cost.rows,
            cost.cols,
            0,
            touched_page_bytes(volume.shape, volume.dtype.itemsize, cost.rows, cost.cols),
            cost.plane_bytes,
        )
        for cost in costs
    ]


def touched_page_bytes(shape: Sequence[int], itemsize: int, rows: int, cols: int) -> int:
    """Bytes of the memory pages that a plane of contiguous data touches."""
    run = itemsize
    dim = len(shape) - 1
    while dim >= 0 and dim in (rows, cols):
        run *= shape[dim]
        dim -= 1
    plane = shape[rows] * shape[cols] * itemsize
    pages = (plane // run) * ceil(run / PAGE_BYTES)
    return max(plane, min(pages * PAGE_BYTES, prod(shape) * itemsize))


def better_chunks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Near cubes of about `GOOD_CHUNK_BYTES`, with edges that are powers of two or the whole axis."""
    chunks = [1] * len(shape)
    while prod(chunks) * itemsize * 2 <= GOOD_CHUNK_BYTES:
        short = [d for d, size in enumerate(shape) if chunks[d] < size]
        if not short:
            break
        # Of equal edges the last doubles first, since it is contiguous in the file.
        grown = min(reversed(short), key=lambda d: chunks[d])
        chunks[grown] = min(chunks[grown] * 2, shape[grown])
    return tuple(chunks)


def advise(
    volume: Volume, file: str, costs: Sequence[AxisCost], filters: Collection[str] = ()
) -> Advice:
    """Advice on the storage of the volume in `file`, whose datasets have these `filters`."""
    advice = _advise(volume, file, costs)
    if advice.command is None:
        return advice
    used = {*filters, *volume.filters}
    if NEVER in used:
        return Advice(
            f"{advice.sentence} h5repack would leave out what is packed with {NEVER}: h5py can rewrite it.",
            advice.chunks,
        )
    if used <= BUILT_IN:
        return advice
    # Found, not loaded: it brings the HDF5 library with it.
    plugins = find_spec("hdf5plugin")
    if plugins is None or plugins.origin is None:
        return Advice(advice.sentence, advice.chunks)
    folder = shlex.quote(f"HDF5_PLUGIN_PATH={Path(plugins.origin).parent / 'plugins'}")
    return Advice(advice.sentence, advice.chunks, f"env {folder} {advice.command}")


def _advise(volume: Volume, file: str, costs: Sequence[AxisCost]) -> Advice:
    better = better_chunks(volume.shape, volume.dtype.itemsize)
    command = _repack(volume.address.dataset, file, better)
    shown = "×".join(map(str, better))
    worst = max(costs, key=lambda cost: cost.amplification)
    across = f"across axis {worst.axis}" if len(volume.shape) > 2 else "of it"
    if decoded_bytes(volume) <= SMALL_VOLUME_BYTES:
        return Advice("It is so small that its layout does not matter.")
    if volume.read_path is ReadPath.CONTIGUOUS:
        if worst.amplification < 2 * WORTH_IT:
            return Advice("Contiguous and uncompressed: slices are taken straight out of the file.")
        return Advice(
            f"Contiguous: a slice {across} touches {worst.amplification:.0f} times its own bytes;"
            f" chunks of {shown} suit all axes.",
            better,
            command,
        )
    if volume.layout != "chunked":
        return Advice(f"Its layout ({volume.layout}) can be read through the HDF5 library only.")
    gain = worst.amplification / max(_thickness(better, cost.rows, cost.cols) for cost in costs)
    thinner = (
        f"The first slice {across} decodes {worst.amplification:.0f} times its own bytes; chunks of"
        f" {shown} make that {worst.amplification / gain:.0f}."
    )
    if volume.read_path is ReadPath.HDF5:
        names = ", ".join(volume.filters) or "none"
        sentence = (
            "It is read through the HDF5 library, one chunk after the other"
            f" (filters: {names}); gzip, lzf, lz4, zstd, bitshuffle and blosc are decoded in parallel."
        )
        if gain < WORTH_IT:
            return Advice(sentence)
        return Advice(f"{sentence} {thinner}", better, command)
    if volume.grid.chunk_bytes < SMALL_CHUNK_BYTES and volume.chunks != better:
        return Advice(
            f"Its chunks have {volume.grid.chunk_bytes} bytes each, so that reading takes longer than"
            f" decoding; chunks of {shown} suit better.",
            better,
            command,
        )
    if gain < WORTH_IT:
        return Advice("Its chunks suit slices.")
    return Advice(thinner, better, command)


def _thickness(chunks: Sequence[int], rows: int, cols: int) -> int:
    return prod(chunk for dim, chunk in enumerate(chunks) if dim not in (rows, cols))


def _repack(dataset: str, file: str, chunks: Sequence[int]) -> str:
    """The `h5repack` call that rewrites `dataset`; all datasets where its name has h5repack's own marks."""
    layout = "CHUNK=" + "x".join(map(str, chunks))
    layout_argument = layout if set(dataset) & set(",:") else f"{dataset}:{layout}"
    stem, dot, suffix = file.rpartition(".")
    out = f"{stem}-repacked.{suffix}" if dot else f"{file}-repacked"
    return shlex.join(["h5repack", "-l", layout_argument, file, out])
