"""What is in the brick cache, by volume and axis, and dropping it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import database, files
from tests.web import HOST, App, assert_error, running

VALUES = np.random.default_rng(8).integers(0, 4000, (20, 48, 48)).astype("u2")
CHUNKED = {"chunks": (10, 16, 16), "compression": "gzip"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """Bricks of two volumes, across two axes of one of them."""
    path = files.write(tmp_path / "scan.h5", a=(VALUES, CHUNKED), b=(VALUES, CHUNKED))
    with running(tmp_path, path) as made:
        for dataset, selection in (("a", "3,:,:"), ("a", "13,:,:"), ("a", ":,5,:"), ("b", "3,:,:")):
            assert made.slice("scan.h5", dataset, selection, viewer="ann").status_code == 200
        yield made


def contents(app: App) -> dict[tuple[str, str], tuple[int, int]]:
    found = app.get("/api/v1/contents").get_json()
    assert found["may_drop"] is True
    return {(g["volume"], g["axis"]): (g["bricks"], g["bytes"]) for g in found["contents"]}


def drop(app: App, **body: Any) -> Any:
    return app.client.post("/api/v1/contents/drop", json=body, base_url=HOST)


def test_the_groups_are_all_that_is_in_the_cache(app: App) -> None:
    found = contents(app)
    assert {group: bricks for group, (bricks, _) in found.items()} == {
        ("scan.h5/a", "0"): 2,
        ("scan.h5/a", "1"): 1,
        ("scan.h5/b", "0"): 1,
    }
    caches = app.stats()["caches"]["bricks"]
    assert sum(nbytes for _, nbytes in found.values()) == caches["bytes"]
    assert sum(bricks for bricks, _ in found.values()) == caches["entries"]


def test_an_axis_and_a_volume_are_dropped(app: App) -> None:
    (bricks, nbytes), rest = contents(app)["scan.h5/a", "0"], ("scan.h5/a", "1")
    assert drop(app, volume="scan.h5/a", axis="0").get_json() == {"bricks": bricks, "bytes": nbytes}
    assert set(contents(app)) == {rest, ("scan.h5/b", "0")}
    # What is decoded again is as if it had never been cached.
    status = app.slice("scan.h5", "a", "3,:,:", viewer="ann", format="u8").headers["Cache-Status"]
    assert "fwd=miss; detail=first" in status or "fwd=miss; detail=unplanned" in status
    assert drop(app, volume="scan.h5/a").get_json()["bricks"] == 2
    assert set(contents(app)) == {("scan.h5/b", "0")}
    caches = app.stats()["caches"]["bricks"]
    assert (caches["evictions"], caches["evicted"]["used"]["count"]) == (0, 0)
    assert app.services.stats.totals().counts["bricks.dropped"] == 4
    assert drop(app, volume="scan.h5/a").get_json() == {"bricks": 0, "bytes": 0}


def test_bricks_without_a_name_are_other(app: App) -> None:
    cache = app.services.caches.bricks
    database.execute(cache, "UPDATE Cache SET value = value || x'00'")
    assert set(contents(app)) == {("other", "other")}
    assert drop(app, volume="other").get_json()["bricks"] == 4


@pytest.mark.parametrize(
    ("body", "part"),
    [({}, "volume"), ({"volume": 3}, "volume"), ({"volume": "a", "axis": 0}, "axis"), ([], "body")],
)
def test_a_malformed_request_drops_nothing(app: App, body: Any, part: str) -> None:
    response = app.client.post("/api/v1/contents/drop", data=json.dumps(body), base_url=HOST)
    assert part in assert_error(response, 400)
    assert len(contents(app)) == 3


def test_a_public_server_drops_nothing(tmp_path: Path) -> None:
    path = files.write(tmp_path / "scan.h5", a=(VALUES, CHUNKED))
    with running(tmp_path, path, host="0.0.0.0", public=True) as app:
        assert app.get("/api/v1/contents").get_json() == {"contents": [], "may_drop": False}
        assert "without sign-in" in assert_error(drop(app, volume="scan.h5/a"), 403)
