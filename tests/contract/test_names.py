"""Names of files and datasets: every name can be requested, also one that a truncated list omits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard.files import catalog
from tests import files
from tests.unit.hdf5.stand_ins import preceded
from tests.web import App, assert_error, running

VALUES = np.arange(3 * 4 * 5, dtype="i4").reshape(3, 4, 5)

DATASETS = ["with blank", "100%", "a%2Fb", "a+b", "c#d", "e&f=g", "h?i", "scan: 1.1", "quo\"te's"]
DATASETS += [
    "grün µm 中文 😀",
    "back\\slash",
    "<b>tag</b>",
    "line\nfeed",
    ".dot",
    "trailing ",
    "[0]",
]
DATASETS += ["tab\tx", "é", "e\u0301", "...", "~", "'", "\x01", "\u202e"]
FILES = [
    "a#b.h5",
    "a?b.h5",
    "a+b.h5",
    "a&b=c.h5",
    "a%20b.h5",
    "grün 中.h5",
    "two  blanks.h5",
    "a;b.h5",
]
FILES += [
    "a'b.h5",
    'a"b.h5',
    "a,b.h5",
    "a:b.h5",
    "UPPER.H5",
    "x.hdf",
    "line\nfeed.h5",
    "back\\slash.h5",
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("names")
    (home / "data").mkdir()
    with h5py.File(home / "data" / "names.h5", "w") as file:
        for n, name in enumerate(DATASETS):
            file[f"grp {name}/{name}"] = VALUES + n
    for n, name in enumerate(FILES):
        files.write(home / "data" / "a folder + more" / name, v=VALUES + n)
    with h5py.File(home / "data" / "links.h5", "w") as file:
        file["entry/detector/data"] = VALUES
        file["entry/hard"] = file["entry/detector"]
        file["entry/soft"] = h5py.SoftLink("/entry/detector")
        file["entry/loop"] = h5py.SoftLink("/entry")
        file["entry/alias"] = h5py.SoftLink("/entry/detector/data")
        file["gone"] = h5py.SoftLink("/nowhere")
    with running(home, home / "data") as made:
        yield made


@pytest.mark.parametrize("number", range(len(DATASETS)))
def test_a_dataset_of_any_name_opens(app: App, number: int) -> None:
    name = f"/grp {DATASETS[number]}/{DATASETS[number]}"
    listed = app.get("/api/v1/datasets", file="data/names.h5").get_json()["datasets"]
    assert name in [record["dataset"] for record in listed]
    (alone,) = app.get("/api/v1/datasets", file="data/names.h5", dataset=name).get_json()[
        "datasets"
    ]
    assert alone in listed
    assert (app.values("data/names.h5", name, "1,:,:") == VALUES[1] + number).all()
    asked = {"file": "data/names.h5", "dataset": name, "index": "0,0,0"}
    assert app.get("/api/v1/value", **asked).get_json()["text"] == str(number)


@pytest.mark.parametrize("number", range(len(FILES)))
def test_a_file_of_any_name_opens(app: App, number: int) -> None:
    name = f"data/a folder + more/{FILES[number]}"
    listed = app.get("/api/v1/files").get_json()
    assert listed["complete"] is True
    assert name in [entry["file"] for entry in listed["files"]]
    assert app.get("/api/v1/datasets", file=name).get_json()["datasets"][0]["browsable"]
    assert (app.values(name, "v", "1,:,:") == VALUES[1] + number).all()


@pytest.mark.parametrize(
    "name",
    ["detector/data", "hard/data", "soft/data", "alias", "loop/loop/soft/data", "loop/alias"],
)
def test_a_dataset_opens_by_each_of_its_names(app: App, name: str) -> None:
    path = f"/entry/{name}"
    found = app.get("/api/v1/datasets", file="data/links.h5", dataset=path).get_json()
    (record,) = found["datasets"]
    assert record["dataset"] == path
    assert record["shape"] == [3, 4, 5]
    assert record["browsable"]
    assert (app.values("data/links.h5", path, "2,:,:") == VALUES[2]).all()


def test_what_is_not_there_says_so(app: App) -> None:
    asked = {"file": "data/links.h5"}
    get = app.get
    for name in ("/entry/none", "/entry", "/entry/detector/data/x"):
        found = get("/api/v1/datasets", dataset=name, **asked)
        assert found.get_json() == {"datasets": [], "complete": True, "default": None}
        assert len(found.headers["X-Volume-Version"]) == 16
    said = assert_error(app.slice("data/links.h5", "/entry/none", ":,:"), 404)
    assert said == "There is nothing at '/entry/none'."
    assert "group" in assert_error(app.slice("data/links.h5", "/entry", ":,:"), 404)
    assert_error(get("/api/v1/datasets", file="data/none.h5", dataset="/x"), 404)
    assert_error(get("/api/v1/datasets", dataset="", **asked), 400)
    (gone,) = get("/api/v1/datasets", dataset="/gone", **asked).get_json()["datasets"]
    assert not gone["browsable"]
    assert gone["reason"] == "It is a link that leads to '/nowhere', which does not exist."
    assert gone["reason"] in assert_error(app.slice("data/links.h5", "/gone", ":,:"), 422)


def test_what_a_list_leaves_out_can_be_opened(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = files.write(tmp_path / "data" / "many.h5", **{f"x{n}": VALUES[0] for n in range(9)})
    files.write(tmp_path / "data" / "z.h5", v=VALUES)
    with running(tmp_path, tmp_path / "data") as made:
        assert made.get("/api/v1/datasets", file="data/many.h5").get_json()["complete"] is True
        few = "from dashboard.hdf5.worker import describe\ndescribe.MAX_OBJECTS = 5"
        preceded(made.services.hdf5, few)
        for process in made.services.hdf5.idle():
            process.kill()
            process.wait()
        os.utime(many)  # a new state of the file, which is listed anew
        listed = made.get("/api/v1/datasets", file="data/many.h5").get_json()
        assert listed["complete"] is False
        assert len(listed["datasets"]) == 5
        (left_out,) = made.get("/api/v1/datasets", file="data/many.h5", dataset="x8").get_json()[
            "datasets"
        ]
        assert left_out["browsable"]
        assert (made.values("data/many.h5", "x8", ":,:") == VALUES[0]).all()
        monkeypatch.setattr(catalog, "MAX_LISTED", 1)
        shown = made.get("/api/v1/files").get_json()
        assert [entry["file"] for entry in shown["files"]] == ["data/many.h5"]
        assert shown["complete"] is False
        assert (made.values("data/z.h5", "v", "1,:,:") == VALUES[1]).all()
