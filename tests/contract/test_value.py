"""`/value`: one voxel as text that loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tests import files
from tests.contract.conftest import VOLUME
from tests.web import App, assert_error, running

FILE = "data/volume.h5"


def value(app: App, file: str, dataset: str, index: str, **query: Any) -> dict[str, Any]:
    """The answer; 200 is asserted."""
    asked = {"file": file, "dataset": dataset, "index": index, **query}
    response = app.get("/api/v1/value", **asked)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Cache-Control"] == "no-store"
    assert len(response.headers["X-Volume-Version"]) == 16
    found: dict[str, Any] = response.get_json()
    assert found["unit"] == ("µm" if dataset == "volume" else None)
    assert found["coordinates"] == []
    return found


def test_a_value_is_the_files_own(app: App) -> None:
    found = value(app, FILE, "volume", "3,7,-1")
    assert found == {
        "index": [3, 7, 49],
        "text": str(VOLUME[3, 7, -1]),
        "name": None,
        "unit": "µm",
        "coordinates": [],
    }
    assert value(app, FILE, "volume", "3,7,49", decode="1") == found


@pytest.mark.parametrize("name", [*files.CHUNKED, "contiguous", "contiguous-big-endian"])
def test_every_storage_gives_the_same_values(app: App, name: str) -> None:
    whole = files.made_up("<u2", (9, 20, 31))
    for index in ((0, 0, 0), (8, 19, 30), (4, 7, 9)):
        text = ",".join(map(str, index))
        got = value(app, "data/below/storages.h5", name, text)["text"]
        assert got == str(int(whole[index]))


@pytest.mark.parametrize(
    "name", ["gzip-big-endian", "one-chunk", "unlimited", "compact", "virtual", "soft"]
)
def test_every_layout_gives_the_same_values(app: App, name: str) -> None:
    whole = files.made_up("<u2", (9, 20, 31))
    got = value(app, "data/below/storages.h5", name, "5,-2,17")["text"]
    assert got == str(int(whole[5, -2, 17]))


def test_unusual_types(app: App, tmp_path: Path) -> None:
    types = files.write_types(tmp_path / "types.h5")
    for name, whole in types.items():
        for index in ((0,) * whole.ndim, tuple(n - 1 for n in whole.shape)):
            got = value(app, "data/types.h5", name, ",".join(map(str, index)))
            assert got["text"] == str(whole[index])
            named = {"0": "dark", "1": "rock", "2": "pore"}[got["text"]] if "enum" in name else None
            assert got["name"] == named


# What is written and the text of it.
EXACT: dict[str, tuple[list[Any], list[str]]] = {
    "u8": (
        [2**64 - 1, 2**53, 2**53 + 1, 0],
        ["18446744073709551615", "9007199254740992", "9007199254740993", "0"],
    ),
    "i8": (
        [-(2**63), 2**53 + 1, 1690000000123456789, -1],
        ["-9223372036854775808", "9007199254740993", "1690000000123456789", "-1"],
    ),
    ">f4": (
        [123456792, 16777216, 1e10, -3],
        ["123456792.0", "16777216.0", "10000000000.0", "-3.0"],
    ),
    "u4": ([16777217, 2**32 - 1], ["16777217", "4294967295"]),
    ">i4": ([-16777217, 7], ["-16777217", "7"]),
    "f2": ([0.1, 65504, 123.4, -0.0], ["0.1", "65504.0", "123.4", "-0.0"]),
    "f4": ([0.1, 1e30, np.nan, -np.inf, 1e-45], ["0.1", "1e+30", "nan", "-inf", "1e-45"]),
    "f8": ([0.1, 1 + 1e-12, -0.0, 5e-324], ["0.1", "1.000000000001", "-0.0", "5e-324"]),
    ">f8": ([1 / 3, 1.7e308], ["0.3333333333333333", "1.7e+308"]),
    "c8": (
        [0.1 - 2j, complex(-0.0, 1), complex(np.nan, np.inf)],
        ["0.1-2.0j", "-0.0+1.0j", "nan+infj"],
    ),
    "c16": ([1 / 3 + 1j, 2j], ["0.3333333333333333+1.0j", "0.0+2.0j"]),
    "?": ([True, False], ["True", "False"]),
}


STORED: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": (1, 2), "compression": "gzip"},
}


def exact_rows(dtype: str) -> NDArray[Any]:
    given, _ = EXACT[dtype]
    return np.array([given, given[::-1]], dtype)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The application over a file with a dataset of each type for each way of storing it."""
    folder = tmp_path_factory.mktemp("exact")
    for name, how in STORED.items():
        rows = {dtype: (exact_rows(dtype), how) for dtype in EXACT}
        files.write(folder / "data" / f"{name}.h5", **rows)
    with running(folder, folder / "data") as app:
        yield app


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("stored", STORED)
def test_texts_are_exact(exact: App, dtype: str, stored: str) -> None:
    _, texts = EXACT[dtype]
    row = exact_rows(dtype)
    for at, text in enumerate(texts):
        got = value(exact, f"data/{stored}.h5", dtype, f"0,{at}")["text"]
        assert got == text
        if row.dtype.kind in "fc":
            back = row.dtype.newbyteorder("=").type(complex(got) if "j" in got else float(got))
            assert back.tobytes() == row[0, at].astype(row.dtype.newbyteorder("=")).tobytes()


