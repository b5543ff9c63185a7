"""Contiguous data: planes are read directly, bricks only across the last dimension."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard import errors
from dashboard.addressing.selection import parse
from dashboard.bricks.usage import BrickUsage
from dashboard.catalog.volume import ReadPath
from dashboard.decoding import contiguous
from dashboard.frames import contiguous_planes as module
from dashboard.frames.contiguous_planes import ContiguousPlanes
from tests import files
from tests.parts import Parts


@pytest.mark.parametrize("dtype", files.DTYPES)
def test_every_plane_of_every_type(here: Parts, data: Path, dtype: str) -> None:
    values = files.made_up(dtype, (5, 6, 7))
    files.write(data / "a.h5", x=values)
    volume = here.library.volume("data/a.h5", "x")
    assert volume.read_path is ReadPath.CONTIGUOUS
    for axis, length in enumerate(values.shape):
        for index in (0, length - 1):
            text = ",".join(str(index) if d == axis else ":" for d in range(3))
            answer = here.frame("data/a.h5", "x", text)
            expected = files.shown(np.take(values, index, axis))
            assert answer.frame.body == expected.tobytes(), text
            assert answer.frame.dtype == expected.dtype.name


@st.composite
def cuts(draw: st.DrawFn) -> tuple[tuple[int, ...], str]:
    rank = draw(st.integers(2, 5))
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=rank, max_size=rank)))
    plane = draw(st.sampled_from(list(combinations(range(rank), 2))))
    fields = []
    for dim, length in enumerate(shape):
        if dim in plane:
            low = draw(st.integers(0, length - 1))
            high = draw(st.integers(low + 1, length))
            fields.append(f"{low}:{high}:{draw(st.integers(1, 4))}")
        else:
            fields.append(str(draw(st.integers(0, length - 1))))
    return shape, ",".join(fields)


@given(cut=cuts(), far=st.sampled_from([1, 40, 10**6]), run=st.sampled_from([1, 60, 10**6]))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_selection_whichever_way_it_is_read(
    here: Parts,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    cut: tuple[tuple[int, ...], str],
    far: int,
    run: int,
) -> None:
    shape, text = cut
    values = files.made_up(">u2", shape)
    name = f"{abs(hash(shape))}.h5"
    if not (data / name).exists():
        files.write(data / name, x=values)
    chosen = tuple(
        slice(*map(int, field.split(":"))) if ":" in field else int(field)
        for field in text.split(",")
    )
    with monkeypatch.context() as patch:
        patch.setattr(contiguous, "GAP_LIMIT_BYTES", far)
        patch.setattr(contiguous, "MAX_READ_BYTES", run)
        answer = here.frame(f"data/{name}", "x", text)
    assert answer.frame.body == files.shown(values[chosen]).tobytes()


def test_a_user_block_and_other_data_before_it(here: Parts, data: Path) -> None:
    values = files.made_up("<i4", (4, 5, 6))
    with h5py.File(data / "a.h5", "w", userblock_size=4096) as file:
        file["first"] = np.arange(1000)
        file["x"] = values
    assert here.frame("data/a.h5", "x", ":,2,:").frame.body == values[:, 2].tobytes()
    assert here.frame("data/a.h5", "x", ":,:,2").frame.body == values[:, :, 2].tobytes()


def test_no_brick_is_made_for_a_plane_that_lies_in_the_file(here: Parts, data: Path) -> None:
    files.write(data / "a.h5", x=files.made_up("<u2", (5, 6, 7)))
    outcomes = [
        here.frame("data/a.h5", "x", text).outcome for text in ("3,:,:", "3,1:4,:", ":,2,:")
    ]
    assert outcomes == ["miss", "hit", "miss"]
    assert here.disk.totals() == (0, 0)
    assert here.frame("data/a.h5", "x", ":,:,2").outcome == "miss"
    assert here.disk.totals()[1] == 1
    assert here.frame("data/a.h5", "x", ":,:,3").outcome == "hit"


def test_accessed_planes_are_recorded_for_all_processes(
    here: Parts, make_parts: Callable[..., Parts], data: Path
) -> None:
    path = files.write(data / "a.h5", x=files.made_up("<u2", (3, 4, 6, 7)))
    notes = ContiguousPlanes(here.home / "mapped")
    other = ContiguousPlanes(here.home / "mapped")
    volume = here.library.volume("data/a.h5", "x")
    first = parse("1,2,:,:", volume.shape)
    assert notes.mark_accessed(volume, first)
    assert not other.mark_accessed(volume, first)
    assert other.mark_accessed(volume, parse("2,1,:,:", volume.shape))
    assert not notes.mark_accessed(volume, parse("2,1,1:3,:", volume.shape))
    assert notes.mark_accessed(volume, parse("1,:,2,:", volume.shape))
    os.utime(path)
    assert notes.mark_accessed(here.library.volume("data/a.h5", "x"), first)


def test_volumes_of_too_many_planes_are_not_noted(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(data / "a.h5", x=files.made_up("<u2", (5, 6, 7)))
    notes = ContiguousPlanes(here.home / "mapped")
    volume = here.library.volume("data/a.h5", "x")
    with monkeypatch.context() as patch:
        patch.setattr(module, "MAX_TRACKED_PLANES", 4)
        assert not notes.mark_accessed(volume, parse("1,:,:", volume.shape))
    assert notes.mark_accessed(volume, parse("1,:,:", volume.shape))


def test_a_full_disk_costs_the_note_and_not_the_slice(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = files.made_up("<u2", (5, 6, 7))
    files.write(data / "a.h5", x=values)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(BrickUsage, "mark_accessed", full)
        answer = here.frame("data/a.h5", "x", "3,:,:")
    assert answer.frame.body == values[3].tobytes()


@pytest.mark.parametrize("text", ["4,:,:", ":,5,:", ":,:,6"])
def test_a_file_that_shrank_is_changed_and_not_a_crash(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = files.write(data / "a.h5", x=files.made_up("<u2", (5, 6, 7)))
    volume = here.library.volume("data/a.h5", "x")
    os.truncate(path, (volume.offset or 0) + 100)
    planes, chosen = ContiguousPlanes(here.home / "mapped"), parse(text, volume.shape)
    with here.open(volume) as file, pytest.raises(errors.Changed):
        planes.region(file, chosen, (0, 5, 1), 1)
    # Even if the change is not noticed.
    monkeypatch.setattr(here.library, "ensure_only_grew", lambda _: None)
    with here.open(volume) as file, pytest.raises(errors.Changed, match="shorter"):
        planes.region(file, chosen, (0, 5, 1), 1)


def test_a_large_plane_of_contiguous_data_is_not_refused(
    make_parts: Callable[..., Parts], data: Path
) -> None:
    # Its grid is one of single voxels in the plane: these are not chunks that have to be listed.
    here = make_parts(max_brick_bytes=2**20)
    values = np.arange(2500 * 2000 * 2, dtype="u1").reshape(2500, 2000, 2)
    files.write(data / "a.h5", x=values)
    answer = here.frame("data/a.h5", "x", "::50,::40,1")
    assert answer.frame.body == values[::50, ::40, 1].tobytes()
    assert max(b.nbytes(1) for b in here.bricks("data/a.h5", "x", ":,:,0")) > 2**19
