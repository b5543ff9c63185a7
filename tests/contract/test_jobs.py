"""Jobs of the worker that has nothing else to do: volumes that are decoded into the cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.test import TestResponse

from dashboard.jobs import queue
from dashboard.jobs.runner import Runner
from dashboard.prefetch.worker import Worker
from dashboard.runtime.container import Services, build_services
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
def services(app: App) -> Iterator[Services]:
    """Those of a worker over the same caches."""
    made = build_services(app.services.settings, role="worker")
    yield made
    made.close()


@pytest.fixture
def runner(services: Services) -> Runner:
    return services.runner()


@pytest.fixture
def worker(services: Services, runner: Runner) -> Worker:
    """The prefetch worker."""
    return services.worker(runner)


def post(app: App, **body: Any) -> TestResponse:
    return app.client.post("/api/v1/jobs", json=body, base_url=HOST)


def warm(app: App, dataset: str = "/a", axis: str = "0", **more: Any) -> TestResponse:
    return post(app, kind="warm", file="scan.h5", dataset=dataset, axis=axis, **more)


def cancel(app: App, job: dict[str, Any]) -> TestResponse:
    return app.client.delete(f"/api/v1/jobs/{job['id']}", base_url=HOST)


def jobs(app: App) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.get("/api/v1/jobs").get_json()["jobs"]
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
    assert app.get("/api/v1/jobs").get_json() == {"jobs": [], "may_ask": True}
    response = warm(app)
    assert response.status_code == 202
    job = response.get_json()
    assert (job["state"], job["of"], job["done"]) == ("queued", 4, 0)
    assert (job["volume"], job["what"]) == ("scan.h5/a", {"axis": "0", "start": 0, "stop": 20})
    assert job["bytes"] == VALUES.nbytes
    work(worker)
    (done,) = jobs(app)
    assert done["id"] == job["id"]
    assert (done["state"], done["done"], done["decoded"], done["failed"]) == ("done", 4, 4, 0)
    assert done["seconds"] > 0
    assert cached(app) == {("scan.h5/a", "0"): 4}
    status = app.slice("scan.h5", "a", "7,:,:", viewer="ann").headers["Cache-Status"]
    assert "detail=prefetched" in status


def test_a_range_and_what_is_cached_already(app: App, worker: Worker) -> None:
    app.slice("scan.h5", "a", "7,:,:")
    assert warm(app, start=6, stop=11).get_json()["of"] == 2
    work(worker)
    (done,) = jobs(app)
    assert (done["done"], done["decoded"]) == (2, 1)
    assert cached(app) == {("scan.h5/a", "0"): 2}


@pytest.mark.parametrize(
    ("dataset", "axis", "bricks"), [("/b", "0,1", 2), ("/b", "1,3", 6), ("/flat", "none", 1)]
)
def test_other_dimensions(app: App, worker: Worker, dataset: str, axis: str, bricks: int) -> None:
    assert warm(app, dataset, axis).get_json()["of"] == bricks
    work(worker)
    assert jobs(app)[0]["done"] == bricks
    assert cached(app) == {(f"scan.h5{dataset}", axis): bricks}


def test_what_is_stored_as_it_is_needs_nothing(app: App) -> None:
    job = warm(app, "/plain").get_json()
    assert (job["state"], job["of"]) == ("done", 0)
    assert "nothing to decode" in job["message"]
    assert jobs(app) == []


def test_the_same_is_queued_once(app: App) -> None:
    first, again = warm(app).get_json(), warm(app).get_json()
    assert first == again
    assert warm(app, start=5).get_json()["id"] != first["id"]
    assert len(jobs(app)) == 2


def test_a_job_is_cancelled(app: App, worker: Worker) -> None:
    job = warm(app).get_json()
    assert cancel(app, job).status_code == 204
    assert jobs(app) == []
    work(worker)
    assert cached(app) == {}
    assert "no job" in assert_error(cancel(app, job), 404)
    assert "no job" in assert_error(app.get(f"/api/v1/jobs/{job['id']}"), 404)


def test_a_job_is_cancelled_while_it_is_worked_on(app: App, worker: Worker, runner: Runner) -> None:
    job = warm(app).get_json()
    worker.run_once()
    assert jobs(app)[0]["state"] == "running"
    assert cancel(app, job).status_code == 204
    runner.store_s = 0.0
    work(worker)
    assert jobs(app) == []
    assert cached(app)["scan.h5/a", "0"] < 4


def test_people_have_their_volumes_warmed_in_turn(app: App, worker: Worker, runner: Runner) -> None:
    warm(app, axis="0"), warm(app, axis="1"), warm(app, axis="2", stop=16)
    queued = app.services.jobs
    for job, person in zip(queued.jobs(), ("ann", "ann", "bob"), strict=True):
        assert queued.update(job, job.model_copy(update={"person": person}))
    runner.store_s = 0.0
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
    monkeypatch.setattr(queue, "MAX_JOBS", 1)
    assert "1 jobs are queued" in assert_error(warm(app, axis="2"), 429)


A = {"kind": "warm", "file": "scan.h5", "dataset": "/a"}


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (A | {"file": "no.h5", "axis": "0"}, 404, "no.h5"),
        (A | {"dataset": "/no", "axis": "0"}, 404, "no"),
        (A | {"axis": "3"}, 400, "fix 1 of them"),
        (A | {"axis": "0,1"}, 400, "fix 1 of them"),
        (A | {"axis": "none"}, 400, "fix 1 of them"),
        (A | {"axis": "x"}, 400, "An axis is a dimension"),
        (A | {"axis": "٣"}, 400, "An axis is a dimension"),
        (A | {"axis": 0}, 400, "axis"),
        (A | {"axis": "0", "start": 20}, 400, "0 to 20"),
        (A | {"axis": "0", "stop": 21}, 400, "0 to 20"),
        (A | {"axis": "0", "more": 1}, 400, "more"),
        (A | {"kind": "statistics", "axis": "0"}, 400, "axis"),
        (A | {"kind": "statistics", "bins": 0}, 400, "bins"),
        (A | {"kind": "statistics", "part": "half"}, 400, "part"),
        (A | {"kind": "bake", "axis": "0"}, 400, "kind"),
        ({}, 400, "kind"),
    ],
)
def test_what_is_refused(app: App, body: dict[str, Any], status: int, text: str) -> None:
    assert text in assert_error(post(app, **body), status)
    assert jobs(app) == []


def test_nobody_warms_a_public_server(tmp_path: Path) -> None:
    path = files.write(tmp_path / "scan.h5", a=(VALUES, CHUNKED))
    with running(tmp_path, path, host="0.0.0.0", public=True) as app:
        assert app.get("/api/v1/jobs").get_json() == {"jobs": [], "may_ask": False}
        assert "may not ask for jobs" in assert_error(warm(app), 403)


def test_rows_of_something_else_are_left_out(app: App) -> None:
    warm(app)
    for value in (b"{", b"[]", b'{"id": "x"}'):
        app.services.caches.plans.set("job:zzz", value)
        assert len(jobs(app)) == 1


def test_only_one_thread_works(app: App, runner: Runner) -> None:
    warm(app)
    found: list[bool] = []
    with runner.lock:
        thread = threading.Thread(target=lambda: found.append(runner.step()))
        thread.start()
        thread.join()
    assert found == [False]
