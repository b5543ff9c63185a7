"""`project` of `GET /api/v1/slice`: values against NumPy's, headers, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.client import Client
from tests.contract.conftest import FLOATS, VOLUME
from tests.contract.test_slice import FILE
from tests.web import App, assert_error, listening, running

NUMPY = {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum, "sd": np.std}
TYPES = {"mean": "float32", "max": "uint16", "min": "uint16", "sum": "uint64", "sd": "float32"}
NAN_NUMPY: dict[str, Any] = {
    "mean": np.nanmean,
    "max": np.nanmax,
    "min": np.nanmin,
    "sum": np.nansum,
    "sd": np.nanstd,
}
COUNTS = np.random.default_rng(10).integers(0, 1000, (6, 40, 50)).astype("u2")
# One pixel of three is left out, and a column for all of the slab.
MASK = np.random.default_rng(11).integers(0, 3, (40, 50)).astype("u4") // 2
MASK[10:30, 12] = 1
SHOWN = np.where(MASK, np.nan, COUNTS.astype("f4"))


@pytest.mark.parametrize("name", NUMPY)
@pytest.mark.parametrize(
    ("text", "axis", "index"),
    [
        ("10,:,:", 0, np.s_[6:15]),
        (":,38,:", 1, np.s_[:, 34:40]),
        ("::2,1:,49", 2, np.s_[::2, 1:, 45:]),
    ],
)
def test_values_are_those_of_numpy(app: App, name: str, text: str, axis: int, index: Any) -> None:
    response = app.slice(FILE, "volume", text, project=f"{name}:9")
    assert response.headers["X-Slice-Dtype"] == TYPES[name]
    found = np.frombuffer(response.data, TYPES[name])
    right = NUMPY[name](VOLUME[index], axis=axis).astype(TYPES[name])
    np.testing.assert_allclose(found, right.ravel(), rtol=2e-7)


def test_missing_values_count_for_what_they_are(app: App) -> None:
    plain = app.values(FILE, "group/floats", "3,:,:", project="mean:3")
    assert np.isnan(plain[3:9, 5:20]).all()
    decoded = app.values(FILE, "group/floats", "3,:,:", project="sum:3", decode=1)
    np.testing.assert_allclose(decoded, np.nansum(FLOATS[2:5].astype("f8"), axis=0), rtol=1e-6)


def test_another_axis_of_four(app: App) -> None:
    many = VOLUME.reshape(4, 6, 40, 50)
    for query, right in (({}, many[0:2, 3].max(0)), ({"axis": 1}, many[1, 2:4].max(0))):
        found = app.values(FILE, "many", "1,3,:,:", project="max:2", **query)
        np.testing.assert_array_equal(found, right)


def test_every_format_and_a_frame_of_its_own(app: App) -> None:
    tags = set()
    for form in ("raw", "u8", "npy", "png"):
        response = app.slice(FILE, "volume", "10,:,:", project="sd:5", format=form, pool="mean")
        assert response.status_code == 200
        tags.add(response.headers["ETag"])
    tags |= {
        app.slice(FILE, "volume", "10,:,:", project=p).headers["ETag"] for p in ("sd:6", "max:5")
    }
    assert len(tags) == 6
    first = app.slice(FILE, "volume", "10,:,:", project="max:5", viewer="v")
    headers = {"If-None-Match": first.headers["ETag"]}
    again = app.slice(FILE, "volume", "10,:,:", project="max:5", viewer="v", headers=headers)
    assert again.status_code == 304


def test_no_fill_and_no_enum_where_none_are(app: App) -> None:
    assert "X-Slice-Fill" in app.slice(FILE, "filled", "1,:,:", project="max:2").headers
    assert "X-Slice-Fill" not in app.slice(FILE, "filled", "1,:,:", project="mean:2").headers


@pytest.mark.parametrize(
    ("dataset", "text", "query"),
    [
        ("volume", "10,:,:", {"project": "median:3"}),
        ("volume", "10,:,:", {"project": "mean:0"}),
        ("volume", "10,:,:", {"project": "mean:" + "9" * 300}),
        ("volume", "10,:,:", {"project": "mean:3", "axis": 1}),
        ("volume", "10,:,:", {"project": "mean:3", "axis": "x"}),
        ("flat", ":,:", {"project": "mean:1"}),
    ],
)
def test_what_is_refused(app: App, dataset: str, text: str, query: dict[str, Any]) -> None:
    assert_error(app.slice(FILE, dataset, text, **query), 400)


def test_the_client(app: App, data: Path) -> None:
    with listening(app.client.application) as address, Client(address) as client:
        volume = client.volume(FILE, "volume")
        found = volume.slice(np.s_[:, 7], project="max:5")
    with h5py.File(data / "volume.h5") as file:
        np.testing.assert_array_equal(found, file["volume"][:, 5:10].max(1))


@pytest.mark.parametrize("name", ["chunked", "plain"])
@pytest.mark.parametrize("reduction", NAN_NUMPY)
@pytest.mark.parametrize(
    ("text", "axis", "index"),
    [
        (":,20,:", 1, np.s_[:, 16:25]),
        ("1:5,39,3:50:4", 1, np.s_[1:5, 35:, 3:50:4]),
        (":,3:30:2,0", 2, np.s_[:, 3:30:2, :5]),
        (":,:,25", 2, np.s_[:, :, 21:30]),
    ],
)
def test_masked_voxels_do_not_count_across_the_mask(
    masked: App, name: str, reduction: str, text: str, axis: int, index: Any
) -> None:
    query = {"project": f"{reduction}:9", "axis": axis, "decode": 1}
    found = masked.values("masked.h5", f"{name}/data", text, **query)
    np.testing.assert_allclose(
        found, without_warnings(NAN_NUMPY[reduction], SHOWN[index], axis), rtol=1e-6
    )


def test_masked_voxels_do_not_count_in_pools_nor_across_two_axes_of_four(masked: App) -> None:
    query = {"project": "mean:9", "axis": 1, "decode": 1, "pool": "mean"}
    found = masked.values("masked.h5", "chunked/data", "::2,20,::5", **query)
    mean = without_warnings(np.nanmean, SHOWN[:, 16:25], 1)
    blocks = without_warnings(np.nanmean, mean.reshape(3, 2, 10, 5), (1, 3))
    np.testing.assert_allclose(found, blocks, rtol=1e-6)
    # Of a plane with no dimension of the mask, one of its rows or columns is projected over.
    many = SHOWN.reshape(2, 3, 40, 50)
    for text, axis, index in (
        (":,:,20,7", 2, np.s_[:, :, 16:25, 7]),
        (":,:,3,25", 3, np.s_[:, :, 3, 21:30]),
    ):
        found = masked.values("masked.h5", "many/data", text, project="max:9", axis=axis, decode=1)
        np.testing.assert_array_equal(found, without_warnings(np.nanmax, many[index], 2))
    found = masked.values("masked.h5", "many/data", ":,1,20,:", project="sum:9", axis=2, decode=1)
    np.testing.assert_allclose(found, np.nansum(many[:, 1, 16:25], axis=1), rtol=1e-6)


def test_figures_of_projections_leave_masked_voxels_out(masked: App) -> None:
    mean = without_warnings(np.nanmean, SHOWN[:, 16:25], 1)
    query: dict[str, Any] = {"file": "masked.h5", "dataset": "chunked/data", "decode": 1}
    query |= {"selection": ":,20,:", "project": "mean:9", "axis": 1}
    found = masked.get("/api/v1/histogram", **query).get_json()
    assert [found["n"], found["missing"]] == [mean.size - 6, 6]
    assert [found["min"], found["max"]] == pytest.approx([np.nanmin(mean), np.nanmax(mean)])
    found = masked.get("/api/v1/region", **query, points="1,4,4,30").get_json()
    part = mean[1:5, 4:31]
    assert [found["n"], found["mean"], found["sd"]] == pytest.approx(
        [np.isfinite(part).sum(), np.nanmean(part), np.nanstd(part)], rel=1e-5
    )
    query |= {"from": "3,0", "to": "3,49"}
    line = masked.get("/api/v1/profile", **query).get_json()
    np.testing.assert_allclose(np.array(line["values"], float), mean[3], rtol=1e-6)


def without_warnings(reduce: Any, values: Any, axis: Any) -> Any:
    """A reduction of which some cells have no values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reduce(values.astype("f8"), axis=axis)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application over a NeXus file of detectors with a mask."""
    folder = tmp_path_factory.mktemp("masked")
    with h5py.File(folder / "masked.h5", "w") as file:
        for name, counts in (
            ("chunked", COUNTS),
            ("plain", COUNTS),
            ("many", COUNTS.reshape(2, 3, 40, 50)),
        ):
            detector = file.create_group(name)
            detector.attrs["NX_class"] = "NXdetector"
            chunks = None if name == "plain" else (*(1,) * (counts.ndim - 2), 16, 16)
            detector.create_dataset("data", data=counts, chunks=chunks)
            detector["pixel_mask"] = MASK
    with running(folder, folder / "masked.h5") as app:
        yield app
