"""Volumes that are decoded into the cache by request, by the worker that has nothing else to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.test import TestResponse

from dashboard.prefetch import warm_queue
from dashboard.prefetch.worker import Worker
from dashboard.runtime.container import build_services
from tests import files
from tests.web import HOST, App, assert_error, running

VALUES = np.random.default_rng(9).integers(0, 4000, (20, 48, 48)).astype("u2")
CHUNKED = {"chunks": (5, 16, 16), "compression": "gzip"}
FOUR = {"chunks": (2, 5, 16, 16), "compression": "gzip"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    path = files.write(
        tmp_path / "scan.h5",
        a=(VALUES, CHUNKED),
        b=(VALUES.reshape(2, 10, 48, 48), FOUR),
        plain=(VALUES, {}),
        flat=(VALUES[0], {"chunks": (16, 16), "compression": "gzip"}),
    )
    with running(tmp_path, path) as made:
        yield made


@pytest.fixture
def worker(app: App) -> Iterator[Worker]:
    """The prefetch worker over the same caches."""
    services = build_services(app.services.settings, role="worker")
    yield services.worker()
    services.close()


def post(app: App, path: str, **body: Any) -> TestResponse:
    return app.client.post(path, json=body, base_url=HOST)


def warm(app: App, dataset: str = "/a", axis: str = "0", **more: Any) -> TestResponse:
    return post(app, "/api/v1/warm", file="scan.h5", dataset=dataset, axis=axis, **more)


def jobs(app: App) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.get("/api/v1/warm").get_json()["jobs"]
    return found


def work(worker: Worker) -> None:
    """Turns until the worker idles."""
    for _ in range(100):
        if worker.run_once() > 0.0:
            return
    raise AssertionError("the worker does not come to rest")


def cached(app: App) -> dict[tuple[str, str], int]:
    groups = app.get("/api/v1/contents").get_json()["contents"]
    return {(group["volume"], group["axis"]): group["bricks"] for group in groups}


def test_a_volume_is_decoded_when_nobody_waits(app: App, worker: Worker) -> None:
    assert app.get("/api/v1/warm").get_json() == {"jobs": [], "may_warm": True}
    response = warm(app)
    assert response.status_code == 202
    job = response.get_json()
    assert (job["state"], job["bricks"], job["done"]) == ("queued", 4, 0)
    assert (job["volume"], job["axis"], job["start"], job["stop"]) == ("scan.h5/a", "0", 0, 20)
    assert job["bytes"] == VALUES.nbytes
    work(worker)
    (done,) = jobs(app)
    assert done["id"] == job["id"]
    assert (done["state"], done["done"], done["decoded"], done["failed"]) == ("done", 4, 4, 0)
    assert cached(app) == {("scan.h5/a", "0"): 4}
    status = app.slice("scan.h5", "a", "7,:,:", viewer="ann").headers["Cache-Status"]
    assert "detail=prefetched" in status


def test_a_range_and_what_is_cached_already(app: App, worker: Worker) -> None:
    app.slice("scan.h5", "a", "7,:,:")
    assert warm(app, start=6, stop=11).get_json()["bricks"] == 2
    work(worker)
    (done,) = jobs(app)
    assert (done["done"], done["decoded"]) == (2, 1)
    assert cached(app) == {("scan.h5/a", "0"): 2}


@pytest.mark.parametrize(
    ("dataset", "axis", "bricks"), [("/b", "0,1", 2), ("/b", "1,3", 6), ("/flat", "none", 1)]
)
def test_other_dimensions(app: App, worker: Worker, dataset: str, axis: str, bricks: int) -> None:
    assert warm(app, dataset, axis).get_json()["bricks"] == bricks
    work(worker)
    assert jobs(app)[0]["done"] == bricks
    assert cached(app) == {(f"scan.h5{dataset}", axis): bricks}


def test_what_is_stored_as_it_is_needs_nothing(app: App) -> None:
    job = warm(app, "/plain").get_json()
    assert (job["state"], job["bricks"]) == ("done", 0)
    assert "nothing to decode" in job["message"]
    assert jobs(app) == []


def test_the_same_is_queued_once(app: App) -> None:
    first, again = warm(app).get_json(), warm(app).get_json()
    assert first == again
    assert warm(app, start=5).get_json()["id"] != first["id"]
    assert len(jobs(app)) == 2


def test_a_job_is_cancelled(app: App, worker: Worker) -> None:
    job = warm(app).get_json()
    assert post(app, "/api/v1/warm/cancel", id=job["id"]).status_code == 204
    assert jobs(app) == []
    work(worker)
    assert cached(app) == {}
    assert "queued" in assert_error(post(app, "/api/v1/warm/cancel", id=job["id"]), 404)


def test_a_job_is_cancelled_while_it_is_worked_on(app: App, worker: Worker) -> None:
    job = warm(app).get_json()
    worker.run_once()
    assert jobs(app)[0]["state"] == "running"
    assert post(app, "/api/v1/warm/cancel", id=job["id"]).status_code == 204
    assert worker.warmer is not None
    worker.warmer.store_s = 0.0
    work(worker)
    assert jobs(app) == []
    assert cached(app)["scan.h5/a", "0"] < 4


def test_people_have_their_volumes_warmed_in_turn(app: App, worker: Worker) -> None:
    warm(app, axis="0"), warm(app, axis="1"), warm(app, axis="2", stop=16)
    queue = app.services.warm_queue
    for job, person in zip(queue.jobs(), ("ann", "ann", "bob"), strict=True):
        assert queue.update(job, job.model_copy(update={"person": person}))
    assert worker.warmer is not None
    worker.warmer.store_s = 0.0
    for _ in range(3):
        worker.run_once()
    assert [(job["state"], job["done"]) for job in jobs(app)] == [
        ("running", 2),
        ("queued", 0),
        # Whose one brick is done, with one turn more to notice.
        ("running", 1),
    ]
    work(worker)
    assert {job["state"] for job in jobs(app)} == {"done"}
    assert cached(app) == {
        ("scan.h5/a", "0"): 4,
        ("scan.h5/a", "1"): 3,
        ("scan.h5/a", "2"): 1,
    }


def test_a_demand_goes_first(app: App, worker: Worker) -> None:
    warm(app)
    with app.services.demand_signal.demand():
        assert worker.run_once() > 0.0
    assert jobs(app)[0]["state"] == "queued"


def test_a_file_that_has_changed_is_not_warmed(app: App, worker: Worker, tmp_path: Path) -> None:
    warm(app)
    files.write(tmp_path / "scan.h5", a=(VALUES[:10], CHUNKED))
    work(worker)
    (job,) = jobs(app)
    assert job["state"] == "failed"
    assert "has changed" in job["message"]


def test_no_more_is_queued_than_the_cache_holds(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.services.caches.brick_evictor.limit = VALUES.nbytes + 1
    assert warm(app).status_code == 202
    refused = warm(app, axis="1")
    assert "than what is queued" in assert_error(refused, 429)
    assert int(refused.headers["Retry-After"]) > 0
    app.services.caches.brick_evictor.limit = VALUES.nbytes - 1
    assert "name a range" in assert_error(warm(app, axis="2"), 413)
    app.services.caches.brick_evictor.limit = 10 * VALUES.nbytes
    monkeypatch.setattr(warm_queue, "MAX_JOBS", 1)
    assert "1 volumes are queued" in assert_error(warm(app, axis="2"), 429)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"file": "no.h5", "dataset": "/a", "axis": "0"}, 404, "no.h5"),
        ({"file": "scan.h5", "dataset": "/no", "axis": "0"}, 404, "no"),
        ({"file": "scan.h5", "dataset": "/a", "axis": "3"}, 400, "fix 1 of them"),
        ({"file": "scan.h5", "dataset": "/a", "axis": "0,1"}, 400, "fix 1 of them"),
        ({"file": "scan.h5", "dataset": "/a", "axis": "none"}, 400, "fix 1 of them"),
        ({"file": "scan.h5", "dataset": "/a", "axis": "x"}, 400, "An axis is a dimension"),
        ({"file": "scan.h5", "dataset": "/a", "axis": "٣"}, 400, "An axis is a dimension"),
        ({"file": "scan.h5", "dataset": "/a", "axis": 0}, 400, "axis"),
        ({"file": "scan.h5", "dataset": "/a", "axis": "0", "start": 20}, 400, "0 to 20"),
        ({"file": "scan.h5", "dataset": "/a", "axis": "0", "stop": 21}, 400, "0 to 20"),
        ({"file": "scan.h5", "dataset": "/a", "axis": "0", "more": 1}, 400, "more"),
        ({}, 400, "file"),
    ],
)
def test_what_is_refused(app: App, body: dict[str, Any], status: int, text: str) -> None:
    assert text in assert_error(post(app, "/api/v1/warm", **body), status)
    assert jobs(app) == []


def test_nobody_warms_a_public_server(tmp_path: Path) -> None:
    path = files.write(tmp_path / "scan.h5", a=(VALUES, CHUNKED))
    with running(tmp_path, path, host="0.0.0.0", public=True) as app:
        assert app.get("/api/v1/warm").get_json() == {"jobs": [], "may_warm": False}
        assert "may not warm" in assert_error(warm(app), 403)


def test_rows_of_something_else_are_left_out(app: App) -> None:
    warm(app)
    for value in (b"{", b"[]", b'{"id": "x"}'):
        app.services.caches.plans.set("warm:zzz", value)
        assert len(jobs(app)) == 1


def test_only_one_thread_warms(app: App, worker: Worker) -> None:
    warm(app)
    warmer = worker.warmer
    assert warmer is not None
    found: list[bool] = []
    with warmer.lock:
        thread = threading.Thread(target=lambda: found.append(warmer.step()))
        thread.start()
        thread.join()
    assert found == [False]
