"""Files that are being written, or that a writer left behind; and what a slice that is not cached costs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests import files
from tests.web import App, running

# Ends as a program that is killed.
DEAD_WRITER = """
import os, sys, h5py
file = h5py.File(sys.argv[1], "w", libver="latest")
file["x"] = [[1, 2], [3, 4]]
file.flush()
os._exit(0)
"""


def test_a_growing_volume_says_its_shape_and_keeps_its_version(tmp_path: Path) -> None:
    path = tmp_path / "growing.h5"
    with h5py.File(path, "w", libver="latest") as file:
        made = file.create_dataset(
            "x", (4, 20, 30), "u2", maxshape=(None, 20, 30), chunks=(2, 8, 8)
        )
        made[...] = 1
        file.swmr_mode = True
        with running(tmp_path, path) as app:
            asked = {"file": "growing.h5", "dataset": "x", "selection": "1,:,:"}
            before = app.get("/api/v1/residency", axis="0", **asked)
            assert before.headers["X-Volume-Shape"] == "4,20,30"
            made.resize(9, 0)
            made[4:] = 2
            made.flush()
            after = app.get("/api/v1/residency", axis="0", **asked)
            assert after.headers["X-Volume-Shape"] == "9,20,30"
            assert after.headers["X-Volume-Version"] == before.headers["X-Volume-Version"]
            assert app.get("/api/v1/slice", **asked).headers["X-Volume-Shape"] == "9,20,30"
            asked["selection"] = "0:9,:,:"
            body = app.get("/api/v1/export", format="npy", **asked).get_data()
            assert np.frombuffer(body[-2:], "<u2")[0] == 2


def test_the_flag_of_a_writer_that_is_gone_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "left behind.h5"
    subprocess.run([sys.executable, "-c", DEAD_WRITER, str(path)], check=True)
    with running(tmp_path, path) as app:
        response = app.get("/api/v1/datasets", file="left behind.h5")
        assert response.status_code == 409
        message = response.get_json()["error"]["message"]
        assert "h5clear -s 'left behind.h5'" in message
        assert str(tmp_path) not in message


@pytest.mark.parametrize(
    ("how", "selection", "chunks", "nbytes", "why"),
    [
        ({"chunks": (1, 64, 64), "compression": "gzip"}, ":,:,3", 16, 2**17, "in planes of axis 0"),
        ({"chunks": (1, 64, 64), "compression": "gzip"}, "3,:,:", 1, 2**13, ""),
        ({"chunks": (16, 16, 16), "compression": "gzip"}, "3,:,:", 16, 2**17, "16 slices each"),
        ({"chunks": (8, 8, 64), "compression": "gzip"}, "3,0:8,:", 8, 2**16, "8 slices each"),
        ({}, "3,:,:", 0, 2**13, ""),
        ({}, ":,:,3", 0, 2**17, "row by row"),
    ],
)
def test_the_cost_of_a_slice_is_explained(
    tmp_path: Path, how: dict[str, object], selection: str, chunks: int, nbytes: int, why: str
) -> None:
    values = files.made_up("u2", (16, 64, 64))
    path = files.write(tmp_path / "scan.h5", x=(values, how))
    with running(tmp_path, path) as app:
        asked = {"file": "scan.h5", "dataset": "x", "selection": selection}
        cost = app.get("/api/v1/cost", **asked).get_json()
        assert (cost["chunks"], cost["bytes"]) == (chunks, nbytes)
        assert cost["seconds"] > 0
        assert why in cost["why"]
        assert bool(cost["why"]) == bool(why)
        slices(app, asked)
        if how:
            after = app.get("/api/v1/cost", **asked).get_json()
            assert (after["chunks"], after["bytes"], after["why"]) == (0, 0, "")


def slices(app: App, asked: dict[str, str]) -> None:
    """Have the bricks of a slice in the cache."""
    assert app.slice(**asked).status_code == 200
    while app.services.loader.in_use:
        time.sleep(0.01)
