"""Views become plans, and planned bricks are not evicted."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.selection import parse
from dashboard.catalog.volume import Volume
from dashboard.prefetch.viewer_plan import PREFIX, ViewerPlan
from dashboard.runtime import activity as module
from dashboard.runtime.container import Services
from tests import database, files
from tests.services import SHAPE, later, load, view


def test_a_view_becomes_a_plan(make: Callable[..., Services]) -> None:
    services = make()
    for index in (0, 1, 2):
        view(services, f"{index},:,:")
    (plan,) = services.plans.plans()
    assert (plan.viewer, plan.file, plan.dataset) == ("v", "data/a.h5", "/x")
    assert plan.position == (2,)
    assert plan.geometry.extent == (24,)
    assert plan.geometry.chunk == (4,)
    assert plan.geometry.brick_bytes == 4 * 40 * 40 * 4
    volume = services.metadata.volume("data/a.h5", "x")
    assert plan.fingerprint == tuple(volume.address.fingerprint.as_list())
    assert plan.bricks
    resolved = services.resolver.resolve(plan)
    assert resolved is not None
    assert len(resolved.entries) == len(plan.bricks)
    for planned_brick, (address,) in resolved.entries:
        assert address.start[0] <= planned_brick.position[0] < address.stop[0]
        assert address.key in services.resolver.planned_keys()


def no_child(*_: Any, **__: Any) -> Any:
    raise AssertionError("a child was asked")


def test_the_plan_of_an_older_state_stands_for_nothing_and_no_child_is_asked(
    make: Callable[..., Services], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    view(services, "3,:,:")
    (plan,) = services.plans.plans()
    os.utime(data / "a.h5")
    monkeypatch.setattr(services.hdf5, "call", no_child)
    assert services.resolver.resolve(plan) is None
    (data / "a.h5").unlink()
    with pytest.raises(errors.NotFound):
        services.resolver.resolve(plan)


def test_what_lies_in_the_file_as_it_is_needs_no_plan(make: Callable[..., Services]) -> None:
    services = make()
    view(services, "3,:,:", dataset="flat")
    assert services.plans.plans() == []
    view(services, ":,:,3", dataset="flat")
    assert len(services.plans.plans()) == 1


def test_a_volume_of_rank_two_is_planned_for_without_trouble(
    make: Callable[..., Services], caplog: pytest.LogCaptureFixture
) -> None:
    services = make()
    with caplog.at_level(logging.INFO):
        view(services, ":,:", dataset="plane")
    assert "Planning for a viewer failed" not in caplog.text


def test_trouble_with_a_plan_is_a_log_line(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services = make()

    def fail(**_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(services.plans, "record_position", fail)
    view(services, "3,:,:")
    assert "Planning for a viewer failed" in caplog.text
    monkeypatch.undo()
    view(services, "3,:,:")
    assert len(services.plans.plans()) == 1


def test_looks_do_not_pile_up(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    volume = services.metadata.volume("data/a.h5", "x")
    begun, go_on, noted = threading.Event(), threading.Event(), []

    def slow(**given: Any) -> None:
        begun.set()
        assert go_on.wait(60)
        noted.append(given["position"])

    monkeypatch.setattr(services.plans, "record_position", slow)
    for n in range(module.MAX_DEFERRED + 50):
        services.activity.viewed(f"v{n}", volume, parse(f"{n % 24},:,:", SHAPE))
    assert begun.wait(60)
    go_on.set()
    later(services)
    assert len(noted) == module.MAX_DEFERRED
    services.activity.viewed("v", volume, parse("5,:,:", SHAPE))
    later(services)
    assert noted[-1] == (5,)


def test_one_plan_does_for_all_requests_that_came_meanwhile(
    make: Callable[..., Services],
) -> None:
    services = make()
    volume = services.metadata.volume("data/a.h5", "x")
    go_on = threading.Event()
    services.activity.defer("Waiting", lambda: go_on.wait(60) and None)
    for selection in (":,4,:", "3,:,:", "4,:,:", "5,:,:"):
        services.activity.viewed("v", volume, parse(selection, SHAPE))
    go_on.set()
    later(services)
    (plan,) = services.plans.plans()
    # The slice across another axis belongs to another movement.
    assert [sample.position for sample in plan.trajectory] == [(3,), (4,), (5,)]
    view(services, "6,:,:", viewer="v")
    (plan,) = services.plans.plans()
    assert [sample.position for sample in plan.trajectory][-2:] == [(5,), (6,)]


def test_bricks_that_are_planned_are_not_evicted(make: Callable[..., Services]) -> None:
    size = 4 * 40 * 40 * 4 + 100
    services = make(brick_cache_bytes=2 * size, prefetch_bytes=2 * size)
    volume = services.metadata.volume("data/a.h5", "x")

    def brick(plane: int) -> Any:
        (address,) = volume.bricks(parse(f"{plane},:,:", SHAPE))
        return address

    for plane in (0, 16):
        load(services, brick(plane))
    database.execute(services.caches.bricks, "UPDATE Cache SET access_time = 5.0 + rowid")
    view(services, "0,:,:")
    assert brick(0).key in services.resolver.planned_keys()
    assert brick(16).key not in services.resolver.planned_keys()
    load(services, brick(20))
    assert services.bricks.has(brick(0))
    assert not services.bricks.has(brick(16))


def test_the_viewed_point_has_bricks_across_the_other_axes(
    make: Callable[..., Services],
) -> None:
    services = make()
    view(services, "6,10:20,:")
    (plan,) = services.plans.plans()
    resolved = services.resolver.resolve(plan)
    assert resolved is not None
    bricks = services.resolver.other_axis_bricks(resolved)
    assert {b.rows for b in bricks} | {b.cols for b in bricks} == {0, 1, 2}
    for brick in bricks:
        (fixed,) = ({0, 1, 2}) - {brick.rows, brick.cols}
        assert brick.start[fixed] <= {1: 15, 2: 20}[fixed] < brick.stop[fixed]
    small = make(prefetch_bytes=1)
    assert small.resolver.other_axis_bricks(resolved) == []


def planned(services: Services, viewer: str, **changes: Any) -> ViewerPlan:
    """The viewer's plan for slice 3, with some fields changed, on the board as others may write it."""
    view(services, "3,:,:", viewer=viewer)
    key = PREFIX + viewer
    row = json.loads(services.caches.plans.get(key) or b"")
    geometry = row["plan"]["geometry"]
    geometry |= {name: changes.pop(name) for name in geometry if name in changes}
    row["plan"] |= changes
    services.caches.plans.set(key, json.dumps(row).encode())
    (plan,) = [plan for plan in services.plans.plans() if plan.viewer == viewer]
    return plan


