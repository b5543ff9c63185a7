"""Values of columns of every type and rank, with gaps, packed, and with damage."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import pytest

from tests import files
from tests.contract.conftest import VOLUME
from tests.contract.test_column import assert_figures, column, lines, regional
from tests.web import App, running

PACKED = files.made_up("i2", (11, 9, 10), seed=4)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application over volumes of every type and rank, and one with damage."""
    data = tmp_path_factory.mktemp("odd") / "data"
    data.mkdir()
    with h5py.File(data / "t.h5", "w") as file:
        for dtype in files.DTYPES:
            values = files.made_up(dtype, (11, 9, 10))
            file.create_dataset(dtype, data=values, chunks=(4, 5, 6), compression="gzip")
        for rank in (2, 4, 5):
            values = files.made_up("i4", (7, 6, 5, 4, 3)[:rank])
            file.create_dataset(
                f"r{rank}", data=values, chunks=(3, 2, 5, 4, 2)[:rank], compression="lzf"
            )
        made = file.create_dataset("gaps", (12, 8, 8), "i2", chunks=(3, 4, 4), fillvalue=-7)
        made[3:6, :4, :4] = files.made_up("i2", (3, 4, 4))
        made[3, 0, 0] = -7
        packed = file.create_dataset("packed", data=PACKED, chunks=(4, 5, 6), compression="gzip")
        packed.attrs["scale_factor"], packed.attrs["add_offset"] = np.float32(0.5), np.float32(100)
        packed.attrs["_FillValue"] = PACKED[3, 4, 5]
        broken = file.create_dataset("broken", data=VOLUME, chunks=(8, 16, 16), compression="gzip")
        at = broken.id.get_chunk_info_by_coord((8, 0, 0)).byte_offset
    with (data / "t.h5").open("r+b") as raw:
        raw.seek(at + 2)
        raw.write(b"\xff" * 8)
    with running(tmp_path_factory.mktemp("home"), data) as made:
        yield made


@pytest.mark.parametrize("dtype", files.DTYPES)
def test_every_type(odd: App, dtype: str) -> None:
    values = files.shown(files.made_up(dtype, (11, 9, 10)))
    found = lines(odd, dtype, "data/t.h5", axis=0, at="0,4,6")
    for line in found:
        value = values[line["index"], 4, 6]
        if np.isfinite(value):
            assert line["value"] == value.item()
        else:
            assert line["value"] is None
            assert ("note" in line) == np.isinf(value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        region = regional(odd, dtype, "data/t.h5", axis=0, region="rectangle:1,2,7,8")
        assert_figures(region, values[:, 1:8, 2:9].reshape(11, -1))


def test_every_rank(odd: App) -> None:
    for rank in (2, 4, 5):
        values = files.made_up("i4", (7, 6, 5, 4, 3)[:rank])
        for axis in range(rank):
            index: list[Any] = [1] * rank
            index[axis] = slice(None)
            text = ",".join(["1"] * rank)
            found = column(odd, f"r{rank}", "data/t.h5", axis=axis, at=text)
            assert found == values[tuple(index)].tolist()
    values = files.made_up("i4", (7, 6, 5, 4, 3))
    found = regional(odd, "r5", "data/t.h5", axis=1, selection=":,2,1,:,2", region="1,0,5,2")
    part = values[1:6, :, 1, :3, 2].transpose(1, 0, 2)
    assert_figures(found, part.reshape(6, -1))


def test_gaps_and_fill_values(odd: App) -> None:
    values = np.full((12, 8, 8), -7, "i2")
    values[3:6, :4, :4] = files.made_up("i2", (3, 4, 4))
    values[3, 0, 0] = -7
    assert column(odd, "gaps", "data/t.h5", axis=0, at="0,0,0") == values[:, 0, 0].tolist()
    wide = np.where(values == -7, np.nan, values.astype("f8"))
    found = regional(odd, "gaps", "data/t.h5", axis=0, region="0,0,5,5")
    assert_figures(found, wide[:, :6, :6].reshape(12, -1))
    decoded = column(odd, "gaps", "data/t.h5", axis=0, at="0,0,0", decode=1)
    assert decoded[0] in (None, -7)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_values_are_unpacked(odd: App, axis: int) -> None:
    gone = PACKED[3, 4, 5] == PACKED
    shown = np.where(gone, np.nan, PACKED.astype("f4") * np.float32(0.5) + np.float32(100))
    asked: dict[str, Any] = {"axis": axis, "decode": 1}
    index: list[Any] = [3, 4, 5]
    index[axis] = slice(None)
    found = column(odd, "packed", "data/t.h5", at="3,4,5", **asked)
    np.testing.assert_array_equal(np.array(found, "f4"), shown[tuple(index)])
    region = regional(odd, "packed", "data/t.h5", region="1,2,7,8", at="3,4,5", **asked)
    planes = np.moveaxis(shown, axis, 0)[:, 1:8, 2:9]
    assert_figures(region, planes.reshape(len(planes), -1).astype("f8"))


def test_damage_is_noted_where_it_is(odd: App) -> None:
    for _ in range(2):
        found = lines(odd, "broken", "data/t.h5", axis=0, at="0,3,3")
        for line in found:
            if 8 <= line["index"] < 16:
                assert line["value"] is None
                assert "damaged" in line["note"]
            else:
                assert line["value"] == VOLUME[line["index"], 3, 3]
    region = lines(odd, "broken", "data/t.h5", axis=0, region="10,10,20,20")
    noted = {line["index"] for line in region if "note" in line}
    assert noted == set(range(8, 16))
    assert all(line["n"] == (0 if line["index"] in noted else 121) for line in region)
