"""Lists of single slices over HTTP: bytes that each moved, as h5py says, and its page's report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests import files
from tests.waits import WITHIN_S
from tests.web import HOST, App, running

VALUES = np.random.default_rng(8).integers(0, 4000, (20, 48, 48)).astype("u2")
FILE = "scan.h5"


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, Path]]:
    """Volumes of each read path, of which nothing is cached."""
    folder = tmp_path_factory.mktemp("bytes")
    large = np.random.default_rng(9).integers(0, 900, (64, 256, 256)).astype("u2")
    gzip: dict[str, object] = {"chunks": (16, 64, 64), "compression": "gzip"}
    path = files.write(
        folder / FILE,
        shuffled=(VALUES, {"chunks": (10, 16, 16), "compression": "gzip", "shuffle": True}),
        inflated_ahead=(large, gzip),
        contiguous=(VALUES, {}),
        scaled=(VALUES, {"chunks": (10, 16, 16), "scaleoffset": 0}),
    )
    with running(folder, path) as made:
        yield made, path


def moved(app: App, dataset: str, selection: str) -> dict[str, Any]:
    """What the list says of a slice that is requested now."""
    assert app.slice(FILE, dataset, selection, format="raw", viewer="ann").status_code == 200
    app.stats()
    latest: dict[str, Any] = app.get("/api/v1/slow", order="latest").get_json()["slices"][0]
    assert latest["volume"] == f"{FILE}/{dataset}"
    return latest


def stored_bytes(path: Path, dataset: str, depth: int) -> int:
    """What the chunks up to this depth take in the file, as h5py says."""
    with h5py.File(path) as opened:
        ids = opened[dataset].id
        chunks = (ids.get_chunk_info(number) for number in range(ids.get_num_chunks()))
        return sum(chunk.size for chunk in chunks if chunk.chunk_offset[0] < depth)


@pytest.mark.parametrize(
    ("dataset", "selection", "depth", "side"),
    [("shuffled", "3,:,:", 10, 48), ("inflated_ahead", "2,:,:", 16, 256)],
)
def test_bytes_of_a_cold_slice(
    volumes: tuple[App, Path], dataset: str, selection: str, depth: int, side: int
) -> None:
    app, path = volumes
    found = moved(app, dataset, selection)
    assert found["read_bytes"] == stored_bytes(path, dataset, depth)
    assert found["decoded_bytes"] == depth * side * side * 2
    assert found["amplification"] == depth
    assert found["bytes"] == side * side * 2
    again = moved(app, dataset, selection)
    end = time.monotonic() + WITHIN_S
    # The rest of the brick may still be decoded.
    while again["outcome"] == "coalesced" and time.monotonic() < end:
        assert (again["read_bytes"], again["decoded_bytes"]) == (0, 0)
        again = moved(app, dataset, selection)
    assert (again["outcome"], again["read_bytes"], again["decoded_bytes"]) == ("hit", 0, 0)
    assert again["amplification"] == 0


def test_a_part_of_a_slice_is_decoded_with_its_whole_brick(volumes: tuple[App, Path]) -> None:
    app, path = volumes
    found = moved(app, "shuffled", "13,0:8,0:12")
    whole = stored_bytes(path, "shuffled", 20) - stored_bytes(path, "shuffled", 10)
    assert (found["read_bytes"], found["decoded_bytes"]) == (whole, 10 * 48 * 48 * 2)
    assert found["amplification"] == pytest.approx(10 * 48 * 48 / 96, abs=0.001)


def test_bytes_of_a_contiguous_volume(volumes: tuple[App, Path]) -> None:
    found = moved(volumes[0], "contiguous", "3,:,:")
    assert (found["read_bytes"], found["decoded_bytes"]) == (48 * 48 * 2, 48 * 48 * 2)
    # Each row is read whole.
    part = moved(volumes[0], "contiguous", "4,0:4,0:48:2")
    assert (part["read_bytes"], part["decoded_bytes"]) == (4 * (47 * 2), 4 * 24 * 2)
    assert part["amplification"] == 1
    across = moved(volumes[0], "contiguous", ":,:,5")
    assert across["read_bytes"] >= across["decoded_bytes"] > 20 * 48 * 2


def test_what_the_hdf5_library_reads_is_unknown(volumes: tuple[App, Path]) -> None:
    found = moved(volumes[0], "scaled", "3,:,:")
    assert (found["read_bytes"], found["decoded_bytes"]) == (None, 10 * 48 * 48 * 2)


def test_a_report_of_the_page_is_part_of_its_slice(volumes: tuple[App, Path]) -> None:
    app, _ = volumes
    served = moved(app, "shuffled", "5,:,:")
    assert (served["page_stages"], served["perceived_ms"]) == (None, None)
    times = {"waited_ms": 1.5, "transfer_ms": 2.0, "convert_ms": 0.25, "draw_ms": 3.0}
    painted = {"file": FILE, "dataset": "shuffled", "selection": "5,:,:", "source": "frames"}
    painted |= {"source": "bricks" if served["outcome"] == "hit" else served["outcome"]}
    report = {"viewer": "ann", "slices": [painted | times | {"perceived_ms": 12.5}]}
    assert app.client.post("/api/v1/telemetry", json=report, base_url=HOST).status_code == 204
    app.stats()
    found = app.get("/api/v1/slow", order="latest").get_json()["slices"][0]
    assert found["page_stages"] == {name.removesuffix("_ms"): ms for name, ms in times.items()}
    assert found["perceived_ms"] == 12.5
    assert {**found, "page_stages": None, "perceived_ms": None} == served
