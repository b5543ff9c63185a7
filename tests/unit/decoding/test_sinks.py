"""The contract of `Sink`: bands in any order, from several threads, are the brick."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.addressing.addresses import BrickAddress, Fingerprint, VolumeAddress
from dashboard.bricks.plane_checksums import plane_checksums
from dashboard.decoding.sinks import FileSink, MemorySink, PlaneSink, Sink
from dashboard.storage.checksum import PlaneChecksums
from tests import files

VOLUME = VolumeAddress("data/a.h5", "/x", Fingerprint(1, 2, 3, 4))
PLANES, ROWS, COLS = 4, 23, 17
ADDRESS = BrickAddress(VOLUME, 1, 2, (0, 0, 0), (PLANES, ROWS, COLS))
VALUES = files.made_up("f4", (PLANES, ROWS, COLS))
KEPT_PLANE = 2

# A sink, what it has, and what it should have.
Made = tuple[Sink, Callable[[], files.Values], files.Values, PlaneChecksums | None]


@pytest.fixture(params=["file", "memory", "plane"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Made]]:
    fd = os.open(tmp_path / "brick", os.O_RDWR | os.O_CREAT)

    def file() -> Made:
        os.ftruncate(fd, 0)
        sums = PlaneChecksums(ROWS)

        def found() -> files.Values:
            return np.frombuffer(os.pread(fd, 2 * VALUES.nbytes, 0), "f4").reshape(VALUES.shape)

        return FileSink(fd, ADDRESS, sums), found, VALUES, sums

    def memory() -> Made:
        # Longer than the brick, as a reused buffer is.
        sums, buffer = PlaneChecksums(ROWS), np.full(VALUES.nbytes + 100, 0xEE, np.uint8)
        sink = MemorySink(buffer, ADDRESS, VALUES.dtype, sums)
        return sink, lambda: sink.values.view("f4").reshape(VALUES.shape), VALUES, sums

    def plane() -> Made:
        sink = PlaneSink(ADDRESS, VALUES.dtype, KEPT_PLANE)
        return sink, lambda: sink.values, VALUES[KEPT_PLANE], None

    yield {"file": file, "memory": memory, "plane": plane}[request.param]
    os.close(fd)


@st.composite
def cuts(draw: st.DrawFn) -> list[tuple[int, int]]:
    inner = draw(st.sets(st.integers(1, ROWS - 1), max_size=6))
    edges = [0, *sorted(inner), ROWS]
    return draw(st.permutations(list(pairwise(edges))))


@given(bands=cuts())
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_bands_in_any_order_are_the_brick(
    make: Callable[[], Made], bands: list[tuple[int, int]]
) -> None:
    sink, found, expected, sums = make()
    for first, last in bands:
        sink.put(first, np.ascontiguousarray(VALUES[:, first:last]))
    assert found().tobytes() == expected.tobytes()
    if sums is not None:
        assert np.array_equal(sums.finish(), plane_checksums(VALUES))


def test_bands_may_come_from_several_threads(make: Callable[[], Made]) -> None:
    sink, found, expected, sums = make()

    def put(row: int) -> None:
        sink.put(row, np.ascontiguousarray(VALUES[:, row : row + 1]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(ROWS)))
    assert found().tobytes() == expected.tobytes()
    if sums is not None:
        assert np.array_equal(sums.finish(), plane_checksums(VALUES))


def test_a_band_belongs_to_its_thread_again_once_it_was_put(make: Callable[[], Made]) -> None:
    sink, found, expected, _ = make()
    band = np.empty_like(VALUES)
    band[...] = VALUES
    sink.put(0, band)
    band[...] = 0
    assert found().tobytes() == expected.tobytes()
