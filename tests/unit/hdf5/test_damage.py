"""Damaged chunks of volumes read by a child: each is named and affects its own slices alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.bricks.brick import FileBrick, SinglePlaneBrick
from dashboard.catalog.volume import ReadPath
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.hdf5.messages import Damage, ReadBoxes, ReadBrick, SampleBoxes, Values
from dashboard.hdf5.worker import read
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.refused import ObjectRefused
from tests import files
from tests.parts import Parts

SHAPE = (4, 50, 45)
CHUNKS = (2, 20, 20)
VALUES = files.made_up("<u2", SHAPE)
FILL = 7
FILL_BYTES = np.array(FILL, "<u2").tobytes().hex()
MISSING = "/filter-missing"
REASON = "the HDF5 library cannot decode it"

EVERY = pytest.mark.parametrize("how", list(files.KEPT_BY_CHILD))


def damaged(data: Path, how: str, *corners: tuple[int, ...]) -> Path:
    """The file with a dataset `x` whose chunks at these corners are damaged."""
    path = data / "a.h5"
    files.write_kept_by_child(path, how, VALUES, CHUNKS, fill=FILL)
    for corner in corners:
        files.damage(path, "x", corner)
    return path


@EVERY
def test_a_damaged_chunk_spoils_its_own_slices_alone(here: Parts, data: Path, how: str) -> None:
    damaged(data, how, (2, 20, 40))
    assert here.library.volume("data/a.h5", "x").read_path is ReadPath.HDF5
    for text, expected in (
        ("1,:,:", VALUES[1]),
        ("3,:,:40", VALUES[3, :, :40]),
        ("3,:20,:", VALUES[3, :20]),
        (":,:,39", VALUES[:, :, 39]),
        (":,19,:", VALUES[:, 19]),
    ):
        assert here.frame("data/a.h5", "x", text).frame.body == expected.tobytes()
    for text in ("2,:,:", "3,:,:", "3,39:41,39:41", ":,:,44", ":,20,:"):
        with pytest.raises(errors.CannotShow) as caught:
            here.frame("data/a.h5", "x", text)
        assert caught.value.message == (
            f"The chunk at [2, 20, 40] of '/x' in 'data/a.h5' is damaged: {REASON}."
        )


@EVERY
def test_a_brick_keeps_what_is_damaged_and_the_fill_value_there(
    here: Parts, data: Path, how: str
) -> None:
    damaged(data, how, (0, 0, 0), (0, 40, 20))
    (address,) = here.bricks("data/a.h5", "x", "0,:,:")
    expected = VALUES[:2].copy()
    expected[:, :20, :20] = expected[:, 40:, 20:40] = FILL
    for outcome in ("miss", "hit"):
        loaded = here.load(address)
        assert loaded.outcome == outcome
        assert isinstance(loaded.brick, FileBrick)
        assert set(loaded.brick.damaged_chunks) == {
            DamagedChunk((0, 0, 0), REASON),
            DamagedChunk((0, 40, 20), REASON),
        }
        for number in range(2):
            np.testing.assert_array_equal(loaded.brick.plane(number), expected[number])


@EVERY
def test_without_space_for_a_brick_its_planes_are_distinguished_as_well(
    make_parts: Callable[..., Parts], data: Path, how: str
) -> None:
    here = make_parts(floor=2**62)
    damaged(data, how, (2, 20, 40))
    (address,) = here.bricks("data/a.h5", "x", "3,:,:")
    loaded = here.load(address, plane=1)
    assert isinstance(loaded.brick, SinglePlaneBrick)
    assert loaded.brick.damaged_chunks == (DamagedChunk((2, 20, 40), REASON),)
    expected = VALUES[3].copy()
    expected[20:40, 40:] = FILL
    np.testing.assert_array_equal(loaded.brick.plane(1), expected)
    assert here.frame("data/a.h5", "x", "3,:,:40").frame.body == VALUES[3, :, :40].tobytes()
    with pytest.raises(errors.CannotShow, match=r"chunk at \[2, 20, 40\]"):
        here.frame("data/a.h5", "x", "3,:,:")


def test_boxes_that_do_not_begin_with_a_chunk(data: Path) -> None:
    path = damaged(data, "nbit-checksum", (2, 20, 40))
    boxes = [((1, 19, 30), (4, 21, 43)), ((0, 0, 0), (1, 2, 3))]
    reply, body = read.boxes(ReadBoxes("/x", "<u2", FILL_BYTES, boxes), job(path))
    assert reply == Damage((((2, 20, 40), REASON),))
    first = VALUES[1:4, 19:21, 30:43].copy()
    first[1:, 1:, 10:] = FILL
    assert body == first.tobytes() + VALUES[:1, :2, :3].tobytes()


def test_a_sample_leaves_damaged_boxes_out(data: Path) -> None:
    path = damaged(data, "nbit-checksum", (2, 20, 40))
    request = SampleBoxes(
        "/x", "<u2", FILL_BYTES, [((2, 20, 40), (4, 40, 45)), ((0, 0, 0), (2, 20, 20))]
    )
    assert read.sample(request, job(path)) == (Values(), VALUES[:2, :20, :20].tobytes())


def test_so_much_damage_is_one_error(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = damaged(data, "nbit-checksum", (0, 0, 0), (0, 40, 20), (2, 0, 0))
    whole = ReadBoxes("/x", "<u2", FILL_BYTES, [((0, 0, 0), SHAPE)])
    monkeypatch.setattr(read, "MAX_DAMAGED", 3)
    assert len(read.boxes(whole, job(path))[0].chunks) == 3
    monkeypatch.setattr(read, "MAX_DAMAGED", 2)
    with pytest.raises(OSError, match="read"):
        read.boxes(whole, job(path))


def test_a_virtual_dataset_whose_source_is_damaged_is_one_error(here: Parts, data: Path) -> None:
    path = damaged(data, "nbit-checksum", (2, 20, 40))
    with h5py.File(path, "a", locking=False) as file:
        layout = h5py.VirtualLayout(SHAPE, "<u2")
        layout[...] = h5py.VirtualSource(".", "x", SHAPE)
        file.create_virtual_dataset("v", layout)
    with pytest.raises(errors.CannotShow) as caught:
        here.frame("data/a.h5", "v", "3,:,:")
    assert "'/v' of 'data/a.h5' cannot be read at [" in caught.value.message
    assert caught.value.message.endswith("The HDF5 library could not read it.")


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        (read.brick, ReadBrick(MISSING, "<u2", FILL_BYTES, [0, 0], [4, 4], [0, 1])),
        (read.boxes, ReadBoxes(MISSING, "<u2", FILL_BYTES, [((0, 0), (4, 4))])),
        (read.sample, SampleBoxes(MISSING, "<u2", FILL_BYTES, [((0, 0), (4, 4))])),
    ],
)
def test_an_unknown_filter_is_one_error(
    tmp_path: Path, operation: Callable[[Any, Job], object], request_: object
) -> None:
    path = tmp_path / "a.h5"
    files.write_unshowable(path)
    with (tmp_path / "out").open("w+b") as out:
        out.write(bytes(32))
        out.flush()
        with pytest.raises(ObjectRefused) as caught:
            operation(request_, job(path, out.fileno()))
    assert caught.value.message == (
        "'/filter-missing' needs the HDF5 filter number 32099, which this server lacks."
    )


def job(path: Path, out: int = -1) -> Job:
    """What a child gets beside a request."""
    return Job(path, (str(path.parent),), out=out)


@pytest.mark.parametrize("kind", ["empty", "reference", "references", "list", "numbers", "text"])
def test_dimension_scales_that_are_none_do_no_harm(here: Parts, data: Path, kind: str) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        x = file.create_dataset("x", data=np.zeros((3, 4, 5)))
        file["scale"] = np.arange(3.0)
        file["scale"].make_scale("z")
        lists = np.empty(5, object)  # More than the dataset has dimensions.
        lists[:] = [np.array([file["scale"].ref], object)] * 5
        numbers = np.empty(3, object)
        numbers[:] = [np.array([2**62])] * 3
        made: dict[str, tuple[Any, Any]] = {
            "empty": (h5py.Empty("f8"), None),
            "reference": (x.ref, h5py.ref_dtype),
            "references": ([x.ref] * 3, h5py.ref_dtype),
            "list": (lists, h5py.vlen_dtype(h5py.ref_dtype)),
            "numbers": (numbers, h5py.vlen_dtype(np.int64)),
            "text": ("x", None),
        }
        value, dtype = made[kind]
        x.attrs.create("DIMENSION_LIST", value, dtype=dtype)
        x.attrs["units"] = "K"
    found = here.nodes.node("data/a.h5", "/x").record.meaning
    assert found is not None
    assert found["value"]["unit"] == "K"
    assert [axis["name"] for axis in found["axes"]] == ["", "", ""]
