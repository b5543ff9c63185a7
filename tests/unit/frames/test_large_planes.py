"""Planes that are too large to be decoded for what is shown of them."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.outcomes import Purpose, Stage
from dashboard.addressing.requester import Requester
from dashboard.addressing.selection import parse
from dashboard.frames import plane_reader, single_cells, slice_cost
from dashboard.frames.pooling import PoolMode
from dashboard.frames.projection import parse_projection
from dashboard.frames.renderer import SliceAddress
from dashboard.frames.slice_cost import SliceCosts
from dashboard.meter import recording
from tests import files
from tests.parts import Parts

# The gzip dataset has chunks of 4×7×8.
CHUNK = 4 * 7 * 8 * 2


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> int:
    """Of the 12 chunks of a plane of axis 0, six may be decoded for one request."""
    for module in (plane_reader, slice_cost):
        monkeypatch.setattr(module, "MAX_DECODED_BYTES", 6 * CHUNK)
    return 6 * CHUNK


def test_a_zoomed_view_decodes_what_it_shows(here: Parts, data: Path) -> None:
    side, chunk = 8192, 512
    with h5py.File(data / "large.h5", "w", locking=False) as file:
        made = file.create_dataset(
            "x", (1, side, side), "<u2", chunks=(1, chunk, chunk), compression=1
        )
        for n in range((side // chunk) ** 2):
            row, col = divmod(n, side // chunk)
            stored = zlib.compress(np.full((chunk, chunk), n, "<u2").tobytes(), 1)
            made.id.write_direct_chunk((0, row * chunk, col * chunk), stored)
    with recording("cache") as record:
        answer = here.frame("data/large.h5", "x", "0,3000:4024,5000:6024")
    rows, cols = np.arange(3000, 4024) // chunk, np.arange(5000, 6024) // chunk
    expected = (rows[:, None] * (side // chunk) + cols).astype("<u2")
    assert answer.frame.body == expected.tobytes()
    assert record.nbytes[Stage.DECODE] <= side * side * 2 // 4
    overview = here.frame("data/large.h5", "x", "0,::64,::64", pool=PoolMode.MEAN)
    cells = np.frombuffer(overview.frame.body, "<f4").reshape(128, 128)
    assert cells[:: chunk // 64, :: chunk // 64].tolist() == np.arange(256).reshape(16, 16).tolist()


@pytest.mark.parametrize("text", ["0,::7,::16", "8,3::14,5::9", "::4,11,2:30:16", ":9:8,::9,-1"])
@pytest.mark.parametrize("name", ["gzip", "blosc2"])
def test_single_cells_are_taken_from_their_chunks(
    here: Parts, values: Any, most: int, name: str, text: str
) -> None:
    index = tuple(
        slice(*(int(n) if n else None for n in part.split(":"))) if ":" in part else int(part)
        for part in text.split(",")
    )
    paid: list[int] = []
    volume = here.library.volume("data/a.h5", name)
    address = SliceAddress(volume, parse(text, volume.shape))
    answer = here.reader.render(address, Requester(Purpose.DEMAND, "v", paid.append))
    assert answer.frame.body == values[index].tobytes()
    assert answer.outcome == "miss"
    if name == "gzip":
        assert sum(paid) <= most
        assert here.reader.render(address, Requester(Purpose.DEMAND, "v")).frame_cache_hit


def test_few_chunks_with_cells_are_decoded_alone(
    here: Parts, values: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_cells, "LARGE_BYTES", 6 * CHUNK)
    for text, chunks in (("0,::14,::31", 2), ("0,::14,::16", 12)):
        volume = here.library.volume("data/a.h5", "gzip")
        monkeypatch.setattr(single_cells, "FEW_CHUNKS", 0.2)
        with recording("cache") as record:
            answer = here.frame("data/a.h5", "gzip", text)
        steps = [int(part.rpartition(":")[2]) for part in text.split(",")[1:]]
        assert answer.frame.body == values[0, :: steps[0], :: steps[1]].tobytes()
        cost = SliceCosts(here.store, here.loader).of(volume, parse("1" + text[1:], volume.shape))
        assert cost.chunks == (2 if chunks == 2 else 0)
        assert record.nbytes[Stage.DECODE] == (chunks * CHUNK if chunks == 2 else 4 * 20 * 31 * 2)


def test_what_needs_all_of_a_large_plane_is_refused_with_an_offer(
    here: Parts, values: Any, most: int
) -> None:
    for pool in (PoolMode.MEAN, PoolMode.MAX):
        with pytest.raises(errors.TooLarge, match=r"\(pool=nearest\) at steps of 14 and 16"):
            here.frame("data/a.h5", "gzip", "0,::14,::16", pool=pool)
    with pytest.raises(errors.TooLarge, match="at steps of 14 and 16"):
        here.frame("data/a.h5", "gzip", "0,::2,::2")
    assert here.frame("data/a.h5", "gzip", "0,::14,::16").frame.body == (
        values[0, ::14, ::16].tobytes()
    )
    # That would keep the threads from what is demanded meanwhile.
    with pytest.raises(errors.Busy, match="not read ahead"):
        here.frame("data/a.h5", "gzip", "1,::14,::16", purpose=Purpose.PREFETCH_MOVING)
    # Each slice of a slab would be decoded.
    slab = parse_projection("mean:3", 0, 9)
    with pytest.raises(errors.TooLarge, match=r"ask for a part of it\.$"):
        here.frame("data/a.h5", "gzip", "0,::14,::16", projection=slab)
    costs = SliceCosts(here.store, here.loader)
    volume = here.library.volume("data/a.h5", "gzip")
    assert costs.of(volume, parse("0,::14,::16", volume.shape)).chunks == 4


def test_a_damaged_chunk_with_a_cell_is_said(
    here: Parts, values: Any, data: Path, most: int
) -> None:
    files.damage(data / "a.h5", "gzip", (0, 14, 16))
    with pytest.raises(errors.CannotShow, match=r"The chunk at \[0, 14, 16\]"):
        here.frame("data/a.h5", "gzip", "0,::14,::16")
    # It has no cell of these.
    assert here.frame("data/a.h5", "gzip", "0,7::14,8::16").frame.body == (
        values[0, 7::14, 8::16].tobytes()
    )
