"""The chunk grid: bricks cover a plane exactly once, on chunk borders, within the byte limit."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.addressing.addresses import Fingerprint, VolumeAddress
from dashboard.addressing.chunk_grid import (
    BLOCK_BYTES,
    MAX_BRICK_CHUNKS,
    ChunkGrid,
    ChunkIndex,
    pseudo_chunks,
)

VOLUME = VolumeAddress("f", "/d", Fingerprint(1, 2, 3, 4))
MIB = 2**20
REFERENCE = ChunkGrid((2160, 1360, 1360), (68, 43, 43), 2, 256 * MIB)


def packed(numbers: list[int], offsets: list[int], sizes: list[int], masks: list[int]) -> bytes:
    wide = [np.array(column, np.int64).tobytes() for column in (numbers, offsets, sizes)]
    return b"".join(wide) + np.array(masks, np.uint32).tobytes()


def test_an_index_is_read_back() -> None:
    index = ChunkIndex.from_bytes(packed([1, 4, 9], [100, 2**40, 7], [5, 6, 2**33], [0, 1, 2**31]))
    assert index.numbers.tolist() == [1, 4, 9]
    assert index.offsets.tolist() == [100, 2**40, 7]
    assert index.sizes.tolist() == [5, 6, 2**33]
    assert index.masks.tolist() == [0, 1, 2**31]


@pytest.mark.parametrize("length", [1, 27, 29, 55])
def test_an_index_of_the_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="length"):
        ChunkIndex.from_bytes(bytes(length))


@given(st.sets(st.integers(0, 60)), st.lists(st.integers(0, 60), max_size=30))
def test_chunks_are_found_by_number(stored: set[int], numbers_sought: list[int]) -> None:
    numbers = sorted(stored)
    nothing = [0] * len(numbers)
    index = ChunkIndex.from_bytes(packed(numbers, nothing, nothing, nothing))
    found = index.find(np.array(numbers_sought, np.int64))
    assert found.tolist() == [numbers.index(n) if n in stored else -1 for n in numbers_sought]


def test_the_reference_volume_has_whole_planes() -> None:
    for axis, thick in ((0, 68), (1, 43), (2, 43)):
        rows, cols = (d for d in range(3) if d != axis)
        bricks = REFERENCE.bricks(VOLUME, {axis: 1000}, rows, cols)
        assert len(bricks) == 1
        assert bricks[0].extent[axis] == thick
        assert bricks[0].start[axis] == 1000 // thick * thick


def test_a_slice_of_the_reference_volume_costs_what_was_measured() -> None:
    cost = REFERENCE.axis_cost(0)
    assert (cost.rows, cost.cols) == (1, 2)
    assert cost.chunks == 1024
    assert cost.decoded_bytes == 1024 * 68 * 43 * 43 * 2
    assert cost.plane_bytes == 1360 * 1360 * 2
    assert 69 < cost.amplification < 70
    assert [REFERENCE.axis_cost(axis).chunks for axis in range(3)] == [1024, 1024, 1024]


def test_a_volume_of_rank_two_has_one_cost() -> None:
    cost = ChunkGrid((100, 90), (30, 20), 4, MIB).axis_cost(0)
    assert (cost.rows, cost.cols, cost.chunks) == (0, 1, 20)
    assert cost.plane_bytes == 36_000
    assert cost.amplification == 20 * 30 * 20 * 4 / 36_000


@st.composite
def grids(draw: st.DrawFn) -> ChunkGrid:
    rank = draw(st.integers(2, 4))
    shape = tuple(draw(st.lists(st.integers(1, 40), min_size=rank, max_size=rank)))
    chunks = tuple(draw(st.integers(1, n + 3)) for n in shape)
    itemsize, most = draw(st.sampled_from([1, 2, 8])), draw(st.integers(1, 4000))
    if draw(st.booleans()):
        return ChunkGrid(shape, chunks, itemsize, most)
    # Of those that may have other bricks, with chunks of one plane.
    thin = draw(st.integers(0, rank - 1))
    planes = tuple(1 if dim == thin else n for dim, n in enumerate(shape))
    return ChunkGrid(shape, draw(st.sampled_from([chunks, planes])), itemsize, most, flexible=True)


@st.composite
def looks(draw: st.DrawFn) -> tuple[ChunkGrid, dict[int, int], int, int]:
    grid = draw(grids())
    rows, cols = draw(st.permutations(range(len(grid.shape))))[:2]
    position = {
        d: draw(st.integers(0, n - 1)) for d, n in enumerate(grid.shape) if d not in (rows, cols)
    }
    return grid, position, rows, cols


@given(looks())
def test_bricks_cover_the_plane_once(view: tuple[ChunkGrid, dict[int, int], int, int]) -> None:
    grid, position, rows, cols = view
    seen = np.zeros((grid.shape[rows], grid.shape[cols]), int)
    bricks = grid.bricks(VOLUME, position, rows, cols)
    for brick in bricks:
        for dim, index in position.items():
            assert brick.start[dim] <= index < brick.stop[dim]
        for dim, (length, side) in enumerate(
            zip(grid.shape, grid.brick_shape(rows, cols), strict=True)
        ):
            assert brick.start[dim] % side == 0
            assert brick.stop[dim] == min(brick.start[dim] + side, length)
            if not grid.flexible:
                assert brick.start[dim] % grid.chunks[dim] == 0
                assert brick.stop[dim] == length or brick.stop[dim] % grid.chunks[dim] == 0
        seen[brick.start[rows] : brick.stop[rows], brick.start[cols] : brick.stop[cols]] += 1
    assert (seen == 1).all()
    assert len({brick.key for brick in bricks}) == len(bricks)


@given(looks())
def test_a_brick_keeps_within_the_limit(view: tuple[ChunkGrid, dict[int, int], int, int]) -> None:
    grid, position, rows, cols = view
    for brick in grid.bricks(VOLUME, position, rows, cols):
        assert brick.nbytes(grid.itemsize) <= max(grid.max_brick_bytes, grid.chunk_bytes)


@given(looks(), st.data())
def test_a_part_of_a_plane_touches_no_more_than_it_must(
    view: tuple[ChunkGrid, dict[int, int], int, int], data: st.DataObject
) -> None:
    grid, position, rows, cols = view
    ranges = []
    for dim in (rows, cols):
        low = data.draw(st.integers(0, grid.shape[dim] - 1))
        ranges.append((low, data.draw(st.integers(low + 1, grid.shape[dim]))))
    (top, bottom), (left, right) = ranges
    some = grid.bricks(VOLUME, position, rows, cols, *ranges)
    touched = [
        brick
        for brick in grid.bricks(VOLUME, position, rows, cols)
        if brick.start[rows] < bottom
        and brick.stop[rows] > top
        and brick.start[cols] < right
        and brick.stop[cols] > left
    ]
    assert some == touched
    bricks, chunks = grid.count_touched(rows, cols, *ranges)
    assert bricks == len(some)
    assert chunks >= sum(len(grid.chunk_numbers(brick)) for brick in some)


@given(looks())
def test_the_chunks_of_a_brick_are_numbered_as_the_file_numbers_them(
    view: tuple[ChunkGrid, dict[int, int], int, int],
) -> None:
    grid, position, rows, cols = view
    every = np.arange(prod(grid.counts)).reshape(grid.counts)
    for brick in grid.bricks(VOLUME, position, rows, cols):
        box = tuple(
            slice(a // c, ceil(b / c))
            for a, b, c in zip(brick.start, brick.stop, grid.chunks, strict=True)
        )
        assert grid.chunk_numbers(brick).tolist() == every[box].ravel().tolist()
        first = int(grid.chunk_numbers(brick)[0])
        corner = (a // c * c for a, c in zip(brick.start, grid.chunks, strict=True))
        assert grid.chunk_origin(first) == tuple(corner)


ONE_PLANE = ChunkGrid((512, 704, 704), (1, 704, 704), 2, 256 * MIB, flexible=True)


def test_small_chunks_of_one_plane_are_put_together() -> None:
    assert ONE_PLANE.brick_shape(1, 2) == (8, 704, 704)
    assert ONE_PLANE.count_touched(1, 2, (0, 704), (0, 704)) == (1, 8)
    assert replace(ONE_PLANE, flexible=False).brick_shape(1, 2) == (1, 704, 704)
    # Larger ones are bricks of their own, and of several axes none is the one that is moved along.
    frames = replace(ONE_PLANE, shape=(50, 4096, 4096), chunks=(1, 4096, 4096))
    assert frames.brick_shape(1, 2) == (1, 4096, 4096)
    hyper = replace(ONE_PLANE, shape=(9, 512, 64, 64), chunks=(1, 1, 64, 64))
    assert hyper.brick_shape(2, 3) == (1, 1, 64, 64)


@pytest.mark.parametrize("flexible", [True, False])
def test_a_zoomed_view_of_a_large_plane_decodes_little_besides_it(*, flexible: bool) -> None:
    view = {"row_range": (3000, 4024), "col_range": (5000, 6024)}
    for side, chunks, most in (
        (8192, (1, 512, 512), 32 * MIB),
        (16384, (1, 1024, 1024), 32 * MIB),
        (16384, (1, 16, 16384), 40 * MIB),
        (8192, (64, 64, 64), 288 * MIB),
        (16384, (64, 64, 64), 288 * MIB),
    ):
        grid = ChunkGrid((64, side, side), chunks, 2, 256 * MIB, flexible=flexible)
        bricks = grid.bricks(VOLUME, {0: 9}, 1, 2, **view)
        assert sum(map(grid.decoded_bytes, bricks)) <= most, chunks
        assert grid.brick_shape(1, 2)[0] == chunks[0]
    mosaic = ChunkGrid((16384, 16384), (512, 512), 2, 256 * MIB, flexible=flexible)
    assert sum(map(mosaic.decoded_bytes, mosaic.bricks(VOLUME, {}, 0, 1, **view))) <= 32 * MIB
    # A plane of 32 MiB is one brick.
    frames = ChunkGrid((64, 4096, 4096), (1, 512, 512), 2, 256 * MIB, flexible=flexible)
    assert frames.tile(1, 2) == (4096, 4096)


def test_where_a_plane_needs_all_chunks_a_brick_has_some_planes_of_them() -> None:
    assert ONE_PLANE.brick_shape(0, 1) == (512, 704, 88)
    (brick,) = ONE_PLANE.bricks(VOLUME, {2: 300}, 0, 1)
    assert (brick.start, brick.stop) == ((0, 0, 264), (512, 704, 352))
    assert brick.nbytes(2) <= 64 * MIB
    assert ONE_PLANE.decoded_bytes(brick) == 512 * 704 * 704 * 2
    assert not ONE_PLANE.has_whole_chunks(brick)
    # A volume that fits into a brick is decoded once.
    small = replace(ONE_PLANE, shape=(100, 704, 704))
    assert small.brick_shape(0, 1) == (100, 704, 704)
    # Of a larger one, a part of a plane needs no more than its chunks.
    large = replace(ONE_PLANE, shape=(5000, 2240, 2240), chunks=(1, 2240, 2240))
    (part, *more) = large.bricks(VOLUME, {2: 0}, 0, 1, (0, 100), (0, 2240))
    assert not more
    assert large.decoded_bytes(part) <= 2048 * MIB


def test_a_brick_of_tiny_chunks_holds_few_of_them() -> None:
    grid = ChunkGrid((2, 16384, 16384), (1, 1, 1), 1, 256 * MIB)
    (brick,) = grid.bricks(VOLUME, {0: 1}, 1, 2, (5000, 5001), (300, 301))
    assert len(grid.chunk_numbers(brick)) <= MAX_BRICK_CHUNKS


def test_chunks_of_a_huge_plane_are_counted_without_listing_them() -> None:
    grid = ChunkGrid((2**40, 2**31, 2**31), (1, 512, 512), 8, 256 * MIB)
    bricks, chunks = grid.count_touched(1, 2, (0, 2**31), (0, 2**31))
    assert chunks >= (2**31 // 512) ** 2
    assert bricks > 10**9


@given(
    st.lists(st.integers(1, 10**7), min_size=2, max_size=8).map(tuple), st.sampled_from([1, 4, 16])
)
def test_blocks_stand_in_for_chunks(shape: tuple[int, ...], itemsize: int) -> None:
    blocks = pseudo_chunks(shape, itemsize)
    assert len(blocks) == len(shape)
    assert all(1 <= b <= n for b, n in zip(blocks, shape, strict=True))
    size = prod(blocks) * itemsize
    assert size <= BLOCK_BYTES
    # Not smaller than need be either: doubled along one side, it is the whole or too large.
    assert blocks == shape or size * 4 > BLOCK_BYTES
