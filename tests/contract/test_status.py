"""`/readyz` names what is degraded, and `/status` says it in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.runtime.health import Part
from dashboard.storage.disk_space import DiskSpace
from dashboard.telemetry.ledger_reader import WorkerStats
from dashboard.web.status_page import NAMES
from tests.web import App, running


def up(app: App, monkeypatch: pytest.MonkeyPatch, state: str = "up") -> None:
    worker: WorkerStats = {"state": state, "since_s": 7300.0}
    monkeypatch.setattr(app.services.health, "_worker", lambda: worker)
    beats = [{"pid": 1, "role": "worker", "rss_bytes": 0, "heartbeat_s": 1.0}]
    monkeypatch.setattr(app.services.health, "_processes", lambda: beats if state == "up" else [])


def page(app: App) -> str:
    response = app.get("/status")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert "script-src" not in response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    text = response.get_data(as_text=True)
    assert "<script" not in text
    return text


def test_a_degraded_cache_is_still_ready(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    up(app, monkeypatch)
    response = app.get("/readyz")
    assert (response.status_code, response.get_json()["degraded"]) == (200, [])
    assert "Everything works." in page(app)
    full = DiskSpace(Path("/nowhere"), 2**20, probe=lambda _: 0)
    monkeypatch.setattr(app.services.health, "_space", full)
    response = app.get("/readyz")
    assert response.status_code == 200
    assert response.get_json() == {
        "ready": True,
        "checks": {"roots": True, "cache": True, "worker": True},
        "degraded": ["cache"],
    }
    text = page(app)
    assert "one part does not work" in text
    assert "The disk of the cache is full" in text


def test_a_worker_that_ended(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    up(app, monkeypatch, "ended")
    response = app.get("/readyz")
    assert (response.status_code, response.get_json()["degraded"]) == (503, ["prefetching"])
    assert "The prefetch worker has not run for 2 hours: slices are decoded only" in page(app)


def test_unconfined_readers(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    up(app, monkeypatch)
    for confined, degraded in ((None, []), (True, []), (False, ["linked_files"])):
        monkeypatch.setattr(app.services.hdf5, "confined", confined)
        assert app.get("/readyz").get_json()["degraded"] == degraded
    assert "values in other files are refused" in page(app)


def test_no_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("secret-project", "other"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "home", tmp_path / "secret-project", tmp_path / "other") as app:
        up(app, monkeypatch)
        (tmp_path / "secret-project").rename(tmp_path / "away")
        response = app.get("/readyz")
        assert (response.status_code, response.get_json()["degraded"]) == (503, ["files"])
        text = page(app)
        assert "1 of 2 folders or files with data cannot be reached" in text
        assert "secret" not in text + response.get_data(as_text=True)


def test_the_page_needs_sign_in_and_the_health_check_does_not(data: Path, tmp_path: Path) -> None:
    with running(tmp_path, data, token="correct-horse-battery", url_prefix="/lamella") as app:
        refused = app.get("/lamella/status", {"Accept": "text/html"})
        assert refused.status_code == 401
        assert "prefetch" not in refused.get_data(as_text=True).lower()
        assert app.get("/lamella/readyz").status_code == 503
        signed_in = app.get("/lamella/status", {"Authorization": "Bearer correct-horse-battery"})
        assert signed_in.status_code == 200
        assert re.search('href="/lamella/monitor"', signed_in.get_data(as_text=True))


def test_a_people_file_that_cannot_be_used_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = tmp_path / "people" / "people.sqlite"
    token = "correct-horse-battery"
    with running(tmp_path, data, token=token, people=people) as app:
        up(app, monkeypatch)
        assert app.get("/readyz").get_json()["degraded"] == []
        people.chmod(0o666)
        response = app.get("/readyz")
        assert (response.status_code, response.get_json()["degraded"]) == (200, ["sign_in"])
        status = app.get("/status", {"Authorization": f"Bearer {token}"})
        assert "nobody can sign in" in status.get_data(as_text=True)


def test_every_part_has_a_name(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(NAMES) == set(Part)
    monkeypatch.setattr(app.services.health, "_shared", lambda: False)
    assert "does not answer" in page(app)
