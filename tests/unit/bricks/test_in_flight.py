"""Progressive bricks: a plane is correct at once, and cached only if its whole chunk is intact."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.bricks import in_flight
from tests.parts import Parts

SHAPE, CHUNKS = (40, 60, 50), (20, 16, 16)
RNG = np.random.default_rng(1)
VALUES = RNG.integers(0, 5000, SHAPE).astype("u2")


@pytest.fixture
def early(make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Parts that hold bricks of any size."""
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 0)
    return make_parts(arena_bytes=2**20)


@pytest.mark.parametrize(
    "filters", [{"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True}]
)
@pytest.mark.parametrize("text", ["3,:,:", "19,:,:", ":,5,:", ":,:,49"])
def test_the_plane_and_then_the_brick_are_right(
    early: Parts, data: Path, way: str, filters: dict[str, object], text: str
) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file.create_dataset("x", data=VALUES, chunks=CHUNKS, **filters)
    index = tuple(slice(None) if part == ":" else int(part) for part in text.split(","))
    answer = early.frame("data/a.h5", "/x", text)
    assert answer.outcome == "miss"
    assert answer.frame.body == VALUES[index].tobytes()
    # Another plane of the same brick waits for it, and nothing is decoded again.
    other = ",".join(part if part == ":" else str(int(part) - 1) for part in text.split(","))
    index = tuple(slice(None) if part == ":" else int(part) for part in other.split(","))
    answer = early.frame("data/a.h5", "/x", other)
    assert answer.outcome in ("coalesced", "hit")
    assert answer.frame.body == VALUES[index].tobytes()
    early.loader.close()
    assert early.ledger.counted["bricks.decoded"] == 1
    assert early.ledger.counted["bricks.first_wanted"] == 1


@pytest.mark.usefixtures("part_by_part")
def test_a_plane_of_a_chunk_that_proves_damaged_is_not_kept(early: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        dataset = file.create_dataset("x", SHAPE, "u2", chunks=CHUNKS, compression="gzip")
        dataset[...] = VALUES
        stored = bytearray(dataset.id.read_direct_chunk((0, 0, 0))[1])
        stored[-1] ^= 1  # its checksum
        dataset.id.write_direct_chunk((0, 0, 0), bytes(stored))
    answer = early.frame("data/a.h5", "/x", "2,:,:")
    assert answer.frame.body == VALUES[2].tobytes()
    early.loader.close()
    assert early.frames == {}
    with pytest.raises(errors.CannotShow, match=r"chunk at \[0, 0, 0\] of '/x' in 'data/a.h5'"):
        early.frame("data/a.h5", "/x", "2,:,:")
    # Slices that do not touch it are served.
    assert early.frame("data/a.h5", "/x", "2,16:,16:").frame.body == VALUES[2, 16:, 16:].tobytes()


def test_what_proves_whole_is_kept(early: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file.create_dataset("x", data=VALUES, chunks=CHUNKS, compression="gzip")
    early.frame("data/a.h5", "/x", "2,:,:")
    early.loader.close()
    assert len(early.frames) == 1
    assert early.frame("data/a.h5", "/x", "2,:,:").frame_cache_hit


def test_a_stream_cut_before_the_plane_is_found_at_once(early: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        dataset = file.create_dataset("x", SHAPE, "u2", chunks=CHUNKS, compression="gzip")
        dataset[...] = VALUES
        dataset.id.write_direct_chunk((20, 48, 48), zlib.compress(VALUES.tobytes())[:100])
    with pytest.raises(errors.CannotShow, match=r"\[20, 48, 48\].*cannot be decoded"):
        early.frame("data/a.h5", "/x", "30,:,:")


def test_trouble_when_a_finished_brick_is_kept_is_logged(
    early: Parts, data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    with h5py.File(data / "a.h5", "w") as file:
        file.create_dataset("x", data=VALUES, chunks=CHUNKS, compression="gzip")
    monkeypatch.setattr(early.store, "commit", broken)
    assert early.frame("data/a.h5", "/x", "2,:,:").frame.body == VALUES[2].tobytes()
    early.loader.close()
    assert "brick not added to the cache" in caplog.text
    assert list((early.home / "locks").iterdir()) == []
