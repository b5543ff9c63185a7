"""Outcomes, `Cache-Status`, stages and telemetry: which requests count, and which do not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask_caching import Cache
from flask_caching.backends import NullCache

from dashboard.addressing import selection
from dashboard.addressing.outcomes import Purpose
from dashboard.telemetry.row_limit import RowLimit
from tests import files
from tests.services import load
from tests.web import App, assert_error, running

VALUES = np.random.default_rng(8).integers(0, 4000, (40, 64, 64)).astype("u2")
FILE = "scan.h5"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    path = files.write(
        tmp_path / FILE, volume=(VALUES, {"chunks": (10, 16, 16), "compression": "gzip"})
    )
    with running(tmp_path, path) as made:
        yield made


def view(app: App, index: int, viewer: str | None = "ann", **query: Any) -> str:
    asked = query | ({} if viewer is None else {"viewer": viewer})
    response = app.slice(FILE, "volume", f"{index},:,:", format="u8", **asked)
    assert response.status_code in (200, 304)
    status: str = response.headers["Cache-Status"]
    return status


def settled(app: App) -> None:
    """Wait until the frames of the answers so far are stored."""
    app.services.frames.flush()


def test_miss_then_hits(app: App) -> None:
    assert view(app, 3) == "bricks; fwd=miss; detail=first, frames; fwd=miss"
    assert view(app, 3) == "frames; hit"
    assert view(app, 4) == "bricks; hit, frames; fwd=miss"
    settled(app)
    assert view(app, 4) == "frames; hit"
    assert app.stats()["demand"] == {
        "ring": 0,
        "hit": 3,
        "prefetched": 0,
        "coalesced": 0,
        "miss": 1,
    }


def test_frames_are_read_and_written_through_flask_caching(app: App) -> None:
    store = app.services.frames.store
    assert isinstance(store, Cache)
    assert store.cache is app.services.frame_backend
    view(app, 3)
    settled(app)
    app.client.application.extensions["cache"][store] = NullCache()
    assert view(app, 3) == "bricks; hit, frames; fwd=miss"
    settled(app)
    app.client.application.extensions["cache"][store] = app.services.frame_backend
    assert view(app, 3) == "frames; hit"


def test_prefetched_is_the_first_view_of_each_slice_of_a_prefetched_brick(app: App) -> None:
    volume = app.services.metadata.volume(FILE, "volume")
    for brick in volume.bricks(selection.parse("25,:,:", volume.shape)):
        load(app.services, brick, Purpose.PREFETCH_MOVING)
    ahead = "bricks; hit; detail=prefetched, frames; fwd=miss"
    assert view(app, 25) == ahead
    assert view(app, 26) == ahead
    variant = "bricks; hit, frames; fwd=miss; detail=variant"
    assert view(app, 26, window="slice") == variant
    figures = app.stats()
    assert figures["demand"]["prefetched"] == 2
    assert figures["demand"]["hit"] == 1
    prefetch = figures["prefetch"]
    assert (prefetch["decoded"], prefetch["used"]) == (1, 1)
    assert (prefetch["accuracy"], prefetch["coverage"], prefetch["timeliness"]) == (None, 1.0, 1.0)


def test_what_the_page_fetches_ahead_is_no_demand(app: App) -> None:
    view(app, 12, ahead="1")
    settled(app)
    figures = app.stats()
    assert sum(figures["demand"].values()) == 0
    assert figures["stages"] == {}
    assert view(app, 12) == "frames; hit; detail=prefetched"
    assert view(app, 12) == "frames; hit"
    assert app.stats()["demand"]["prefetched"] == 1


def test_without_a_viewer_nothing_is_counted_or_planned(app: App) -> None:
    view(app, 3, viewer=None)
    view(app, 4, viewer=None)
    app.services.activity.drain()
    figures = app.stats()
    assert sum(figures["demand"].values()) == 0
    assert figures["stages"] == {}
    assert app.services.plans.plans() == []


def test_a_demand_is_planned_for(app: App) -> None:
    view(app, 3)
    app.services.activity.drain()
    (plan,) = app.services.plans.plans()
    assert plan.viewer == "ann"
    assert plan.position == (3,)
    assert plan.bricks


def test_a_tag_that_a_proxy_weakened_is_the_same(app: App) -> None:
    tag = app.slice(FILE, "volume", "3,:,:").headers["ETag"]
    assert app.slice(FILE, "volume", "3,:,:", {"If-None-Match": f"W/{tag}"}).status_code == 304


def test_a_304_counts_as_the_demand_it_is(app: App) -> None:
    first = app.slice(FILE, "volume", "3,:,:", format="u8", viewer="ann")
    again = app.slice(
        FILE, "volume", "3,:,:", {"If-None-Match": first.headers["ETag"]}, format="u8", viewer="ann"
    )
    assert again.status_code == 304
    assert again.get_data() == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Status"] == "frames; hit"
    assert app.stats()["demand"] == {
        "ring": 0,
        "hit": 1,
        "prefetched": 0,
        "coalesced": 0,
        "miss": 1,
    }


def test_errors_are_no_demand(app: App) -> None:
    app.slice(FILE, "volume", "99,:,:", viewer="ann")
    app.slice("none.h5", "volume", "0,:,:", viewer="ann")
    assert sum(app.stats()["demand"].values()) == 0


def test_fifty_who_want_the_same_decode_it_once(app: App) -> None:
    clients = [app.client.application.test_client() for _ in range(50)]

    def want(number: int) -> bytes:
        query = {"file": FILE, "dataset": "volume", "selection": "30,:,:", "viewer": f"v{number}"}
        response = clients[number].get(
            "/api/v1/slice", query_string=query, base_url="http://127.0.0.1"
        )
        assert response.status_code == 200
        with response:
            return response.get_data()

    with ThreadPoolExecutor(50) as pool:
        bodies = set(pool.map(want, range(50)))
    assert bodies == {VALUES[30].tobytes()}
    figures = app.stats()
    assert app.services.stats.totals().counts["bricks.decoded"] == 1
    assert figures["demand"]["miss"] == 1
    assert sum(figures["demand"].values()) == 50
    assert figures["viewers"] == 50


def test_a_sweep_decodes_each_brick_once(app: App) -> None:
    for index in range(40):
        view(app, index)
    for index in reversed(range(40)):
        view(app, index, window="slice")
    assert app.stats()["demand"]["miss"] == 4
    assert app.services.stats.totals().counts["bricks.decoded"] == 4


def test_stats_have_the_contracts_shape(app: App) -> None:
    view(app, 3)
    view(app, 4)
    figures = app.stats()
    assert set(figures) >= {"demand", "stages", "caches", "prefetch", "viewers", "processes"}
    assert set(figures["stages"]["decode"]) == {"count", "p50_ms", "p95_ms", "p99_ms", "total_s"}
    assert figures["stages"]["decode"]["count"] == 1
    assert figures["stages"]["index"]["count"] == 2
    for name in ("bricks", "frames"):
        kept = {"evicted"} if name == "bricks" else set()
        assert set(figures["caches"][name]) == kept | {"bytes", "limit", "entries", "evictions"}
    assert figures["caches"]["bricks"]["entries"] == 1
    assert figures["caches"]["bricks"]["bytes"] >= 10 * 64 * 64 * 2
    (process,) = figures["processes"]
    assert set(process) == {"pid", "role", "rss_bytes", "heartbeat_s"}
    assert process["role"] == "web"
    assert process["rss_bytes"] > 2**20
    assert app.get("/api/v1/stats", window="300").status_code == 200
    for window in ("0", "-1", "x", "nan", "1e9", ""):
        assert_error(app.get("/api/v1/stats", window=window), 400)


def test_metrics_say_the_same(app: App) -> None:
    view(app, 3)
    app.stats()
    text = app.get("/metrics").get_data(as_text=True)
    assert 'lamella_demand_total{outcome="miss"} 1.0' in text
    assert 'lamella_stage_seconds_count{stage="decode"} 1.0' in text
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[:1].isalpha()}
    assert all(name.startswith("lamella_") for name in names)


def painted(**changes: Any) -> dict[str, Any]:
    return {
        "file": FILE,
        "dataset": "/volume",
        "selection": "3,:,:",
        "index": 3,
        "axis": 0,
        "source": "ring",
        "transfer_ms": 0.0,
        "convert_ms": 1.5,
        "draw_ms": 2.5,
        "display_ms": 9.0,
    } | changes


def post(app: App, body: Any) -> Any:
    return app.client.post("/api/v1/telemetry", json=body, base_url="http://127.0.0.1")


def test_ring_slices_are_demands(app: App) -> None:
    view(app, 3, viewer="bob")
    report = {
        "viewer": "ann",
        "slices": [painted(), painted(source="bricks"), painted(index=None, axis=None)],
    }
    assert post(app, report).status_code == 204
    figures = app.stats()
    assert figures["demand"]["ring"] == 2
    assert figures["stages"]["draw"]["count"] == 3
    assert figures["stages"]["draw"]["total_s"] == pytest.approx(0.0075)
    app.services.activity.drain()
    assert app.services.plans.plans()[0].position == (3,)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"viewer": "a"},
        {"viewer": "<a>", "slices": []},
        {"viewer": "a", "slices": [1]},
        {"viewer": "a", "slices": [painted(source="moon")]},
        {"viewer": "a", "slices": [painted(draw_ms=-1)]},
        {"viewer": "a", "slices": [painted(draw_ms=1e9)]},
        {"viewer": "a", "slices": [painted(index="3")]},
        {"viewer": "a", "slices": [painted(axis=9)]},
        {"viewer": "a", "slices": [painted()] * 1001},
    ],
)
def test_a_malformed_report_is_a_400_and_counts_nothing(app: App, body: Any) -> None:
    assert_error(post(app, body), 400)
    assert sum(app.stats()["demand"].values()) == 0


def test_rows_that_cannot_be_true_are_refused_and_counted_and_the_others_count(app: App) -> None:
    view(app, 3, viewer="bob")
    version = app.slice(FILE, "volume", "3,:,:").headers["X-Volume-Version"]
    slices = [
        painted(file="gone.h5"),
        painted(version="0000000000000000"),
        painted(selection="nonsense"),
        painted(index=4),
        painted(draw_ms=60_001),
        painted(),
        painted(version=version),
    ]
    response = post(app, {"viewer": "ann", "slices": slices})
    assert response.status_code == 204
    figures = app.stats()
    assert figures["demand"]["ring"] == 2
    assert figures["reports"] == {
        "accepted": 2,
        "refused": 5,
        "malformed": 1,
        "unknown": 2,
        "contradictory": 2,
        "too_frequent": 0,
    }
    text = app.get("/metrics").get_data(as_text=True)
    assert "lamella_reports_refused_total 5.0" in text
    assert "lamella_reports_contradictory_total 2.0" in text


def test_a_viewer_that_reports_too_often_gets_429(app: App) -> None:
    view(app, 3, viewer="bob")
    # Within one second, however long the machine takes.
    app.services.activity.row_limit = RowLimit(clock=lambda: 0.0)
    assert post(app, {"viewer": "ann", "slices": [painted()] * 1000}).status_code == 204
    response = post(app, {"viewer": "ann", "slices": [painted()]})
    assert_error(response, 429)
    assert response.headers["Retry-After"] == "1"
    assert app.stats()["demand"]["ring"] == 120


def test_a_report_from_another_site_or_too_long_is_refused(app: App) -> None:
    send = {"base_url": "http://127.0.0.1", "json": {"viewer": "a", "slices": []}}
    response = app.client.post(
        "/api/v1/telemetry", headers={"Origin": "http://evil.example"}, **send
    )
    assert_error(response, 403)
    response = app.client.post(
        "/api/v1/telemetry", data=b"x" * (2**20 + 1), base_url="http://127.0.0.1"
    )
    assert_error(response, 413)


def test_a_restart_keeps_the_caches(tmp_path: Path) -> None:
    path = files.write(
        tmp_path / FILE, volume=(VALUES, {"chunks": (10, 16, 16), "compression": "gzip"})
    )
    with running(tmp_path, path) as app:
        view(app, 3)
        settled(app)
    with running(tmp_path, path) as app:
        assert view(app, 3) == "frames; hit"
        assert view(app, 4) == "bricks; hit, frames; fwd=miss"


def test_a_full_disk_costs_the_cache_and_not_the_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(
        tmp_path / FILE, volume=(VALUES, {"chunks": (10, 16, 16), "compression": "gzip"})
    )
    with running(tmp_path, path) as app:
        monkeypatch.setattr(app.services.space, "reserve", lambda nbytes: False)
        for reason in ("first", "no_room"):
            assert view(app, 3) == f"bricks; fwd=miss; detail={reason}, frames; fwd=miss"
            settled(app)
            assert np.array_equal(app.values(FILE, "volume", "3,:,:"), VALUES[3])
        caches = app.stats()["caches"]
        assert caches["bricks"]["entries"] == caches["frames"]["entries"] == 0
