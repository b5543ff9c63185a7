"""`/files`, `/datasets`, `/residency`, `/healthz`, `/readyz`, and the requests that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import files
from tests.contract.conftest import VOLUME
from tests.web import App, assert_error

FILE = "data/volume.h5"


def test_files_are_listed_by_name(app: App, data: Path) -> None:
    listed = app.get("/api/v1/files").get_json()["files"]
    assert [entry["file"] for entry in listed] == [
        "data/below/storages.h5",
        "data/types.h5",
        "data/unshowable.h5",
        "data/volume.h5",
    ]
    info = (data / "volume.h5").stat()
    assert listed[-1] == {"file": FILE, "size": info.st_size, "modified": info.st_mtime}


def test_datasets_are_described(app: App) -> None:
    listed = app.get("/api/v1/datasets", file=FILE).get_json()["datasets"]
    found = {entry["dataset"]: entry for entry in listed}
    volume = found["/volume"]
    assert volume.pop("stored_bytes") > 0
    assert volume == {
        "dataset": "/volume",
        "shape": list(VOLUME.shape),
        "dtype": "uint16",
        "element": None,
        "chunks": [8, 16, 16],
        "slab": [8, 16, 16],
        "filters": ["gzip"],
        "browsable": True,
        "reason": "",
        "view": "slices",
        "growable": False,
    }
    assert "/group/floats" in found


def test_a_file_has_a_main_dataset(app: App) -> None:
    assert app.get("/api/v1/datasets", file=FILE).get_json()["default"] == "/volume"
    one = app.get("/api/v1/datasets", file=FILE, dataset="/group/floats").get_json()
    assert one["default"] is None


def test_an_object_has_attributes_and_a_meaning(app: App) -> None:
    response = app.get("/api/v1/node", file=FILE, path="/volume")
    assert len(response.headers["X-Volume-Version"]) == 16
    found = response.get_json()
    assert found["kind"] == "dataset"
    assert (found["type"], found["shape"]) == ("uint16", list(VOLUME.shape))
    meaning = found["meaning"]
    assert (meaning["rows"], meaning["columns"]) == (1, 2)
    assert meaning["index"] == [VOLUME.shape[0] // 2, None, None]
    group = app.get("/api/v1/node", file=FILE, path="/group").get_json()
    assert (group["kind"], group["meaning"]) == ("group", None)
    assert_error(app.get("/api/v1/node", file=FILE, path="/none"), 404)
    assert_error(app.get("/api/v1/node", file=FILE), 400)


def test_what_cannot_be_shown_is_listed_with_the_reason(app: App) -> None:
    listed = app.get("/api/v1/datasets", file="data/unshowable.h5").get_json()["datasets"]
    found = {entry["dataset"].lstrip("/"): entry for entry in listed}
    assert found["good"]["browsable"]
    for name, word in files.UNSHOWABLE.items():
        assert not found[name]["browsable"]
        assert word in found[name]["reason"]


def test_a_missing_file_has_no_datasets(app: App) -> None:
    assert_error(app.get("/api/v1/datasets", file="data/none.h5"), 404)
    assert_error(app.get("/api/v1/datasets"), 400)


def test_residency_follows_what_is_decoded(app: App) -> None:
    asked = {"file": FILE, "dataset": "volume", "selection": "0,:,:"}
    app.services.caches.bricks.clear()
    empty = app.get("/api/v1/residency", axis=0, **asked).get_json()
    assert empty == {"cached": [], "ahead": [], "coming": []}
    app.slice(FILE, "volume", "9,:,:", window="slice", format="png")
    assert app.get("/api/v1/residency", axis=0, **asked).get_json()["cached"] == [[8, 16]]
    app.slice(FILE, "volume", "23,:,:", ahead="1", viewer="r", window="slice", format="png")
    found = app.get("/api/v1/residency", axis=0, **asked).get_json()
    assert found == {"cached": [[8, 24]], "ahead": [[16, 24]], "coming": []}
    app.slice(FILE, "volume", "22,:,:", viewer="r", window="slice", format="png")
    assert app.get("/api/v1/residency", axis=0, **asked).get_json()["ahead"] == []


def test_contiguous_data_is_always_there(app: App) -> None:
    asked = {"file": "data/below/storages.h5", "dataset": "contiguous", "selection": "0,:,:"}
    found = app.get("/api/v1/residency", axis=0, **asked).get_json()
    assert found == {"cached": [[0, 9]], "ahead": [], "coming": []}


@pytest.mark.parametrize("axis", ["1", "2", "3", "-1", "x", ""])
def test_residency_wants_an_axis_that_is_fixed(app: App, axis: str) -> None:
    asked = {"file": FILE, "dataset": "volume", "selection": "0,:,:", "axis": axis}
    assert_error(app.get("/api/v1/residency", **asked), 400)


def test_health_and_readiness(app: App) -> None:
    assert app.get("/healthz").status_code == 200
    response = app.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["checks"] == {"roots": True, "cache": True, "worker": False}


def test_only_loopback_names_are_answered(app: App) -> None:
    query = {"base_url": "http://evil.example"}
    for path in ("/", "/api/v1/files", "/metrics", "/_dash-layout"):
        assert app.client.get(path, **query).status_code == 421
    assert app.client.get("/healthz", **query).status_code == 200


def test_what_a_proxy_forwards_is_refused(app: App) -> None:
    assert_error(app.get("/api/v1/files", {"X-Forwarded-For": "10.0.0.1"}), 403)


def test_the_page_is_served(app: App) -> None:
    response = app.get("/")
    assert response.status_code == 200
    assert "Content-Security-Policy" in response.headers
    layout = app.get("/_dash-layout").get_data(as_text=True)
    for name in (
        "slice-graph",
        "slice-slider",
        "axis-select",
        "dataset-tree",
        "colorscale-select",
        "window-control",
        "pipeline-panel",
        "latency-panel",
        "hit-rate-panel",
        "prefetch-panel",
    ):
        assert f'"id":"{name}"' in layout
