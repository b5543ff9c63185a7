"""Rows of datasets of every type and shape, against what h5py reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.hdf5.messages import ReadRows, RowWindow
from dashboard.hdf5.worker import rows
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.refused import ObjectRefused


def read(
    path: Path,
    name: str,
    start: int = 0,
    stop: int = 100,
    columns: str = "",
    characters: int = 1000,
) -> RowWindow:
    job = Job(path, (str(path.parent),))
    return rows.read_rows(ReadRows(name, start, stop, columns, characters), job)[0]


def cells(path: Path, name: str, **given: Any) -> list[Any]:
    """The only column of a dataset."""
    return [row[0] for row in read(path, name, **given).rows]


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "types.h5"
    with h5py.File(path, "w") as file:
        for dtype in ("i1", "u1", ">i2", "<u4", "i8", "u8", "f2", "f4", ">f8", "c8", "c16", "?"):
            file[dtype] = np.arange(-3, 4).astype(dtype)
        file["big"] = np.array([2**53, 2**53 + 1, -(2**63)], "i8")
        file["odd"] = np.array([np.nan, np.inf, -np.inf, -0.0, 0.1], "f4")
        file["long"] = np.array([1, 3], "longdouble") / 3
        quad = h5py.h5t.IEEE_F64LE.copy()
        quad.set_size(16)
        quad.set_precision(128)
        quad.set_fields(127, 112, 15, 0, 112)
        quad.set_ebias(16383)
        wide = h5py.h5d.create(file.id, b"quad", quad, h5py.h5s.create_simple((2, 2)))
        thirds = np.arange(4.0).reshape(2, 2) / 3
        wide.write(h5py.h5s.ALL, h5py.h5s.ALL, thirds, h5py.h5t.NATIVE_DOUBLE)
        one = h5py.h5d.create(file.id, b"one quad", quad, h5py.h5s.create(h5py.h5s.SCALAR))
        one.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(1 / 3), h5py.h5t.NATIVE_DOUBLE)
        names = h5py.enum_dtype({"AIR": 0, "WATER": 1}, basetype="u1")
        file.create_dataset("enum", data=np.array([0, 1, 7], "u1"), dtype=names)
        file["fixed"] = np.array([b"a", b"\xc3\xa4\xff"])
        file.create_dataset("vlen text", data=["grün", "x" * 5000], dtype=h5py.string_dtype())
        lists = file.create_dataset("lists", (3,), h5py.vlen_dtype("i4"))
        lists[0], lists[2] = [1, 2], range(100)
        file["opaque"] = np.array([b"\x01\x02"], "V2")
        bits = h5py.h5d.create(
            file.id, b"bits", h5py.h5t.STD_B16LE.copy(), h5py.h5s.create_simple((3,))
        )
        bits.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([0, 5, 65535], "u2"), h5py.h5t.STD_B16LE)
        references = file.create_dataset("references", (2,), h5py.ref_dtype)
        references[0] = file["odd"].ref
        regions = file.create_dataset("regions", (1,), h5py.regionref_dtype)
        regions[0] = file["big"].regionref[1:3]
        file.create_dataset("arrays", (2,), np.dtype(("i2", (3,))))[...] = [[1, 2, 3], [4, 5, 6]]
        inner = np.dtype([("x", "f4"), ("y", "f8")])
        record = np.dtype(
            [
                ("id", "i4"),
                ("at", inner),
                ("rgb", "u1", (3,)),
                ("map", "u1", (2, 20)),
                ("name", "S4"),
            ]
        )
        table = np.zeros(250, record)
        table["id"], table["at"]["x"], table["name"] = np.arange(250), 0.1, b"abc"
        file["table"] = table
        file["table"].attrs["units"] = ["", "mm", "", "", ""]
        file["grid"] = np.arange(60).reshape(3, 4, 5)
        file["grid"].attrs["units"] = "counts"
        file["texts"] = np.array([["a", "b"], ["c", "d"]], "S1")
        file["scalar"] = np.float32(0.1)
        file["scalar text"] = "Ein Satz. " * 1000
        file["scalar record"] = table[3]
        file.create_dataset("scalar list", (), h5py.vlen_dtype("i4"))[()] = np.arange(3, dtype="i4")
        file.create_dataset("scalar array", (), np.dtype(("i2", (2,))))
        file["none"] = h5py.Empty("f4")
        file.create_dataset("no rows", (0,), "f4")
        file.create_dataset("huge", (10**12,), "f4", chunks=(1000,), fillvalue=2.5)
    return path


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "<u4", "i8", "f2", "f4", ">f8"])
def test_numbers_are_h5py_s(types: Path, dtype: str) -> None:
    found = read(types, dtype)
    with h5py.File(types) as file:
        assert [row[0] for row in found.rows] == file[dtype][...].tolist()
        assert found.columns[0].type == file[dtype].dtype.name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("big", [2**53, str(2**53 + 1), str(-(2**63))]),
        ("u8", [str(2**64 - 3), str(2**64 - 2), str(2**64 - 1), 0, 1, 2, 3]),
        ("odd", ["nan", "inf", "-inf", -0.0, 0.1]),
        (
            "c8",
            ["-3.0+0.0j", "-2.0+0.0j", "-1.0+0.0j", "0.0+0.0j", "1.0+0.0j", "2.0+0.0j", "3.0+0.0j"],
        ),
        ("?", ["true"] * 3 + ["false"] + ["true"] * 3),
        ("enum", ["AIR", "WATER", "7"]),
        ("fixed", ["a", "ä\ufffd"]),
        ("vlen text", ["grün", "x" * 1000 + "…"]),
        ("lists", ["[1, 2]", "[]", f"[{', '.join(map(str, range(32)))}, …]"]),
        ("opaque", ["0x0102"]),
        ("bits", [0, 5, 65535]),
        ("references", ["/odd", ""]),
        ("regions", ["/big[1:3]"]),
        ("arrays", ["[1, 2, 3]", "[4, 5, 6]"]),
        ("scalar", [0.1]),
        ("scalar text", ["Ein Satz. " * 1000]),
        ("scalar list", ["[0, 1, 2]"]),
        ("scalar array", ["[0, 0]"]),
        ("none", []),
        ("no rows", []),
    ],
)
def test_cells_say_what_a_value_is(types: Path, name: str, expected: list[Any]) -> None:
    found = cells(types, name)
    assert found == expected
    assert [type(cell) for cell in found] == [type(cell) for cell in expected]


def test_long_doubles_have_all_digits(types: Path) -> None:
    found = cells(types, "long")
    with h5py.File(types) as file:
        assert [np.longdouble(text) for text in found] == list(file["long"][...])


def test_fields_are_columns(types: Path) -> None:
    found = read(types, "table", 248, 400)
    names = ["id", "at.x", "at.y", "rgb[0]", "rgb[1]", "rgb[2]", "map", "name"]
    assert [column.name for column in found.columns] == names
    assert (found.start, found.stop, found.total) == (248, 250, 250)
    assert (found.columns_in_all, found.cut) == (len(names), False)
    assert found.rows[1] == (249, 0.1, 0.0, 0, 0, 0, "2×20 values", "abc")
    chosen = read(types, "table", 5, 7, "name,0:2")
    assert [column.name for column in chosen.columns] == ["name", "id", "at.x"]
    assert chosen.rows == (("abc", 5, 0.1), ("abc", 6, 0.1))
    assert read(types, "scalar record").rows[0][:2] == (3, 0.1)
    with pytest.raises(ObjectRefused, match="no column 'nothing'"):
        read(types, "table", columns="nothing")


def test_the_last_dimension_makes_the_columns(types: Path) -> None:
    found = read(types, "grid", 2, 9, "1:3,4")
    with h5py.File(types) as file:
        expected = file["grid"][...].reshape(12, 5)[2:9][:, [1, 2, 4]]
    assert [list(row) for row in found.rows] == expected.tolist()
    assert [(column.name, column.unit) for column in found.columns] == [
        (name, "counts") for name in "124"
    ]
    assert (found.total, found.columns_in_all) == (12, 5)
    assert read(types, "texts").rows == (("a", "b"), ("c", "d"))


def test_a_window_of_a_trillion_rows(types: Path) -> None:
    found = read(types, "huge", 10**12 - 2, 10**13)
    assert (found.rows, found.total) == (((2.5,), (2.5,)), 10**12)
    wide = read(types, "huge", 0, 10**12)
    assert wide.stop == len(wide.rows) == rows.MAX_CELLS


def test_texts_end_a_window(types: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_TEXT_CHARACTERS", 1)
    found = read(types, "texts")
    assert found.stop == 2, "one box of rows at least"
    assert not found.cut
    assert read(types, "vlen text", characters=5000).cut is False
    assert read(types, "vlen text").cut


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    ends=st.tuples(*[st.integers(0, 700)] * 2),
)
def test_boxes_have_the_elements_in_order(shape: list[int], ends: tuple[int, int]) -> None:
    values = np.arange(np.prod(shape)).reshape(shape)
    start, stop = sorted(min(end, values.size) for end in ends)
    parts = [
        values[tuple(slice(a, b) for a, b in box)].ravel() for box in rows.boxes(shape, start, stop)
    ]
    assert [int(n) for part in parts for n in part] == list(range(start, stop))


def test_floats_wider_than_those_of_the_machine_are_the_nearest_doubles(types: Path) -> None:
    found = read(types, "quad")
    assert found.rows == ((0.0, 1 / 3), (2 / 3, 1.0))
    assert found.columns[0].type == "float64"
    assert read(types, "one quad").rows == ((1 / 3,),)
