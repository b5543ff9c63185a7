"""What prefetching was good for, as `/api/v1/stats` and `/metrics` have it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.addressing import selection
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose, Waste
from tests import files
from tests.services import load
from tests.web import App, running

VALUES = np.random.default_rng(8).integers(0, 4000, (60, 64, 64)).astype("u2")
FILE = "scan.h5"
BRICK_BYTES = 10 * 64 * 64 * 2


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    path = files.write(
        tmp_path / FILE, volume=(VALUES, {"chunks": (10, 16, 16), "compression": "gzip"})
    )
    with running(tmp_path, path) as made:
        yield made


def view(app: App, index: int, viewer: str) -> None:
    response = app.slice(FILE, "volume", f"{index},:,:", viewer=viewer)
    assert response.status_code == 200
    app.services.activity.drain()


def brick(app: App, index: int) -> BrickAddress:
    volume = app.services.metadata.volume(FILE, "volume")
    (found,) = volume.bricks(selection.parse(f"{index},:,:", volume.shape))
    return found


def ahead(app: App, *indexes: int, purpose: Purpose = Purpose.PREFETCH_MOVING) -> None:
    for index in indexes:
        load(app.services, brick(app, index), purpose)


def prefetch(app: App) -> dict[str, Any]:
    found: dict[str, Any] = app.stats()["prefetch"]
    return found


def test_two_viewers_of_one_brick_use_it_once(app: App) -> None:
    ahead(app, 15)
    view(app, 12, "ann")
    view(app, 17, "bob")
    found = prefetch(app)
    assert (found["decoded"], found["used"]) == (1, 1)
    assert found["used_bytes"] == found["decoded_bytes"] == BRICK_BYTES
    assert (found["lead"]["ready"], found["lead"]["joined"]) == (1, 0)
    assert found["lead"]["p50_s"] > 0
    assert 0 < found["saved_s"] <= found["spent_s"]
    assert app.stats()["demand"]["prefetched"] == 2


def test_accuracy_is_null_until_three_bricks_are_decided(app: App) -> None:
    ahead(app, 5, 15, 25, 35)
    for index, viewer in ((5, "ann"), (15, "bob")):
        view(app, index, viewer)
    assert prefetch(app)["accuracy"] is None
    app.services.bricks.waste(brick(app, 25).key, Waste.TURNED)
    found = prefetch(app)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["wasted"]["turned"] == found["wasted_bytes"] == BRICK_BYTES
    assert found["undecided_bytes"] == BRICK_BYTES


def test_a_wasted_brick_that_is_used_is_no_longer_wasted_and_no_counter_decreases(app: App) -> None:
    ahead(app, 5, 15, 25, purpose=Purpose.PREFETCH_IDLE)
    app.services.bricks.waste(brick(app, 15).key, Waste.JUMPED)
    before, counters = prefetch(app), metrics(app)
    assert (before["wasted_bytes"], before["resting"]["wasted_bytes"]) == (BRICK_BYTES,) * 2
    view(app, 14, "ann")
    after = prefetch(app)
    assert (after["used_bytes"], after["wasted_bytes"]) == (BRICK_BYTES, 0)
    assert after["resting"]["wasted_bytes"] == 0
    assert after["undecided_bytes"] == before["undecided_bytes"] == 2 * BRICK_BYTES
    now = metrics(app)
    assert all(now[name] >= value for name, value in counters.items())
    jumped = 'lamella_prefetch_{}_bytes_total{{cause="jumped"}}'
    assert now[jumped.format("wasted")] == now[jumped.format("recovered")] == BRICK_BYTES


def metrics(app: App) -> dict[str, float]:
    """The counters of prefetching by name and labels."""
    app.stats()
    lines = app.get("/metrics").get_data(as_text=True).splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("lamella_prefetch_"))
    return {name: float(value) for name, value in pairs if "_total" in name}


def test_a_worker_decides_what_its_viewer_left(app: App) -> None:
    worker = app.services.worker()
    view(app, 25, "ann")
    while worker.run_once() == 0.0:
        pass
    decoded = prefetch(app)["decoded"]
    assert decoded >= 3
    app.services.plans.pause("ann", 300)
    clock = app.services.plans.clock
    assert worker.fates is not None
    worker.fates.clock = lambda: clock() + 100
    worker.run_once()
    worker.fates.clock = lambda: clock() + 200
    worker.run_once()
    found = prefetch(app)
    assert found["wasted"]["left"] == found["wasted_bytes"] == found["decoded_bytes"]
    assert (found["accuracy"], found["undecided_bytes"]) == (0.0, 0)
