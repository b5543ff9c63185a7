"""`GET /api/v1/column`: values and figures against NumPy's, the order of lines, and what is refused."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.analysis import column as module
from dashboard.client import Client, ServerError
from tests import files
from tests.contract.conftest import FLOATS, VOLUME
from tests.contract.test_quotas import TOKEN, people
from tests.contract.test_slice import FILE
from tests.web import HOST, App, assert_error, listening, running


def lines(
    app: App, dataset: str = "volume", file: str = FILE, **query: Any
) -> list[dict[str, Any]]:
    """The lines of a column in the order in which they came."""
    response = app.get("/api/v1/column", file=file, dataset=dataset, **query)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.content_type == "application/x-ndjson"
    assert response.headers["X-Volume-Version"]
    text = response.get_data(as_text=True)
    response.close()
    return [json.loads(line) for line in text.splitlines()]


def column(app: App, dataset: str = "volume", file: str = FILE, **query: Any) -> list[Any]:
    """The values of a column by index."""
    return [
        line["value"]
        for line in sorted(lines(app, dataset, file, **query), key=lambda x: x["index"])
    ]


def regional(app: App, dataset: str, file: str = FILE, **query: Any) -> dict[str, Any]:
    found = sorted(lines(app, dataset, file, **query), key=lambda x: x["index"])
    return {key: [line[key] for line in found] for key in ("n", "mean", "sd", "min", "max")}


def assert_figures(found: dict[str, Any], values: Any) -> None:
    """Figures (indices × voxels) as NumPy's of what is finite."""
    valid = np.isfinite(values)
    for at, row in enumerate(values):
        kept = row[valid[at]]
        assert found["n"][at] == len(kept)
        if not len(kept):
            assert [found[key][at] for key in ("mean", "sd", "min", "max")] == [None] * 4
            continue
        wide = kept.astype(np.float64)
        assert found["mean"][at] == pytest.approx(wide.mean(), rel=1e-12, abs=1e-9)
        assert found["sd"][at] == pytest.approx(wide.std(), rel=1e-9, abs=1e-9)
        assert found["min"][at] == kept.min()
        assert found["max"][at] == kept.max()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_values_through_a_voxel(app: App, axis: int) -> None:
    at = [10, 20, 30]
    right = np.moveaxis(VOLUME, axis, 0)[(slice(None), *(n for d, n in enumerate(at) if d != axis))]
    assert column(app, axis=axis, at="10,20,30") == right.tolist()
    short = ",".join(str(n) for d, n in enumerate(at) if d != axis)
    assert column(app, axis=axis, at=short) == right.tolist()


@pytest.mark.parametrize(
    "name",
    [
        *files.CHUNKED,
        "contiguous",
        "contiguous-big-endian",
        "one-plane-chunks",
        "compact",
        "virtual",
    ],
)
def test_every_storage(app: App, name: str) -> None:
    file, values = "data/below/storages.h5", files.made_up("<u2", (9, 20, 31))
    for axis in range(3):
        turned = np.moveaxis(values, axis, 0)
        assert (
            column(app, name, file, axis=axis, at="-1,7,30")
            == turned[(slice(None), *(n for d, n in enumerate((8, 7, 30)) if d != axis))].tolist()
        )
        (top, bottom), (left, right) = (2, min(9, turned.shape[1]) - 1), (3, 17)
        found = regional(app, name, file, axis=axis, region=f"{top},{left},{bottom},{right}")
        part = turned[:, top : bottom + 1, left : right + 1]
        assert_figures(found, part.reshape(len(part), -1))


def test_lines_begin_next_to_the_start(app: App) -> None:
    found = [line["index"] for line in lines(app, axis=0, at="13,0,0")]
    assert found[0] == 13
    assert sorted(found) == list(range(24))
    # Of the chunks that were read first, or of the column that was kept.
    assert found[:5] == [13, 14, 12, 15, 11]
    again = [line["index"] for line in lines(app, axis=0, at="13,0,0")]
    assert again[:5] == found[:5]


def test_a_kept_column_is_not_read_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [{"axis": 0, "at": "5,6,7"}, {"axis": 0, "region": "3,4,9,12", "decode": 1}]
    first = [sorted(map(str, lines(app, **one))) for one in asked]
    monkeypatch.setattr(module.Columns, "read", lambda *_: pytest.fail("it was read again"))
    assert [sorted(map(str, lines(app, **one))) for one in asked] == first
    # Kept as stored, it serves every start.
    assert lines(app, axis=0, at="20,6,7")[0]["index"] == 20


