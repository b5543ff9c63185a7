"""Single values: the source that they are read from, and their text."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard import errors
from dashboard.decoding.chunk_reader import ChunkReader
from dashboard.decoding.decoder import Decoder
from dashboard.frames import voxel_value as module
from dashboard.frames.voxel_value import VoxelReader, exact_text
from tests import files
from tests.parts import Parts

CHUNKED = {"chunks": (4, 7, 8), "compression": "gzip"}


@pytest.fixture
def reader(here: Parts) -> VoxelReader:
    return VoxelReader(here.library, here.store, here.readers, 2)


def test_the_one_chunk_is_read(
    here: Parts, reader: VoxelReader, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = files.made_up("<i4", (9, 20, 31))
    files.write(data / "a.h5", x=(whole, CHUNKED))
    decoded: list[int] = []
    decode = ChunkReader.decode

    def noted(self: Any, entry: int, *more: Any) -> Any:
        decoded.append(entry)
        return decode(self, entry, *more)

    monkeypatch.setattr(ChunkReader, "decode", noted)
    volume = here.library.volume("data/a.h5", "x")
    assert reader.read(volume, (8, 19, 30)) == whole[8, 19, 30]
    assert len(decoded) == 1
    assert here.disk.totals()[1] == 0, "a brick was made"


@pytest.mark.parametrize("text", ["5,:,:", ":,5,:", ":,:,5"])
def test_a_brick_across_any_axis_is_enough(
    here: Parts, reader: VoxelReader, data: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    whole = files.made_up(">u2", (9, 20, 31))
    files.write(data / "a.h5", x=(whole, CHUNKED))
    here.frame("data/a.h5", "x", text)
    volume = here.library.volume("data/a.h5", "x")
    monkeypatch.setattr(Decoder, "read_voxel", lambda *_: pytest.fail("the file was read"))
    counted = dict(here.ledger.counted)
    assert reader.read(volume, (5, 5, 5)) == whole[5, 5, 5]
    assert here.ledger.counted == counted


def test_what_was_never_written_is_the_fill_value(
    here: Parts, reader: VoxelReader, data: Path
) -> None:
    files.declare(data / "a.h5", {"x": ((9, 20, 31), "f4", (4, 7, 8))})
    volume = here.library.volume("data/a.h5", "x")
    assert reader.read(volume, (3, 3, 3)) == 0


def test_a_file_cut_short_has_changed(here: Parts, reader: VoxelReader, data: Path) -> None:
    path = files.write(data / "a.h5", x=np.ones((100, 200)))
    volume = here.library.volume("data/a.h5", "x")
    with path.open("r+b") as file:
        file.truncate(4096)
    with pytest.raises(errors.Changed):
        reader.read(volume, (99, 199))


def test_decodes_are_bounded(here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(data / "a.h5", x=(np.ones((9, 20, 31)), CHUNKED))
    volume = here.library.volume("data/a.h5", "x")
    reader = VoxelReader(here.library, here.store, here.readers, 1)
    inside, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> Any:
        inside.set()
        assert go_on.wait(30)
        return np.float64(1)

    monkeypatch.setattr(Decoder, "read_voxel", slow)
    monkeypatch.setattr(module, "MAX_WAIT_S", 0.01)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(reader.read, volume, (0, 0, 0))
        assert inside.wait(30)
        with pytest.raises(errors.Busy):
            reader.read(volume, (0, 0, 0))
        go_on.set()
        assert first.result(30) == 1
    assert reader.read(volume, (0, 0, 0)) == 1


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_floats_read_back_as_they_were(dtype: str) -> None:
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    for value in files.made_up(unsigned, (2000,)).view(dtype):
        back = np.dtype(dtype).type(exact_text(value))
        assert back.tobytes() == value.tobytes() or (np.isnan(back) and np.isnan(value))
