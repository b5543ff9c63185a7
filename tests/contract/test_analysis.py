"""Figures of slices over HTTP: those of NumPy on what h5py reads, of every type, along every axis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.client import Client
from tests import files
from tests.contract.test_change import write
from tests.contract.test_quotas import BRICK, TOKEN, people
from tests.web import HOST, App, assert_error, listening, running

SHAPE = (5, 23, 31)
STORED = np.random.default_rng(3).integers(-100, 100, SHAPE).astype(">i2")
# Planes along every axis, whole, in part and at steps.
PLANES = (np.s_[2, :, :], np.s_[:, 4, 3:], np.s_[1:5:2, 2:, 5], np.s_[3, 4:20:3, 2:29:2])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Path]]:
    """An application over a file with a dataset of each type, and the file."""
    folder = tmp_path_factory.mktemp("analysis")
    path = folder / "types.h5"
    with h5py.File(path, "w") as file:
        for number, dtype in enumerate(files.DTYPES):
            values = files.made_up(dtype, SHAPE, seed=number)
            file.create_dataset(f"chunked/{dtype}", data=values, chunks=(2, 8, 16))
            file.create_dataset(f"plain/{dtype}", data=values)
        for dtype in ("i2", "f4", "i8", "c8"):
            values = STORED.astype(dtype)
            fill = {"fillvalue": values[0, 0, 0], "chunks": (2, 8, 16)}
            file.create_dataset(f"filled/{dtype}", data=values, **fill)
        packed = file.create_dataset("packed", data=STORED, chunks=(2, 8, 16))
        packed.attrs["scale_factor"], packed.attrs["add_offset"] = np.float32(0.5), np.float32(100)
        packed.attrs["_FillValue"] = np.int16(-1)
        sized = file.create_dataset("sized", data=STORED, chunks=(2, 8, 16))
        sized.attrs["element_size_um"] = np.array([2.0, 1.0, 0.5])
    with running(folder, path, max_cells=1_000_000) as app:
        yield app, path


def ask(app: App, what: str, dataset: str, selection: str, **query: Any) -> Any:
    """What the interface returns of a dataset of the file."""
    asked = {"file": "types.h5", "dataset": dataset, "selection": selection, **query}
    response = app.get(f"/api/v1/{what}", **asked)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Cache-Control"] == "no-store"
    assert len(response.headers["X-Volume-Version"]) == 16
    return response.get_json()


def text(part: Any) -> str:
    return ",".join(
        f"{p.start or 0}:{'' if p.stop is None else p.stop}:{p.step or 1}"
        if isinstance(p, slice)
        else str(p)
        for p in part
    )


def region_of(values: NDArray[Any], missing: NDArray[Any] | None = None) -> dict[str, Any]:
    """The statistics of values, shown and flat."""
    gone = ~np.isfinite(values) if missing is None else ~np.isfinite(values) | missing
    kept, wide = values[~gone], values[~gone].astype("f8")
    approx = pytest.approx
    return {
        "n": kept.size,
        "missing": int(gone.sum()),
        "mean": approx(wide.mean(), rel=1e-9),
        "sd": approx(wide.std(), rel=1e-9),
        "median": approx(float(np.median(wide)), rel=1e-9),
        "min": kept.min().item(),
        "max": kept.max().item(),
        "sum": sum(kept.tolist()) if kept.dtype.kind in "iu" else approx(wide.sum(), rel=1e-9),
    }


@pytest.mark.parametrize("dtype", files.DTYPES)
def test_a_region_has_the_statistics_of_numpy(made: tuple[App, Path], dtype: str) -> None:
    app, path = made
    with h5py.File(path) as file:
        whole = file[f"plain/{dtype}"][()]
    part = "imag" if dtype == ">c8" else "abs"
    for storage in ("chunked", "plain"):
        for plane in PLANES:
            cells = files.shown(whole[plane], part)
            selection = text(plane)
            found = ask(
                app, "region", f"{storage}/{dtype}", selection, points="-1,-1,99,99", part=part
            )
            steps = [item.step or 1 for item in plane if isinstance(item, slice)]
            area = {"area": cells.size * steps[0] * steps[1], "area_unit": None}
            assert found == region_of(cells.ravel()) | area


def test_shapes_are_in_voxels_of_the_dataset(made: tuple[App, Path]) -> None:
    app, _ = made
    rows, cols = np.mgrid[4:20:3, 2:29:2]
    cells = STORED[3, 4:20:3, 2:29:2]
    inside = ((rows - 10) / 6) ** 2 + ((cols - 13.5) / 9.5) ** 2 <= 1
    found = ask(app, "region", "sized", "3,4:20:3,2:29:2", shape="ellipse", points="4,4,16,23")
    expected = region_of(cells[inside])
    assert found == expected | {"area": inside.sum() * 6 * 0.5, "area_unit": "µm²"}
    triangle = (rows >= 5) & (cols >= 3) & (rows + cols <= 30)
    found = ask(app, "region", "sized", "3,4:20:3,2:29:2", shape="polygon", points="5,3,5,25,27,3")
    assert {k: found[k] for k in expected} == region_of(cells[triangle])


@pytest.mark.parametrize("dtype", ["i2", "f4", "i8", "c8"])
def test_fill_values_are_missing(made: tuple[App, Path], dtype: str) -> None:
    app, _ = made
    values = STORED.astype(dtype)
    cells, gone = files.shown(values[2]), values[2] == values[0, 0, 0]
    assert gone.any()
    found = ask(app, "region", f"filled/{dtype}", "2,:,:", points="0,0,22,30")
    assert found == region_of(cells, gone) | {"area": cells.size, "area_unit": None}
    row, col = np.argwhere(gone)[0]
    line = {"from": f"{row},0", "to": f"{row},30"}
    values_ = ask(app, "profile", f"filled/{dtype}", "2,:,:", **line)["values"]
    assert values_ == [
        None if g else v for v, g in zip(cells[row].tolist(), gone[row], strict=True)
    ]
    assert values_[col] is None


def test_values_are_unpacked(made: tuple[App, Path]) -> None:
    app, _ = made
    unpacked = np.where(STORED == -1, np.nan, STORED * np.float32(0.5) + np.float32(100))
    asked = {"points": "3,4,9,12", "decode": "1"}
    found = ask(app, "region", "packed", ":,7,:", **{**asked, "points": "1,4,3,12"})
    expected = region_of(unpacked[1:4, 7, 4:13].ravel())
    assert {k: found[k] for k in expected} == expected
    found = ask(app, "region", "packed", ":,7,:", points="1,4,3,12")
    assert found["sum"] == STORED[1:4, 7, 4:13].sum(dtype=int)
    values = ask(app, "profile", "packed", "2,:,:", **{"from": "5,0", "to": "5,30", "decode": "1"})
    np.testing.assert_array_equal(np.array(values["values"], float), unpacked[2, 5])


@pytest.mark.parametrize("dtype", files.DTYPES)
def test_a_profile_has_the_values_along_a_line(made: tuple[App, Path], dtype: str) -> None:
    app, path = made
    with h5py.File(path) as file:
        whole = file[f"plain/{dtype}"][()]
    for storage in ("chunked", "plain"):
        for plane, points in ((np.s_[2, :, :], "7,3,7,20"), (np.s_[:, 4, :], "3,3,3,20")):
            cells = files.shown(whole[plane])
            row = int(points[0])
            start, end = points.rsplit(",", 2)[0], ",".join(points.split(",")[2:])
            found = ask(
                app, "profile", f"{storage}/{dtype}", text(plane), **{"from": start, "to": end}
            )
            expected = cells[row, 3:21].astype("f8")
            expected[~np.isfinite(expected)] = np.nan
            np.testing.assert_array_equal(np.array(found["values"], float), expected)
            assert found["positions"] == found["voxels"] == list(range(18))
            assert found["unit"] is None


def test_a_profile_has_physical_positions(made: tuple[App, Path]) -> None:
    app, _ = made
    line = {"from": "2,2", "to": "8,18", "width": "3", "reduce": "sum"}
    found = ask(app, "profile", "sized", "1,:,:", **line)
    assert found["unit"] == "µm"
    assert found["positions"][-1] == pytest.approx(10.0)
    assert found["voxels"][-1] == pytest.approx(np.hypot(6, 16))
    mean = ask(app, "profile", "sized", "1,:,:", **{**line, "reduce": "mean"})
    np.testing.assert_allclose(found["values"], 3 * np.array(mean["values"]))


@pytest.mark.parametrize(
    ("what", "query", "status", "word"),
    [
        ("region", {"points": "40,0,50,9"}, 400, "outside"),
        ("region", {"points": "1.2,1.2,1.8,1.8"}, 400, "no voxel"),
        ("region", {"points": "1.2,1.2,1.8,1.8,1.2,1.6", "shape": "polygon"}, 400, "no voxel"),
        ("region", {"points": "1,1,3,1,1.4,1.4", "shape": "polygon"}, 200, ""),
        ("region", {"points": "1,1,nan,3"}, 400, "finite"),
        ("region", {"points": "1,1,3"}, 400, "left over"),
        ("region", {"points": "a"}, 400, "numbers"),
        ("region", {}, 400, "missing"),
        ("region", {"points": "1,1,3,3", "shape": "circle"}, 400, "one of"),
        ("region", {"points": "1,1,3,3", "part": "x"}, 400, "one of"),
        ("profile", {"from": "1,1"}, 400, "missing"),
        ("profile", {"from": "1,1", "to": "inf,3"}, 400, "finite"),
        ("profile", {"from": "1,1", "to": "3,3,4,4"}, 400, "one point"),
        ("profile", {"from": "1,1", "to": "3,3", "width": "0"}, 400, "whole number"),
        ("profile", {"from": "1,1", "to": "3,3", "width": "10000"}, 400, "whole number"),
        ("profile", {"from": "0,0", "to": "0,9e6"}, 413, "positions"),
        ("profile", {"from": "0,0", "to": "0,9e4", "width": "1000"}, 413, "width"),
        ("profile", {"from": "50,1", "to": "60,3"}, 400, "outside"),
        ("profile", {"from": "1,1", "to": "3,3", "reduce": "max"}, 400, "one of"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(
    made: tuple[App, Path], what: str, query: dict[str, str], status: int, word: str
) -> None:
    app, _ = made
    asked = {"file": "types.h5", "dataset": "chunked/u1", "selection": "2,:,:", **query}
    response = app.get(f"/api/v1/{what}", **asked)
    if status == 200:
        assert response.status_code == 200
    else:
        assert_error(response, status)
        message = response.get_json()["error"]["message"]
        assert word in message
        assert message.endswith(".")


def test_a_region_of_too_many_voxels_is_refused(tmp_path: Path) -> None:
    path = files.declare(tmp_path / "wide.h5", {"x": ((2, 2_000, 2_000), "u2", (1, 500, 500))})
    with running(tmp_path, path, max_cells=1_000_000) as app:
        asked = {"file": "wide.h5", "dataset": "x", "selection": "0,:,:"}
        response = app.get("/api/v1/region", points="-1,-1,1e9,1e9", **asked)
        assert_error(response, 413)
        assert "4,000,000 voxels" in response.get_json()["error"]["message"]
        found = app.get("/api/v1/region", points="5,5,1e14,14", **asked | {"selection": "0,:9,:"})
        assert found.get_json()["n"] == 40


def test_a_file_that_is_replaced_is_the_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with running(tmp_path, folder) as app:
        asked = {
            "file": "data/a.h5",
            "dataset": "volume",
            "selection": "3,:,:",
            "points": "0,0,9,9",
        }
        versions = set()
        for value in (1, 2):
            write(folder / "a.h5", value)
            response = app.get("/api/v1/region", **asked)
            assert response.get_json()["sum"] == 100 * value
            versions.add(response.headers["X-Volume-Version"])
        assert len(versions) == 2


def test_what_is_decoded_for_a_figure_counts_in_the_quota(tmp_path: Path) -> None:
    with people(tmp_path, f"[quotas]\ncold_bytes_per_minute = {BRICK}\n") as app:

        def status(who: str, index: int) -> int:
            query = {"file": "data/scan.h5", "dataset": "a", "points": "0,0,9,9"}
            return app.client.get(
                "/api/v1/region",
                query_string={**query, "selection": f"{index},:,:"},
                headers={"Authorization": f"Bearer {TOKEN}", "X-Person": who},
                base_url=HOST,
            ).status_code

        assert status("ann", 0) == 200
        assert status("ann", 20) == 429
        assert status("ann", 3) == 200, "cached"
        assert status("bob", 20) == 200


def test_figures_are_no_demand(made: tuple[App, Path]) -> None:
    app, _ = made
    before = app.stats()["demand"]
    ask(app, "region", "sized", "4,:,:", points="0,0,9,9")
    assert app.stats()["demand"] == before


def test_a_damaged_chunk_is_an_error_of_the_regions_that_it_is_in(tmp_path: Path) -> None:
    how = {"chunks": (2, 8, 16), "compression": "gzip"}
    path = files.write(tmp_path / "types.h5", x=(STORED, how))
    files.damage(path, "x", (2, 8, 16))
    with running(tmp_path, path) as app:
        asked = {"file": "types.h5", "dataset": "x", "selection": "3,:,:"}
        for points, status in (("0,0,9,20", 422), ("0,0,7,30", 200), ("8,0,22,15", 200)):
            response = app.get("/api/v1/region", points=points, **asked)
            assert response.status_code == status, points
        assert_error(app.get("/api/v1/profile", **asked, **{"from": "9,0", "to": "9,30"}), 422)


def test_the_client_has_a_method_for_each(made: tuple[App, Path]) -> None:
    app, _ = made
    with listening(app.client.application) as address, Client(address) as client:
        volume = client.volume("types.h5", "sized")
        found = volume.region(2, "ellipse", [(3, 4), (9, 12)])
        assert found["area_unit"] == "µm²"
        same = ask(app, "region", "sized", "2,:,:", shape="ellipse", points="3,4,9,12")
        assert found == same
        assert client.region("types.h5", "sized", "2,:,:", "ellipse", [(3, 4), (9, 12)]) == same
        packed = client.volume("types.h5", "packed")
        line = packed.profile(np.s_[2, :, 3:], (5, 3), (5, 30), width=3, decode=True)
        assert len(line["values"]) == 28
        assert sum(volume.histogram(2, bins=9)["counts"]) == STORED[2].size
        # Of a projection.
        most = STORED[1:4].max(axis=0)
        asked: dict[str, Any] = {"project": "max:3", "axis": 0}
        corners = [(3, 4), (9, 12)]
        part = volume.region(2, "rectangle", corners, **asked)
        assert part["max"] == most[3:10, 4:13].max()
        assert volume.histogram(2, **asked)["min"] == most.min()
        line = volume.profile(2, (5, 3), (5, 30), **asked)
        assert line["values"] == most[5, 3:31].tolist()


@pytest.mark.parametrize("kind", ["mean", "max", "min", "sum", "sd"])
def test_figures_of_a_projection(made: tuple[App, Path], kind: str) -> None:
    app, _ = made
    reduce = {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum, "sd": np.std}[kind]
    want = reduce(STORED[1:4].astype(np.int64), axis=0).astype(np.float64)
    about = {"dataset": "sized", "selection": "2,:,:", "project": f"{kind}:3"}
    near = {"rel": 1e-6, "abs": 1e-6}

    found = ask(app, "region", **about, shape="rectangle", points="3,4,9,12")
    part = want[3:10, 4:13]
    assert found["n"] == part.size
    assert [found[name] for name in ("mean", "sd", "median", "min", "max")] == pytest.approx(
        [part.mean(), part.std(), np.median(part), part.min(), part.max()], **near
    )
    profile = ask(app, "profile", **about, **{"from": "5,2", "to": "5,20"})
    assert profile["values"] == pytest.approx(want[5, 2:21].tolist(), **near)
    counted = ask(app, "histogram", **about, bins=16)
    assert counted["n"] == sum(counted["counts"]) == want.size
    assert [counted["min"], counted["max"]] == pytest.approx([want.min(), want.max()], **near)


def test_a_projection_of_unpacked_values_leaves_out_missing_ones(made: tuple[App, Path]) -> None:
    app, _ = made
    unpacked = np.where(STORED == -1, np.nan, STORED * 0.5 + 100)
    want = np.nanmean(unpacked[1:4], axis=0)[:5, :6]
    about = {"dataset": "packed", "selection": "2,:,:", "project": "mean:3", "decode": 1}
    found = ask(app, "region", **about, shape="rectangle", points="0,0,4,5")
    assert [found["mean"], found["max"]] == pytest.approx([want.mean(), want.max()], rel=1e-5)


def test_a_volume_has_no_projection(made: tuple[App, Path]) -> None:
    app, _ = made
    query = {"file": "types.h5", "dataset": "sized", "scope": "volume", "project": "max:3"}
    assert_error(app.get("/api/v1/histogram", **query), 400)