def test_an_enum_with_many_names(tmp_path: Path) -> None:
    names = {f"region {n}": n for n in range(1500)}
    (tmp_path / "data").mkdir()
    with h5py.File(tmp_path / "data" / "a.h5", "w") as file:
        labels = np.array([[0, 1499, 300, 1600]], "u2")
        file.create_dataset("x", data=labels, dtype=h5py.enum_dtype(names, "u2"))
    with running(tmp_path, tmp_path / "data") as app:
        shown = [value(app, "data/a.h5", "x", f"0,{n}") for n in range(4)]
    assert [s["text"] for s in shown] == ["0", "1499", "300", "1600"]
    assert [s["name"] for s in shown] == ["region 0", "region 1499", "region 300", None]


@pytest.mark.parametrize("form", ["raw", "u8"])
def test_slices_of_an_enum_say_so(tmp_path: Path, form: str) -> None:
    (tmp_path / "data").mkdir()
    with h5py.File(tmp_path / "data" / "a.h5", "w") as file:
        values = np.array([[0, 1], [1, 0]], "u1")
        file.create_dataset("x", data=values, dtype=h5py.enum_dtype({"AIR": 0, "BONE": 1}, "u1"))
        file.create_dataset("y", data=values)
    with running(tmp_path, tmp_path / "data") as app:
        said = [
            app.slice("data/a.h5", n, ":,:", format=form).headers.get("X-Slice-Enum") for n in "xy"
        ]
    assert said == ["1", None]


@pytest.mark.parametrize(
    "index",
    [
        "",
        "1,2",
        "1,2,3,4",
        "24,0,0",
        "0,40,0",
        "0,0,-51",
        "x,0,0",
        "1.5,0,0",
        ":,0,0",
        "0,0,1:2",
        "9" * 20 + ",0,0",
        "٣,0,0",
        "0,,0",
        "0," * 300,
    ],
)
def test_a_wrong_index_is_a_400(app: App, index: str) -> None:
    asked = {"file": FILE, "dataset": "volume", "index": index}
    assert_error(app.get("/api/v1/value", **asked), 400)


def test_other_errors(app: App) -> None:
    assert_error(app.get("/api/v1/value", file=FILE, index="0,0,0"), 400)
    asked = {"file": FILE, "dataset": "volume", "index": "0,0,0"}
    assert_error(app.get("/api/v1/value", decode="2", **asked), 400)
    assert_error(app.get("/api/v1/value", **{**asked, "dataset": "none"}), 404)
    assert_error(app.get("/api/v1/value", **{**asked, "file": "data/none.h5"}), 404)
    strings = {"file": "data/unshowable.h5", "dataset": "strings", "index": "0,0"}
    assert "string" in assert_error(app.get("/api/v1/value", **strings), 422)


def test_no_demand_is_counted(app: App) -> None:
    before = app.stats()
    value(app, FILE, "volume", "1,2,3")
    after = app.stats()
    assert after["demand"] == before["demand"]
    assert after["viewers"] == before["viewers"]


@pytest.mark.parametrize("name", ["gzip", "child"])
def test_a_damaged_chunk_is_a_422(tmp_path: Path, name: str) -> None:
    whole = files.made_up("u2", (12, 50, 60))
    path = tmp_path / "data" / "a.h5"
    path.parent.mkdir()
    if name == "child":
        files.write_kept_by_child(path, "blosc2", whole, (4, 16, 16))
    else:
        how = {"chunks": (4, 16, 16), "compression": "gzip", "fletcher32": True}
        files.write(path, x=(whole, how))
    files.damage(path, "x", (4, 16, 32))
    with running(tmp_path, path.parent) as app:
        damaged = {"file": "data/a.h5", "dataset": "x", "index": "5,20,40"}
        said = assert_error(app.get("/api/v1/value", **damaged), 422)
        assert "[4, 16, 32]" in said
        assert value(app, "data/a.h5", "x", "5,20,20")["text"] == str(whole[5, 20, 20])
        # The same once the slice's brick is in the cache.
        assert app.slice("data/a.h5", "x", "5,:,:").status_code == 422
        assert assert_error(app.get("/api/v1/value", **damaged), 422) == said
        assert value(app, "data/a.h5", "x", "6,3,3")["text"] == str(whole[6, 3, 3])


def test_a_replaced_file_gives_its_new_value(tmp_path: Path) -> None:
    path = files.write(tmp_path / "data" / "a.h5", x=np.full((3, 4), 1, "u1"))
    with running(tmp_path, path.parent) as app:
        assert value(app, "data/a.h5", "x", "2,3")["text"] == "1"
        files.write(tmp_path / "new.h5", x=np.full((3, 4), 2, "u1")).replace(path)
        assert value(app, "data/a.h5", "x", "2,3")["text"] == "2"
