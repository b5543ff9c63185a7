"""Parts of volumes that a job writes to files: the same as are streamed, also after a restart in between."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial as bind
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.client import Client
from dashboard.export import export
from dashboard.jobs.runner import Runner
from dashboard.runtime import jobs
from dashboard.runtime.container import Services, build_services
from dashboard.storage.disk_space import DiskSpace
from tests import files
from tests.contract.test_jobs import cancel, post
from tests.contract.test_volume_statistics import work
from tests.web import App, assert_error, listening, running

VALUES = np.random.default_rng(21).integers(0, 4000, (20, 48, 40)).astype("<u2")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    # Seven planes together, and parts of larger ones.
    monkeypatch.setattr(export, "PIECE_BYTES", 7 * VALUES[0].nbytes)
    path = files.write(
        tmp_path / "scan.h5", a=(VALUES, {"chunks": (5, 16, 16), "compression": "gzip"})
    )
    with h5py.File(path, "a") as file:
        packed = file.create_dataset("packed", data=VALUES, chunks=(5, 16, 16))
        packed.attrs["scale_factor"] = np.float32(0.5)
        packed.attrs["_FillValue"] = packed.dtype.type(7)
    with running(tmp_path, path, export_bytes=VALUES.nbytes * 2) as made:
        yield made


@pytest.fixture
def services(app: App) -> Iterator[Services]:
    """Those of a worker over the same caches."""
    made = build_services(app.services.settings, role="worker")
    yield made
    made.close()


def ask(app: App, dataset: str = "/a", selection: str = ":,:,:", **how: Any) -> dict[str, Any]:
    response = post(app, **how_asked(dataset, selection), **how)
    assert response.status_code == 202, response.get_data(as_text=True)
    found: dict[str, Any] = response.get_json()
    return found


def how_asked(dataset: str = "/a", selection: str = ":,:,:") -> dict[str, Any]:
    return {"kind": "export", "file": "scan.h5", "dataset": dataset, "selection": selection}


def fetched(app: App, job: dict[str, Any]) -> bytes:
    found = app.get(f"/api/v1/jobs/{job['id']}").get_json()
    assert (found["state"], found["done"]) == ("done", found["of"]), found["message"]
    response = app.get(f"/api/v1/jobs/{job['id']}/file")
    assert response.status_code == 200
    assert found["result"]["name"] in response.headers["Content-Disposition"]
    assert response.content_length == found["result"]["size"] == len(response.data)
    data: bytes = response.data
    return data


@pytest.mark.parametrize(
    ("dataset", "selection", "how"),
    [
        ("/a", ":,:,:", {}),
        ("/a", ":,:,:", {"format": "tiff"}),
        ("/a", "3:17,::2,5:", {"format": "h5"}),
        ("/a", ":,3:30,:", {"axis": 1}),
        ("/a", "4,:,:", {"format": "tiff"}),
        ("/packed", ":,:,:", {"decode": True}),
    ],
)
def test_the_file_of_a_job_is_the_one_that_is_streamed(
    app: App, services: Services, dataset: str, selection: str, how: dict[str, Any]
) -> None:
    job = ask(app, dataset, selection, **how)
    assert_error(app.get(f"/api/v1/jobs/{job['id']}/file"), 404)
    work(services.runner())
    query = {name: str(int(value)) if name != "format" else value for name, value in how.items()}
    streamed = app.get(
        "/api/v1/export", file="scan.h5", dataset=dataset, selection=selection, **query
    )
    assert fetched(app, job) == streamed.data
    assert job["what"]["selection"] == selection


def test_an_export_goes_on_after_the_worker_has_ended(app: App, services: Services) -> None:
    job = ask(app)
    assert job["of"] == 3
    first = services.runner()
    first.store_s = 0.0
    assert first.step()
    assert first.step()
    again = build_services(app.services.settings, role="worker")
    try:
        runner = again.runner()
        # What was done is passed over, then comes the last slab, and the end.
        assert [runner.step() for _ in range(3)] == [True, True, False]
    finally:
        again.close()
    data = fetched(app, job)
    assert data.endswith(VALUES.tobytes())
    np.testing.assert_array_equal(np.frombuffer(data[-VALUES.nbytes :], "<u2"), VALUES.ravel())


def test_files_are_removed_with_their_jobs(app: App, services: Services) -> None:
    kept, cancelled = ask(app), ask(app, selection="2:9,:,:")
    runner: Runner = services.runner()
    work(runner)
    folder = app.services.caches.home / "exports"
    other = folder / "notes.data"
    other.write_text("of somebody else")
    assert len(list(folder.iterdir())) == 3
    assert cancel(app, cancelled).status_code == 204
    assert "no job" in assert_error(app.get(f"/api/v1/jobs/{cancelled['id']}/file"), 404)
    jobs.remove_exports(services, services.jobs)
    assert {path.name for path in folder.iterdir()} == {f"lamella-{kept['id']}.data", other.name}
    for path in folder.glob("lamella-*"):
        path.unlink()
    assert "is gone" in assert_error(app.get(f"/api/v1/jobs/{kept['id']}/file"), 404)


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"format": "csv"}, 400, "format"),
        ({"selection": "0,0,:"}, 400, "at least two slices"),
        ({"selection": "99,:,:"}, 400, ""),
        ({"axis": 7}, 400, "axis"),
        ({"dataset": "/no"}, 404, "no"),
        ({"dataset": "/packed", "decode": True}, 413, "LAMELLA_EXPORT_BYTES"),
    ],
)
def test_what_is_refused(
    app: App,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
    status: int,
    text: str,
) -> None:
    if status == 413:
        monkeypatch.setattr(app.services.exporter, "_max_bytes", VALUES.nbytes)
    assert text in assert_error(post(app, **{**how_asked(), **more}), status)


def test_no_file_takes_the_last_space(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(app)
    monkeypatch.setattr(jobs, "DiskSpace", bind(DiskSpace, probe=lambda _: 1000))
    runner = services.runner()
    runner.store_s = 0.0
    work(runner)
    found = app.get(f"/api/v1/jobs/{job['id']}").get_json()
    assert (found["state"], found["done"]) == ("running", 0)
    assert found["message"] == "There is no space for the file."


def test_the_client_asks_for_files(app: App, services: Services, tmp_path: Path) -> None:
    with listening(app.client.application) as address, Client(address) as client:
        job = client.export_job("scan.h5", "/a", "2:9,:,:", axis=0)
        work(services.runner())
        job.wait(timeout_s=20)
        np.testing.assert_array_equal(np.load(job.save(tmp_path / "part.npy")), VALUES[2:9])


def test_several_machines_need_a_folder(app: App, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    for folder, status in ((None, 400), (shared, 202)):
        settings = app.services.settings.model_copy(update={"export_dir": folder})
        app.services.settings = settings
        object.__setattr__(app.services.shared, "node", "a")
        assert post(app, **how_asked()).status_code == status