def test_cached_bricks_are_used_where_they_cost_less(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(24):
        app.values(FILE, "volume", f"{index},:,:")
    monkeypatch.setattr(app.services.loader, "estimate_decode_s", lambda *_: 10.0)
    monkeypatch.setattr(module.Columns, "read", lambda *_: pytest.fail("a chunk was read"))
    assert column(app, axis=0, at="0,31,17") == VOLUME[:, 31, 17].tolist()
    found = regional(app, "volume", axis=0, region="ellipse:3,4,19,30")
    assert found["n"][0] < 17 * 27
    monkeypatch.undo()
    read: list[Any] = []
    monkeypatch.setattr(app.services.loader, "estimate_decode_s", lambda *_: 0.0)
    original = module.Columns.read
    monkeypatch.setattr(
        module.Columns, "read", lambda self, *args: read.append(1) or original(self, *args)
    )
    assert column(app, axis=0, at="0,31,18") == VOLUME[:, 31, 18].tolist()
    assert read


def test_only_what_is_cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module.Columns, "read", lambda *_: pytest.fail("a chunk was read"))
    path = tmp_path / "part.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=VOLUME, chunks=(4, 40, 32), compression="gzip")
    with running(tmp_path, path) as other:
        monkeypatch.setattr(other.services.loader, "estimate_decode_s", lambda *_: 0.0)
        query = {"dataset": "x", "file": "part.h5", "axis": 0, "at": "5,6,7", "cached": 1}
        assert lines(other, **query) == []
        other.values("part.h5", "x", "5,:,:")
        found = {line["index"]: line["value"] for line in lines(other, **query)}
        assert set(found) >= {4, 5, 6, 7}
        assert set(found) < set(range(24))
        assert all(value == VOLUME[index, 6, 7] for index, value in found.items())
        monkeypatch.undo()
        # What is incomplete is not kept.
        assert column(other, "x", "part.h5", axis=0, at="5,6,7") == VOLUME[:, 6, 7].tolist()
        assert len(lines(other, **query)) == 24


