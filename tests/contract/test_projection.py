"""`project` of `GET /api/v1/slice`: values against NumPy's, headers, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.client import Client
from tests.contract.conftest import FLOATS, VOLUME
from tests.contract.test_slice import FILE
from tests.web import App, assert_error, listening

NUMPY = {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum, "sd": np.std}
TYPES = {"mean": "float32", "max": "uint16", "min": "uint16", "sum": "uint64", "sd": "float32"}


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