OTHER_GEOMETRY = [
    {"extent": [400], "trajectory": [[0.0, [399]]]},
    {"selection": "3,3,:", "plane": [0, 1]},
    {"selection": "3,:,:", "plane": [0, 1]},
    {"extent": [24, 40], "chunk": [4, 20], "trajectory": [[0.0, [3, 3]]]},
    {"extent": [2**62], "chunk": [1]},
    {"selection": "300,:,:"},
    {"selection": "3,:,:,:"},
]


@pytest.mark.parametrize("changes", OTHER_GEOMETRY, ids=str)
def test_a_plan_that_disagrees_with_its_volume_harms_no_other(
    make: Callable[..., Services], changes: dict[str, Any]
) -> None:
    services = make()
    view(services, "3,:,:", viewer="ann")
    keys = set(services.resolver.planned_keys())
    assert keys
    plan = planned(services, "eve", **changes)
    with suppress(errors.LamellaError):
        assert services.resolver.resolve(plan) is None
    assert services.resolver.planned_keys() == keys
    worker = services.worker()
    while worker.run_once() == 0.0:
        pass
    assert services.bricks.existing(sorted(keys)) == keys


def test_a_file_replaced_by_another_shape_under_a_resting_viewer_stops_nobody(
    make: Callable[..., Services], data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    services = make()
    shutil.copy(data / "a.h5", data / "b.h5")
    volume = services.metadata.volume("data/b.h5", "x")
    services.activity.viewed("eve", volume, parse("3,:,:", SHAPE))
    view(services, "3,:,:", viewer="ann")
    now = time.time()
    worker = services.worker()
    worker.clock = services.plans.clock = lambda: now
    while worker.run_once() == 0.0:
        pass
    files.write(data / "new.h5", x=(np.zeros((5, 6), "u2"), {"chunks": (2, 2)}))
    os.replace(data / "new.h5", data / "b.h5")
    now += 10.0
    view(services, "20,:,:", viewer="ann")
    for _ in range(50):
        worker.run_once()
        now += 0.1
    (address,) = services.metadata.volume("data/a.h5", "x").bricks(parse("20,:,:", SHAPE))
    assert services.bricks.has(address)
    assert "Traceback" not in caplog.text


def test_keys_are_known_while_bricks_are_evicted_without_asking_a_child(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make()
    view(first, "3,:,:")
    other = make()
    monkeypatch.setattr(other.hdf5, "call", no_child)
    assert other.resolver.planned_keys() == first.resolver.planned_keys() != set()


def test_a_plan_is_resolved_once_not_for_each_eviction(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    view(services, "3,:,:")
    (plan,) = services.plans.plans()
    keys = services.resolver.planned_keys()
    resolved = services.resolver.resolve(plan)
    assert resolved is not None
    assert resolved.keys == keys

    def again(*_: Any) -> Any:
        raise AssertionError("the plan was resolved again")

    with monkeypatch.context() as patched:
        patched.setattr(Volume, "bricks", again)
        patched.setattr(services.metadata, "known", again)
        assert services.resolver.resolve(plan) is resolved
        for _ in range(3):
            assert services.resolver.planned_keys() == keys
    view(services, "15,:,:")
    assert services.resolver.planned_keys() != keys


def test_whatever_is_wrong_with_one_plan_bricks_are_evicted_and_slices_come(
    make: Callable[..., Services], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 4 * 40 * 40 * 4 + 100
    services = make(brick_cache_bytes=2 * size, prefetch_bytes=2 * size)
    view(services, "0,:,:", viewer="ann")
    shutil.copy(data / "a.h5", data / "b.h5")
    other = services.metadata.volume("data/b.h5", "x")
    services.activity.viewed("eve", other, parse("0,:,:", SHAPE))
    later(services)
    assert {plan.viewer for plan in services.plans.plans()} == {"ann", "eve"}
    known = services.metadata.known

    def broken(file: str, dataset: str) -> Any:
        if file == "data/b.h5":
            raise RuntimeError("a bug")
        return known(file, dataset)

    monkeypatch.setattr(services.metadata, "known", broken)
    volume = services.metadata.volume("data/a.h5", "x")
    for plane in (0, 16, 20):
        (address,) = volume.bricks(parse(f"{plane},:,:", SHAPE))
        assert load(services, address).outcome == "miss"
    ranges = services.residency.ranges(volume, parse("0,:,:", SHAPE), 0)
    assert ranges["cached"]


def test_each_of_several_pictures_is_planned_for(make: Callable[..., Services]) -> None:
    services = make()
    volume = services.metadata.volume("data/a.h5", "x")
    go_on = threading.Event()
    services.activity.defer("Waiting", lambda: go_on.wait(60) and None)
    for n in (3, 4, 5):
        services.activity.viewed("v", volume, parse(f"{n},:,:", SHAPE))
        services.activity.viewed("v", volume, parse(f":,{n},:", SHAPE), beside=True)
    go_on.set()
    later(services)
    main, beside = sorted(services.plans.plans(), key=lambda plan: plan.name)
    assert main.plane == (1, 2)
    assert beside.plane == (0, 2)
    for plan in (main, beside):
        assert [sample.position for sample in plan.trajectory] == [(3,), (4,), (5,)]
        assert services.resolver.resolve(plan) is not None
        assert services.resolver.keys_of(plan) <= services.resolver.planned_keys()
