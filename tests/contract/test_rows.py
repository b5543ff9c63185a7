"""Rows over HTTP: windows as JSON, everything as CSV, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard.catalog import row_reader
from tests.web import App, running

RECORD = np.dtype([("at", "f4"), ("name", "S8")])


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("rows")
    (folder / "data").mkdir()
    with h5py.File(folder / "data" / "t.h5", "w") as file:
        values = np.zeros(230, RECORD)
        values["at"], values["name"] = np.arange(230) / 10, b'a,"b"'
        file["table"] = values
        file["curve"] = np.arange(5) * 1.5
        file["curve"].attrs["units"] = "keV"
        file["note"] = "text"
        file["one"] = 7
        file["volume"] = np.zeros((3, 4, 5))
        file.create_group("group")
        itself = h5py.VirtualLayout((5,), "u2")
        itself[:] = h5py.VirtualSource("t.h5", "itself", (5,))
        file.create_virtual_dataset("itself", itself)
    with running(folder, folder / "data") as app:
        yield app


def test_datasets_say_how_they_are_shown(tables: App) -> None:
    found = tables.get("/api/v1/datasets", file="data/t.h5").get_json()["datasets"]
    assert {record["dataset"]: record["view"] for record in found} == {
        "/curve": "curve",
        "/itself": None,
        "/note": "text",
        "/one": "value",
        "/table": "table",
        "/volume": "slices",
    }


def test_a_window_of_rows(tables: App) -> None:
    query = {"file": "data/t.h5", "dataset": "table"}
    first = tables.get("/api/v1/rows", **query).get_json()
    assert (first["start"], first["stop"], first["total"]) == (0, 100, 230)
    assert first["columns"] == [
        {"name": "at", "type": "float32", "unit": ""},
        {"name": "name", "type": "string", "unit": ""},
    ]
    assert first["rows"][7] == [0.7, 'a,"b"']
    last = tables.get("/api/v1/rows", **query, start=229, stop=1000, columns="at").get_json()
    assert last["rows"] == [[22.9]]
    assert (last["stop"], last["columns_in_all"]) == (230, 2)
    beyond = tables.get("/api/v1/rows", **query, start=10**17).get_json()
    assert (beyond["start"], beyond["rows"]) == (230, [])


def test_all_rows_as_csv(tables: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_reader, "BATCH_ROWS", 100)
    query = {"file": "data/t.h5", "format": "csv"}
    response = tables.get("/api/v1/rows", **query, dataset="table")
    assert response.content_type == "text/csv; charset=utf-8"
    found = list(csv.reader(io.StringIO(response.get_data(as_text=True))))
    assert found[0] == ["at", "name"]
    assert [float(row[0]) for row in found[1:]] == [n / 10 for n in range(230)]
    assert {row[1] for row in found[1:]} == {'a,"b"'}
    curve = tables.get("/api/v1/rows", **query, dataset="curve", start=3).get_data(as_text=True)
    assert curve.split() == ["value", "[keV]", "4.5", "6.0"]


def test_a_file_that_changes_ends_the_csv(
    tables: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_reader, "BATCH_ROWS", 100)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "t.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(300)
    with running(tmp_path, tmp_path / "data") as app:
        query = {"file": "data/t.h5", "dataset": "x", "format": "csv"}
        pieces = iter(app.get("/api/v1/rows", **query).response)
        assert next(pieces).count(b"\n") == 101
        path.touch()
        with pytest.raises(Exception, match="changed"):
            list(pieces)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"dataset": "table", "start": "-1"}, 400),
        ({"dataset": "table", "stop": "x"}, 400),
        ({"dataset": "table", "columns": "nothing"}, 400),
        ({"dataset": "table", "columns": "nothing", "format": "csv"}, 400),
        ({"dataset": "missing"}, 404),
        ({"dataset": "group"}, 404),
        ({}, 400),
    ],
)
def test_what_is_refused(tables: App, query: dict[str, str], status: int) -> None:
    response = tables.get("/api/v1/rows", file="data/t.h5", **query)
    assert (response.status_code, list(response.get_json())) == (status, ["error"])


def test_rows_of_what_is_refused_say_why(tables: App) -> None:
    answer = tables.get("/api/v1/rows", file="data/t.h5", dataset="/itself")
    assert answer.status_code == 422
    assert "Its virtual sources are nested too deeply." in answer.get_data(as_text=True)