def test_one_that_is_given_up_is_closed(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAVE_BYTES", 1)
    read: list[Any] = []
    original = module.Column._read  # noqa: SLF001
    monkeypatch.setattr(
        module.Column, "_read", lambda self, wave: read.append(1) or original(self, wave)
    )
    for _ in range(2 * module.AT_ONCE):
        before = len(read)
        query = {"file": FILE, "dataset": "volume", "axis": 2, "at": "1,2,3"}
        response = app.client.get("/api/v1/column", query_string=query, base_url=HOST)
        pieces = iter(response.response)
        assert json.loads(next(pieces).splitlines()[0])["index"] == 3
        response.close()
        # One more is read while lines are sent.
        assert 1 <= len(read) - before <= 2


def test_one_that_cannot_be_read_to_its_end_says_so(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file changes after the first lines were sent."""
    monkeypatch.setattr(module, "WAVE_BYTES", 1)
    monkeypatch.setattr(app.services.loader, "estimate_decode_s", lambda *_: 0.0)
    left = [2]
    original = module.Columns.read

    def read(self: module.Columns, *args: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise errors.Changed("It changed.")
        return original(self, *args)

    monkeypatch.setattr(module.Columns, "read", read)
    found = lines(app, axis=2, at="3,4,5")
    assert [line["index"] for line in found[:-1]] == sorted(range(32), key=lambda n: abs(n - 5.1))
    assert found[-1] == {"error": {"code": errors.Changed.code, "message": "It changed."}}
    left[0] = 1
    with (
        listening(app.client.application) as address,
        Client(address) as client,
        pytest.raises(ServerError, match="It changed"),
    ):
        client.column(FILE, "volume", 2, (3, 4, 5))
    monkeypatch.undo()
    assert column(app, axis=2, at="3,4,5") == VOLUME[3, 4].tolist()


def test_a_growing_volume(tmp_path: Path) -> None:
    path = tmp_path / "growing.h5"
    with h5py.File(path, "w", libver="latest") as file:
        made = file.create_dataset("x", (4, 9, 9), "u2", maxshape=(None, 9, 9), chunks=(2, 4, 4))
        made[...] = 1
        file.swmr_mode = True
        with running(tmp_path, path) as app:
            assert column(app, "x", "growing.h5", axis=0, at="0,3,3") == [1] * 4
            made.resize(7, 0)
            made[4:] = 2
            made.flush()
            assert column(app, "x", "growing.h5", axis=0, at="0,3,3") == [1] * 4 + [2] * 3


def test_masked_pixels_are_missing(tmp_path: Path) -> None:
    counts = np.random.default_rng(5).integers(0, 1000, (6, 20, 31)).astype("u2")
    mask = np.random.default_rng(6).integers(0, 4, counts.shape[1:]) // 3
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for name, how in (("chunked", {"chunks": (2, 8, 16)}), ("plain", {})):
            detector = file.create_group(name)
            detector.attrs["NX_class"] = "NXdetector"
            detector.create_dataset("data", data=counts, **how)
            detector["pixel_mask"] = mask
    shown = np.where(mask, np.nan, counts.astype("f4"))
    with running(tmp_path, tmp_path / "t.h5") as app:
        for name in ("chunked/data", "plain/data"):
            for row, col in (*np.argwhere(mask)[:2], *np.argwhere(mask == 0)[:2]):
                for axis, values in ((0, shown[:, row, col]), (1, shown[3, :, col])):
                    for _ in range(2):  # Read, and then kept.
                        asked = {"axis": axis, "at": f"3,{row},{col}", "decode": 1}
                        found = np.array(column(app, name, "t.h5", **asked), float)
                        np.testing.assert_array_equal(found, values)
            stored = column(app, name, "t.h5", axis=0, at=f"3,{row},{col}")
            assert stored == counts[:, row, col].tolist()
            for axis, values in (
                (0, shown[:, 2:13, 4:20]),
                (2, shown[2:5, 4:20].transpose(2, 0, 1)),
            ):
                region = "2,4,12,19" if axis == 0 else "2,4,4,19"
                found = regional(app, name, "t.h5", axis=axis, region=region, decode=1)
                assert_figures(found, values.reshape(len(values), -1))


def test_decoded_chunks_count_in_a_quota(tmp_path: Path) -> None:
    with people(tmp_path, "[quotas]\ncold_bytes_per_minute = 1000\n") as app:
        query = {"file": "data/scan.h5", "dataset": "a", "axis": 0}
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Person": "ann"}
        for at, status in (("1,2,3", 200), ("1,2,4", 429), ("7,2,3", 200)):
            response = app.client.get(
                "/api/v1/column", query_string=query | {"at": at}, headers=headers, base_url=HOST
            )
            response.get_data()
            assert response.status_code == status, "what is kept costs nothing"
            response.close()


@pytest.mark.parametrize(
    ("dataset", "query", "status"),
    [
        ("volume", {"axis": 0}, 400),
        ("volume", {"axis": 3, "at": "1,2,3"}, 400),
        ("volume", {"axis": "x", "at": "1,2,3"}, 400),
        ("volume", {"at": "1,2,3"}, 400),
        ("volume", {"axis": 0, "at": "1"}, 400),
        ("volume", {"axis": 0, "at": "1,2,50"}, 400),
        ("volume", {"axis": 0, "region": "hexagon:1,2,3,4"}, 400),
        ("volume", {"axis": 0, "region": "rectangle:1,2,3"}, 400),
        ("volume", {"axis": 0, "region": "rectangle:100,100,120,120"}, 400),
        ("volume", {"axis": 0, "region": "1.2,1.2,1.4,1.4"}, 400),
        ("volume", {"axis": 0, "region": "1,1,9,nan"}, 400),
        ("volume", {"axis": 0, "region": "1,1,9,9", "selection": ":,3,:"}, 400),
        ("flat", {"axis": 0, "region": "1,1,9,9"}, 400),
        ("many", {"axis": 0, "region": "1,1,9,9"}, 400),
        ("nothing", {"axis": 0, "at": "1,1,1"}, 404),
    ],
)
def test_what_is_refused(app: App, dataset: str, query: dict[str, Any], status: int) -> None:
    assert_error(app.get("/api/v1/column", file=FILE, dataset=dataset, **query), status)


def test_too_much_is_refused(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DECODED_BYTES", 1000)
    asked = {"file": FILE, "dataset": "volume", "axis": 0, "at": "0,1,1"}
    assert_error(app.get("/api/v1/column", **asked), 413)


def test_the_client(app: App) -> None:
    with listening(app.client.application) as address, Client(address) as client:
        found = client.column(FILE, "volume", 0, (0, 11, 12))
        np.testing.assert_array_equal(found["value"], VOLUME[:, 11, 12])
        region = client.column(FILE, "group/floats", 0, region="2,3,10,11")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            right = np.nanmean(FLOATS[:, 2:11, 3:12].astype("f8"), axis=(1, 2))
        np.testing.assert_allclose(region["mean"], right)
