"""Storage whose reads take long: many reads at once, and the same values and the same damage."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.decoding import slow_storage, timed_read
from dashboard.decoding.slow_storage import (
    GAP_BYTES,
    MOST_TOGETHER_BYTES,
    SLOW_S,
    ParallelReads,
    StorageSpeed,
    adjoining,
)
from tests import files
from tests.parts import Parts
from tests.unit.decoding.test_decoder import FAST, check_all


class Slow(StorageSpeed):
    """Storage that is slow from the start, however fast it is."""

    def is_slow(self, device: int) -> bool:
        return True


@pytest.fixture
def slow(here: Parts) -> Parts:
    here.decoder.pool.reads.speed = Slow()
    return here


@pytest.mark.parametrize("how", FAST)
def test_every_filter(slow: Parts, data: Path, tmp_path: Path, how: str) -> None:
    values = files.made_up("<u2", (9, 20, 31))
    files.write(data / "a.h5", x=(values, {"chunks": (4, 7, 8), **files.CHUNKED[how]}))
    check_all(slow, slow.library.volume("data/a.h5", "/x"), values, tmp_path / "brick")


def test_what_needs_more_than_its_share_gets_the_rest(
    slow: Parts, data: Path, tmp_path: Path
) -> None:
    # The first planes have nearly all of the stored bytes.
    values = np.zeros((64, 64, 64), "<u2")
    values[:8] = files.made_up("<u2", (8, 64, 64))
    files.write(data / "a.h5", x=(values, {"chunks": (64, 32, 32), "compression": "gzip"}))
    check_all(slow, slow.library.volume("data/a.h5", "/x"), values, tmp_path / "brick")


def test_damage_is_that_of_its_chunk(slow: Parts, data: Path) -> None:
    values = files.made_up("<u2", (4, 16, 32))
    path = files.write(data / "a.h5", x=(values, {"chunks": (4, 8, 8), "compression": "gzip"}))
    with h5py.File(path, "r") as file:
        infos = [file["x"].id.get_chunk_info(n) for n in range(8)]
    with path.open("r+b") as stream:
        stream.seek(infos[1].byte_offset)
        stream.write(b"\xff" * infos[1].size)
    volume = slow.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)
    sink: dict[int, Any] = {}

    class Sink:
        def put(self, first: int, planes: Any) -> None:
            sink[first] = planes.copy()

    damaged = slow.decode(volume, address, Sink())  # type: ignore[arg-type]
    assert [one.origin for one in damaged] == [infos[1].chunk_offset]
    found = np.concatenate([sink[first] for first in sorted(sink)], axis=1)
    for number in (0, 2, 3, 4, 5, 6, 7):
        at = tuple(
            slice(a, a + n) for a, n in zip(infos[number].chunk_offset, (4, 8, 8), strict=True)
        )
        assert (found[at] == values[at]).all()


def test_a_batch_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(8 * 2 * GAP_BYTES))
    together = threading.Barrier(8, timeout=60)
    read_into = timed_read.read_into

    def waiting(*arguments: Any) -> Any:
        together.wait()
        return read_into(*arguments)

    monkeypatch.setattr(slow_storage.timed_read, "read_into", waiting)
    reads, fd = ParallelReads(), os.open(path, os.O_RDONLY)
    try:
        spans = [(2 * n * GAP_BYTES, 10) for n in range(8)]
        assert [len(part) for part in reads.read(fd, 1, spans)[0] if part is not None] == [10] * 8
    finally:
        reads.close()
        os.close(fd)


@given(st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(0, 2_000_000)), max_size=8))
def test_spans_are_what_the_file_has(reads: tuple[ParallelReads, int, Any], spans: Any) -> None:
    parallel, fd, content = reads
    found, _ = parallel.read(fd, 1, spans)
    assert len(found) == len(spans)
    for (offset, size), part in zip(spans, found, strict=True):
        expected = content[offset : offset + size]
        if len(expected) == size:
            assert part is not None
            assert part.tobytes() == expected.tobytes()
        else:
            assert part is None


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Any:
    content = np.random.default_rng(1).integers(0, 256, 6_000_000, np.uint8)
    path = tmp_path_factory.mktemp("slow") / "a"
    path.write_bytes(content.tobytes())
    parallel, fd = ParallelReads(), os.open(path, os.O_RDONLY)
    yield parallel, fd, content
    parallel.close()
    os.close(fd)


def test_neighbours_are_read_in_one_go() -> None:
    near = [(0, 10), (GAP_BYTES, 10), (3 * GAP_BYTES, 10)]
    assert adjoining(near) == [[0, 1], [2]]
    large = [(0, MOST_TOGETHER_BYTES), (MOST_TOGETHER_BYTES, 1)]
    assert adjoining(large) == [[0], [1]]


def test_storage_is_slow_by_what_was_measured() -> None:
    speed = StorageSpeed()
    assert not speed.is_slow(1)
    speed.note(1, 0.0, 0)
    speed.note(1, 64 * 0.005, 64)
    assert speed.is_slow(1)
    assert not speed.is_slow(2)
    for _ in range(3):
        speed.note(1, 64 * SLOW_S / 2, 64)
    assert speed.is_slow(1)
    for _ in range(8):
        speed.note(1, 64 * SLOW_S / 20, 64)
    assert not speed.is_slow(1)
