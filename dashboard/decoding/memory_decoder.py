"""Decoding of bricks into memory: what a request waits for comes first, and other planes or proofs behind it.

Two kinds of bricks are decoded so. A *stack* is made of chunks of one plane each, so that one of them, or those of
one plane, are decoded for a plane. A *cut* has a part of the planes of its chunks, which are all decoded for any
plane: each chunk is dropped once the brick has its part of it. Other bricks are decoded by `progressive.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from functools import partial as bind
from itertools import count
from math import prod

import numpy as np

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Stage
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.codecs.bitshuffle import can_split
from dashboard.decoding.bands import bands
from dashboard.decoding.buffers import Bytes
from dashboard.decoding.chunk_reader import ChunkReader, DamagedChunk, partial_decoder
from dashboard.decoding.decoder import BrickDecode, Decoder, index_positions
from dashboard.decoding.memory_brick import MemoryBrick
from dashboard.decoding.sinks import MemorySink
from dashboard.meter import count_bytes

# Chunks of a cut are decoded in part if that is at most this share of them: behind the response they are decoded
# again, to be verified.
PARTIAL_SHARE = 3 / 4
# Chunks of fewer bytes are not split among threads.
MIN_SPLIT_BYTES = 2 * 1024 * 1024

Wait = Callable[[], None]


def is_stack(volume: Volume, address: BrickAddress) -> bool:
    """Whether no chunk of a brick has more than one plane of it."""
    return prod(volume.grid.chunks[dim] for dim in address.order[:-2]) == 1


def is_cut(volume: Volume, address: BrickAddress) -> bool:
    """Whether a brick has only a part of the planes of its chunks."""
    return not volume.grid.has_whole_chunks(address)


def leading_bytes(volume: Volume, address: BrickAddress) -> int | None:
    """Bytes of each chunk that have what a cut has of it; None where chunks are decoded whole."""
    if partial_decoder(volume) is None:
        return None
    chunks = volume.grid.chunks
    last = [side - 1 for side in chunks]
    for dim in address.order[:-2]:
        last[dim] = (address.stop[dim] - 1) % chunks[dim]
    depth = (int(np.ravel_multi_index(last, chunks)) + 1) * volume.dtype.itemsize
    return depth if depth <= PARTIAL_SHARE * volume.grid.chunk_bytes else None


class MemoryDecoder:
    """Decodes stacks and cuts; charges and raises as `Decoder.decode`."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def start(self, file: VolumeFile, address: BrickAddress) -> MemoryBrick:
        """A brick in memory, of which nothing is decoded yet."""
        return MemoryBrick(file.volume, address, index_positions(file, address))

    def decode_plane(
        self, file: VolumeFile, stack: MemoryBrick, plane: int, meanwhile: Callable[[], object]
    ) -> None:
        """Decode one plane of a stack; `meanwhile` is called in this thread, beside decoding where possible."""
        if not _is_direct(stack):
            meanwhile()
            self._decode_bands(file, stack, plane)
            return
        pool = self._decoder.pool
        with self._decoder.reading(file) as reader:
            if _is_split(stack):
                beside = cache(meanwhile)

                def split(positions: Sequence[int], outs: Sequence[Bytes]) -> list[str]:
                    run = bind(pool.map, meanwhile=beside)
                    return [reader.decode_split(positions[0], outs[0], pool.threads, run)]

                _decode_direct(reader, stack, [plane], split)
                # Where nothing was decoded.
                beside()
            else:
                decode = bind(_decode_direct, reader, stack, decode=reader.decode_into)
                pool.map(decode, [[plane]], meanwhile)
        file.ensure_unchanged()
        count_bytes(Stage.DECODE, stack.plane_bytes(plane).size)
        stack.mark_ready([plane])

    def decode_others(
        self, file: VolumeFile, stack: MemoryBrick, plane: int, yield_to_demand: Wait
    ) -> None:
        """Decode all planes of a stack but one: those behind it, then those before it."""
        order = [*range(plane + 1, len(stack.values)), *range(plane - 1, -1, -1)]
        if not _is_direct(stack):
            for number in order:
                yield_to_demand()
                self._decode_bands(file, stack, number)
            return
        with self._decoder.reading(file) as reader:
            step = reader.batch_size(file.volume.grid.chunk_bytes)

            def some(first: int, last: int) -> None:
                _decode_direct(reader, stack, order[first:last], reader.decode_into)
                file.ensure_unchanged()
                stack.mark_ready(order[first:last])

            ranges = [(at, min(at + step, len(order))) for at in range(0, len(order), step)]
            waiting = reader.limit.unlimited(yield_to_demand)
            self._decoder.pool.map_ranges(some, ranges, waiting)

    def _decode_bands(self, file: VolumeFile, stack: MemoryBrick, plane: int) -> None:
        """Decode a plane of several chunks, by all threads."""
        address = stack.address.of_plane(plane)
        sink = MemorySink(stack.plane_bytes(plane), address, stack.values.dtype)
        stack.add_damaged(self._decoder.decode(file, address, sink))
        stack.mark_ready([plane])

    def decode_cut(
        self, file: VolumeFile, cut: MemoryBrick, on_step: Callable[[float], None]
    ) -> bool:
        """Decode all planes of a cut; returns whether its chunks were decoded whole, and so verified.

        `on_step` is called with the share that is done between steps of the work, and may raise to end it.
        """
        volume, address = file.volume, cut.address
        memory = cut.values.reshape(-1).view(np.uint8)
        sink = MemorySink(memory, address, cut.values.dtype)
        depth = leading_bytes(volume, address)
        with self._decoder.reading(file) as reader:
            job = BrickDecode(reader, address, sink, cut.positions, depth)
            ranges = bands(volume, address)
            pool, begun = self._decoder.pool, count()

            def step() -> None:
                # So many ranges are worked on while the next one waits for its turn.
                on_step(max(next(begun) - pool.threads + 1, 0) / len(ranges))

            found = pool.map_ranges(job.band, ranges, step)
        file.ensure_unchanged()
        count_bytes(Stage.DECODE, memory.size)
        cut.add_damaged([one for some in found for one in some])
        cut.mark_ready(range(address.planes))
        return depth is None

    def bytes_behind(
        self, file: VolumeFile, brick: MemoryBrick, plane: int, is_verified: bool
    ) -> tuple[int, int]:
        """Bytes that are read and decoded after the first plane, of a stack, or of a cut that is not verified."""
        if is_stack(file.volume, brick.address):
            by_plane = brick.positions.transpose(brick.address.order).reshape(len(brick.values), -1)
            positions = np.delete(by_plane, plane, axis=0)
            decoded = brick.values.nbytes - brick.plane_bytes(plane).size
        elif is_verified:
            return 0, 0
        else:
            positions, decoded = brick.positions, brick.values.nbytes
        return int(file.index().sizes[positions[positions >= 0]].sum()), decoded


