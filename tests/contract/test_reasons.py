"""Why a demand was no hit: exactly one reason for each miss and each coalesced demand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.addressing import selection
from dashboard.addressing.outcomes import Purpose
from tests import files
from tests.services import load
from tests.web import App, running

VALUES = np.random.default_rng(9).integers(0, 4000, (80, 64, 64)).astype("u2")
HOW = {"chunks": (10, 16, 16), "compression": "gzip"}
BRICK_BYTES = 10 * 64 * 64 * 2
FILE = "scan.h5"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return files.write(tmp_path / FILE, volume=(VALUES, HOW))


@pytest.fixture
def app(tmp_path: Path, path: Path) -> Iterator[App]:
    with running(tmp_path, path) as made:
        yield made


@pytest.fixture
def unplanned_app(tmp_path: Path, path: Path) -> Iterator[App]:
    """A worker is alive, and plans have the brick that the viewer is in, alone."""
    with running(tmp_path, path, prefetch_bytes=BRICK_BYTES) as made:
        made.services.plans.mark_worker_alive()
        yield made


@pytest.fixture
def small_app(tmp_path: Path, path: Path) -> Iterator[App]:
    """The cache has room for one brick."""
    with running(tmp_path, path, brick_cache_bytes=BRICK_BYTES * 3 // 2) as made:
        yield made


def detail(app: App, index: int, viewer: str = "ann", **query: Any) -> str:
    """The reason in the bricks' member; the outcome without one."""
    status = app.slice(FILE, "volume", f"{index},:,:", viewer=viewer, **query).headers[
        "Cache-Status"
    ]
    app.services.activity.drain()
    bricks = status.split(",")[0]
    return bricks.partition("detail=")[2] or bricks


def reasons(app: App) -> dict[str, int]:
    """The reasons that occurred, which have to add up to misses and coalesced demands."""
    figures = app.stats()
    found: dict[str, int] = figures["reasons"]
    demand = figures["demand"]
    assert sum(found.values()) == demand["miss"] + demand["coalesced"]
    return {name: count for name, count in found.items() if count}


def test_the_first_brick_of_a_volume_was_never_seen(app: App) -> None:
    assert detail(app, 3) == "first"
    assert detail(app, 4) == "bricks; hit"
    assert reasons(app) == {"first": 1}


def test_without_a_worker_the_next_brick_is_not_planned_for(app: App) -> None:
    detail(app, 3)
    assert detail(app, 13) == "unplanned"


def test_a_planned_brick_that_is_not_ready_is_late(app: App) -> None:
    app.services.plans.mark_worker_alive()
    detail(app, 3)
    assert detail(app, 13) == "late"


def test_a_brick_that_is_being_decoded_ahead_is_late(app: App) -> None:
    volume = app.services.metadata.volume(FILE, "volume")
    (brick,) = volume.bricks(selection.parse("75,:,:", volume.shape))
    app.services.plans.mark_in_flight(brick.key)
    assert detail(app, 75) == "late"


def test_another_viewer_has_no_plan(app: App) -> None:
    app.services.plans.mark_worker_alive()
    detail(app, 3)
    assert detail(app, 13, viewer="bob") == "first"


def test_another_axis_has_no_plan(app: App) -> None:
    app.services.plans.mark_worker_alive()
    detail(app, 3)
    status = app.slice(FILE, "volume", ":,3,:", viewer="ann").headers["Cache-Status"]
    assert status == "bricks; fwd=miss; detail=first, frames; fwd=miss"


def test_a_jump_and_a_turn_differ_from_what_was_not_planned(unplanned_app: App) -> None:
    app = unplanned_app
    assert detail(app, 3) == "first"
    assert detail(app, 45) == "jumped"
    assert detail(app, 35) == "turned"
    assert detail(app, 29) == "unplanned"
    assert reasons(app) == {"first": 1, "jumped": 1, "turned": 1, "unplanned": 1}


def test_with_prefetching_off_nothing_is_planned(tmp_path: Path, path: Path) -> None:
    with running(tmp_path, path, prefetch_bytes=0) as app:
        app.services.plans.mark_worker_alive()
        assert [detail(app, index) for index in (3, 45)] == ["first", "unplanned"]


def test_during_a_pause_nothing_is_planned(app: App) -> None:
    app.services.plans.mark_worker_alive()
    assert app.services.plans.pause("ann", 60.0)
    assert [detail(app, index) for index in (3, 45)] == ["first", "unplanned"]


def test_a_brick_that_left_the_cache_was_evicted(small_app: App) -> None:
    app = small_app
    assert [detail(app, index) for index in (3, 13)] == ["first", "unplanned"]
    assert detail(app, 4) == "evicted"
    assert reasons(app) == {"first": 1, "unplanned": 1, "evicted": 1}


def test_evictions_are_known_to_other_processes(small_app: App, tmp_path: Path, path: Path) -> None:
    for index in (3, 13):
        detail(small_app, index)
    small_app.services.bricks.history.flush()
    with running(tmp_path, path) as other:
        assert detail(other, 4) == "evicted"


def test_a_brick_of_the_former_file_has_changed(app: App, path: Path) -> None:
    detail(app, 3)
    files.write(path, volume=(VALUES + 1, HOW))
    assert detail(app, 3) == "changed"


def test_a_brick_that_did_not_fit(tmp_path: Path, path: Path) -> None:
    with running(tmp_path, path, brick_cache_bytes=BRICK_BYTES // 2) as app:
        assert detail(app, 3) == "first"
        assert detail(app, 4) == "no_room"


def test_contiguous_slices_are_seen_for_the_first_time(tmp_path: Path) -> None:
    path = files.write(tmp_path / FILE, volume=VALUES)
    with running(tmp_path, path) as app:
        assert detail(app, 3) == "first"
        assert detail(app, 3, window="slice", format="u8") == "bricks; hit"
        assert reasons(app) == {"first": 1}


def test_scripts_are_given_no_reason(app: App) -> None:
    status = app.slice(FILE, "volume", "3,:,:").headers["Cache-Status"]
    assert status == "bricks; fwd=miss, frames; fwd=miss"
    assert reasons(app) == {}


def test_what_warm_decoded_is_counted_apart_from_prefetched_slices(app: App) -> None:
    volume = app.services.metadata.volume(FILE, "volume")
    for index, purpose in ((3, Purpose.WARMUP), (13, Purpose.PREFETCH_MOVING)):
        for brick in volume.bricks(selection.parse(f"{index},:,:", volume.shape)):
            load(app.services, brick, purpose)
        assert detail(app, index) == "prefetched"
    figures = app.stats()
    assert figures["demand"]["prefetched"] == 2
    assert figures["warmed"] == 1


def test_a_variant_is_a_frame_of_a_plane_that_was_seen(app: App) -> None:
    frames = []
    for query in ({}, {"format": "u8"}, {"format": "u8", "norm": "sqrt"}):
        app.services.frames.flush()
        response = app.slice(FILE, "volume", "3,:,:", viewer="ann", **query)
        frames.append(response.headers["Cache-Status"].partition("frames; ")[2])
    assert frames == ["fwd=miss", "fwd=miss; detail=variant", "fwd=miss; detail=variant"]
    assert app.stats()["variants"] == 2


def test_a_brick_that_was_written_has_its_time(app: App) -> None:
    assert app.stats()["brick_write"] is None
    detail(app, 3)
    app.services.loader.close()
    written = app.stats()["brick_write"]
    assert written["count"] == 1
    assert written["total_s"] > 0.0
