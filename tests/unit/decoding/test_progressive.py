"""Progressive bricks: in memory while they are decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.codecs import compiled
from dashboard.decoding import progressive
from dashboard.decoding.buffers import IDLE_S, ReusableBuffer
from dashboard.decoding.chunk_reader import ChunkReader
from dashboard.decoding.progressive import ProgressiveBrick, required_bytes
from tests import files
from tests.clock import Clock
from tests.parts import Parts


def damaged_behind_plane_1(here: Parts, data: Path) -> tuple[files.Values, ProgressiveBrick]:
    """(the values, their brick decoded as deep as plane 1): the checksum of the chunk at (0, 10, 0) is wrong."""
    values = files.made_up("<u2", (6, 20, 15))
    path = files.write(data / "a.h5", x=(values, {"chunks": (6, 10, 15), "compression": "gzip"}))
    with h5py.File(path) as file:
        chunk = file["x"].id.get_chunk_info_by_coord((0, 10, 0))
    with path.open("r+b") as stream:
        stream.seek(chunk.byte_offset + chunk.size - 4)
        stream.write(b"\0\0\0\0")
    kept = hold(here, 1)
    decode_to(here, kept, kept.first_pass_bytes(1))
    return values, kept


def hold(here: Parts, plane: int) -> ProgressiveBrick:
    """The only brick of a.h5 across the first axis, of which nothing is decoded yet."""
    volume = here.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)
    arena = np.zeros(required_bytes(volume, address), np.uint8)
    with here.open(volume) as file:
        return here.decoder.start_progressive(file, address, arena, plane)


def decode_to(here: Parts, kept: ProgressiveBrick, depth: int) -> None:
    """Decode all chunks up to a depth."""
    with here.open(kept.volume) as file:
        here.decoder.decode_to(file, kept, depth)


@pytest.mark.usefixtures("part_by_part")
def test_what_proves_to_be_damaged_later_is_in_no_plane_that_is_taken_then(
    here: Parts, data: Path
) -> None:
    values, kept = damaged_behind_plane_1(here, data)
    with kept.borrow_plane(1, 0.0) as early:
        assert early is not None
        for depth in kept.remaining_passes():
            decode_to(here, kept, depth)
        assert [chunk.origin for chunk in kept.damaged_chunks] == [(0, 10, 0)]
        assert early.tobytes() == values[1].tobytes()
    with kept.borrow_plane(1, 0.0) as late:
        assert late is not None
        assert late[:10].tobytes() == values[1, :10].tobytes()
        assert not late[10:].any()


@pytest.mark.usefixtures("part_by_part")
def test_planes_that_are_there_stay_whole_while_a_chunk_proves_damaged(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, kept = damaged_behind_plane_1(here, data)
    seen: list[bytes] = []
    decoded = ChunkReader.decode

    def scribbling(reader: ChunkReader, place: int, out: Any = None) -> Any:
        # As a decoder may that runs ahead of itself, before it says that the chunk is damaged.
        if out is not None:
            out[:] = 0xAA
        assert not kept.damaged_chunks
        with kept.borrow_plane(0, 0.0) as plane:
            assert plane is not None
            seen.append(plane.tobytes())
        return decoded(reader, place, out)

    monkeypatch.setattr(ChunkReader, "decode", scribbling)
    for depth in kept.remaining_passes():
        decode_to(here, kept, depth)
    assert [chunk.origin for chunk in kept.damaged_chunks] == [(0, 10, 0)]
    assert seen == [values[0].tobytes()]


@pytest.mark.usefixtures("part_by_part")
def test_chunks_that_begin_hard_to_compress_are_fed_again(here: Parts, data: Path) -> None:
    values = np.zeros((40, 30, 30), "<u2")
    values[:4] = files.made_up("<u2", (4, 30, 30))
    files.write(data / "a.h5", x=(values, {"chunks": (40, 10, 10), "compression": "gzip"}))
    kept = hold(here, 2)
    for depth in (kept.first_pass_bytes(2), *kept.remaining_passes()):
        decode_to(here, kept, depth)
        with kept.borrow_plane(2, 0.0) as plane:
            assert plane is not None
            assert plane.tobytes() == values[2].tobytes()
    assert not kept.damaged_chunks


@pytest.mark.usefixtures("part_by_part")
def test_more_chunks_than_may_be_kept_are_inflated_whole(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = files.made_up("<u2", (6, 20, 15))
    files.write(data / "a.h5", x=(values, {"chunks": (6, 10, 15), "compression": "gzip"}))
    kept = hold(here, 1)
    whole = kept.volume.grid.chunk_bytes
    assert kept.first_pass_bytes(1) == whole // 3
    monkeypatch.setattr(progressive, "MAX_STREAM_STATE_BYTES", 2 * compiled.stream_bytes() - 1)
    assert kept.first_pass_bytes(1) == whole


@pytest.mark.usefixtures("part_by_part")
def test_chunks_of_which_a_plane_needs_nearly_all_are_inflated_whole(
    here: Parts, data: Path
) -> None:
    values = files.made_up("<u2", (10, 20, 15))
    files.write(data / "a.h5", x=(values, {"chunks": (10, 10, 15), "compression": "gzip"}))
    kept = hold(here, 1)
    whole = kept.volume.grid.chunk_bytes
    assert kept.first_pass_bytes(7) == whole * 8 // 10
    assert kept.first_pass_bytes(8) == whole


def test_chunks_are_dealt_out_once_each_and_few_at_last(here: Parts, data: Path) -> None:
    values = files.made_up("<u2", (2, 301, 2))
    files.write(data / "a.h5", x=(values, {"chunks": (2, 1, 2)}))
    kept = hold(here, 0)
    groups = kept.work_ranges()
    assert [n for first, last in groups for n in range(first, last)] == list(range(301))
    assert groups[0][1] > 30
    sizes = [last - first for first, last in groups]
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes[-5:-1]) == {4}


def test_an_arena_has_one_holder_at_a_time() -> None:
    arena = ReusableBuffer(1000)
    assert arena.acquire(1001) is None
    first = arena.acquire(10)
    assert first is not None
    assert len(first) >= 10
    assert arena.acquire(10) is None
    arena.release()
    larger = arena.acquire(1000)
    assert larger is not None
    assert len(larger) >= 1000
    arena.release()


def test_memory_that_nobody_uses_for_a_while_is_freed() -> None:
    clock = Clock()
    arena = ReusableBuffer(1000, clock=clock)
    assert not arena.free_idle()
    first = arena.acquire(10)
    clock.now += IDLE_S
    assert not arena.free_idle()
    arena.release()
    clock.now += IDLE_S - 1
    assert not arena.free_idle()
    assert arena.acquire(10) is first
    arena.release()
    clock.now += IDLE_S
    assert arena.free_idle()
    assert not arena.free_idle()
    second = arena.acquire(10)
    assert second is not None
    assert second is not first