def _is_direct(stack: MemoryBrick) -> bool:
    """Whether a decoded chunk is a plane, so that chunks are decoded into their places."""
    rows, cols = stack.address.rows, stack.address.cols
    chunks = stack.volume.grid.chunks
    return rows < cols and (chunks[rows], chunks[cols]) == stack.address.shape[-2:]


def _is_split(stack: MemoryBrick) -> bool:
    """Whether a chunk is large enough to be split among the threads, and can be."""
    volume = stack.volume
    return volume.grid.chunk_bytes >= MIN_SPLIT_BYTES and can_split(volume.pipeline)


def _decode_direct(
    reader: ChunkReader,
    stack: MemoryBrick,
    planes: Sequence[int],
    decode: Callable[[Sequence[int], Sequence[Bytes]], list[str]],
) -> None:
    """Decode planes of a stack that are chunks, as `decode` does."""
    volume = stack.volume
    found = stack.positions.transpose(stack.address.order).ravel()
    stored = {plane: int(found[plane]) for plane in planes if found[plane] >= 0}
    outs = [stack.plane_bytes(plane) for plane in stored]
    with reader.limit.checked() as check:
        judged = decode(list(stored.values()), outs) if stored else []
        reasons = dict(zip(stored, judged, strict=True))
        check(len(planes) * volume.grid.chunk_bytes)
    for plane in planes:
        reason = reasons.get(plane, "")
        if reason:
            start = stack.address.of_plane(plane).start
            stack.add_damaged([DamagedChunk(start, reason)])
        if reason or plane not in stored:
            stack.values[plane] = volume.fill
        elif volume.dtype != volume.memory_dtype:
            stack.values[plane] = stack.values[plane].view(volume.dtype)
