"""How the values of a volume are counted: with each request some, once, and as the file is now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard.analysis import volume_histograms
from dashboard.bricks import contents
from tests import files
from tests.contract.test_change import write
from tests.contract.test_histogram import ask, cached, equals, volume
from tests.web import App, assert_error, running


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A file of 24 chunks."""
    values = np.random.default_rng(4).integers(0, 4000, (12, 40, 64)).astype("u2")
    how = {"chunks": (4, 20, 16), "compression": "gzip"}
    return files.write(tmp_path / "types.h5", x=(values, how))


def test_a_request_counts_for_a_moment_and_the_next_one_goes_on(
    tmp_path: Path, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(scan) as file:
        values = file["x"][()]
    monkeypatch.setattr(volume_histograms, "PIECE_VOXELS", 1)  # One chunk at a time.
    with running(tmp_path, scan) as app:
        for index in (0, 4, 8):
            cached(app, "x", f"{index},:,:")
        times = iter(range(10**6))
        monkeypatch.setattr(app.services.volume_histograms, "_clock", lambda: next(times) / 400)
        seen = [0.0]
        while seen[-1] < 1 and len(seen) < 200:
            seen.append(ask(app, "x", scope="volume")["seen"])
        assert seen == sorted(seen)
        assert len(set(seen)) > 3
        monkeypatch.undo()
        equals(volume(app, "x", 1.0), values)


def test_several_requests_at_once_count_everything_once(tmp_path: Path, scan: Path) -> None:
    with h5py.File(scan) as file:
        values = file["x"][()]
    with running(tmp_path, scan) as app:
        for selection in ("0,:,:", "4,:,:", "8,:,:", ":,3,:", ":,:,60"):
            cached(app, "x", selection)

        def seen(_: int) -> float:
            client = App(app.client.application.test_client(), app.services)
            share: float = ask(client, "x", scope="volume")["seen"]
            return share

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(seen, range(24)))
        equals(volume(app, "x", 1.0), values)


def test_nothing_is_counted_while_a_viewer_waits(tmp_path: Path, scan: Path) -> None:
    with running(tmp_path, scan) as app:
        cached(app, "x", "0,:,:")
        with app.services.demand_signal.demand():
            assert ask(app, "x", scope="volume")["seen"] == 0
        assert volume(app, "x")["seen"] == pytest.approx(1 / 3)


def test_what_was_counted_outlives_bricks_and_processes(tmp_path: Path, scan: Path) -> None:
    with running(tmp_path, scan) as app:
        cached(app, "x", "0,:,:")
        assert volume(app, "x")["seen"] == pytest.approx(1 / 3)
        with running(tmp_path, scan) as other:
            cached(other, "x", "4,:,:")
            assert volume(other, "x")["seen"] == pytest.approx(2 / 3)
        assert volume(app, "x")["seen"] == pytest.approx(2 / 3)
        for group in contents.contents(app.services.bricks):
            contents.drop(app.services.bricks, app.services.brick_trace, group.volume)
    with running(tmp_path, scan) as later:
        cached(later, "x", "8,:,:")
        with h5py.File(scan) as file:
            equals(volume(later, "x", 1.0), file["x"][()])


@pytest.mark.parametrize("planted", [b"{}", b'{"seen":"","counts":"","low":null,"high":null}'])
def test_planted_counts_are_not_read(tmp_path: Path, scan: Path, planted: bytes) -> None:
    with running(tmp_path, scan) as app:
        cached(app, "x", "0,:,:")
        found, rows = volume(app, "x"), app.services.caches.metadata
        (key,) = (one for one in rows.keys_with_prefix("") if rows.get(one)[:8] == b'{"seen":')
        rows.set(key, planted)
        with running(tmp_path, scan) as other:
            assert volume(other, "x") == found


def test_bricks_do_not_count_as_used(tmp_path: Path, scan: Path) -> None:
    with running(tmp_path, scan) as app:
        cached(app, "x", "0,:,:")
        services = app.services
        services.bricks.access_log.flush()
        rows = list(services.caches.bricks.rows_by_eviction_order())
        before = app.stats()["demand"]
        volume(app, "x")
        services.bricks.access_log.flush()
        assert list(services.caches.bricks.rows_by_eviction_order()) == rows
        assert app.stats()["demand"] == before


def test_damaged_chunks_are_never_seen(tmp_path: Path, scan: Path) -> None:
    with h5py.File(scan) as file:
        values = file["x"][()]
    files.damage(scan, "x", (4, 20, 32))
    with running(tmp_path, scan) as app:
        for selection in ("0,:,:", "4,:20,:", "8,:,:"):
            cached(app, "x", selection)
        found = volume(app, "x")
        assert found["seen"] == pytest.approx(23 / 24)
        good = np.ones(values.shape, bool)
        good[4:8, 20:, 32:48] = False
        equals(found, values[good])


def test_a_replaced_file_is_counted_anew(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with running(tmp_path, folder) as app:
        asked = {"file": "data/a.h5", "dataset": "volume", "scope": "volume"}
        for value in (1, 2):
            write(folder / "a.h5", value)
            assert app.get("/api/v1/histogram", **asked).get_json()["n"] == 0
            cached(app, "volume", "3,:,:", "data/a.h5")
            for _ in range(3):
                found = app.get("/api/v1/histogram", **asked).get_json()
            assert (found["min"], found["max"], found["n"]) == (value, value, 4 * 50 * 60)


def test_a_growing_volume_is_counted_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "types.h5"
    with h5py.File(path, "w", libver="latest") as file:
        made = file.create_dataset(
            "x", (4, 20, 30), "u2", maxshape=(None, 20, 30), chunks=(2, 8, 8), compression="gzip"
        )
        made[...] = 1
        file.swmr_mode = True
        with running(tmp_path, path) as app:
            for index in (0, 2):
                cached(app, "x", f"{index},:,:")
            assert volume(app, "x", 1.0)["counts"] == [2400]
            made.resize(6, 0)
            made[4:] = 7
            made.flush()
            assert volume(app, "x")["seen"] == pytest.approx(4 / 6)
            cached(app, "x", "5,:,:")
            found = volume(app, "x", 1.0)
            assert (found["counts"][0], found["counts"][-1]) == (2400, 1200)


def test_too_many_chunks_are_refused(tmp_path: Path) -> None:
    path = files.declare(tmp_path / "types.h5", {"x": ((300, 300, 300), "u1", (1, 1, 1))})
    with running(tmp_path, path) as app:
        response = app.get("/api/v1/histogram", file="types.h5", dataset="x", scope="volume")
        assert_error(response, 413)
        assert "27,000,000 chunks" in response.get_json()["error"]["message"]
