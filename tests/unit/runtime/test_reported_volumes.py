"""Reports of slices of volumes that another process knows, or whose file was replaced or removed meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import numpy as np
import pytest

from dashboard.runtime.container import Services
from tests import files
from tests.services import figures, view
from tests.unit.runtime.test_reports import body, forbid, opened, refused, report, row


def test_another_process_opened_the_volume(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = opened(make()).version
    other = make()
    forbid(other, monkeypatch)
    other.activity.report(body(row(), row("4,:,:", version=version)))
    refused(other)
    assert figures(other)["demand"]["ring"] == 2
    assert other.plans.plans()[0].position == (4,)


def test_a_volume_that_left_the_memory_is_known_all_the_same(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    opened(services)
    services = make()
    forbid(services, monkeypatch)
    services.activity.report(report("3,:,:"))
    refused(services)


@pytest.mark.parametrize("version", [True, False])
def test_a_file_that_was_replaced_meanwhile(
    make: Callable[..., Services], data: Path, monkeypatch: pytest.MonkeyPatch, version: bool
) -> None:
    """The old slice was seen, but the plan stays with the new state."""
    services = make()
    old = opened(services)
    values = np.zeros((6, 8, 9), "u2")
    files.write(data / "new.h5", x=(values, {"chunks": (2, 8, 9), "compression": "gzip"}))
    os.replace(data / "new.h5", data / "a.h5")
    view(services, "2,:,:")
    new = opened(services)
    assert new.version != old.version
    forbid(services, monkeypatch)
    stated = {"version": old.version} if version else {}
    services.activity.report(body(row("20,:,:", **stated)))
    refused(services)
    assert figures(services)["demand"]["ring"] == 1
    (plan,) = services.plans.plans()
    assert plan.fingerprint == tuple(new.address.fingerprint.as_list())
    services.activity.report(body(row("20,:,:", version=new.version)))
    refused(services, contradictory=1)


def test_a_file_that_was_removed_meanwhile_was_seen(
    make: Callable[..., Services], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    opened(services)
    forbid(services, monkeypatch)
    (data / "a.h5").unlink()
    services.activity.report(report("3,:,:"))
    refused(services)


def test_what_was_planted_in_the_metadata_cache_is_unknown(
    make: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = make()
    opened(services)
    services = make()
    cached = services.caches.metadata
    forbid(services, monkeypatch)
    planted: list[Any] = [
        {}, [], 3, {"fingerprint": 3}, {"fingerprint": [1]}, {"fingerprint": [1, 2, 3, "x"]},
    ]  # fmt: skip
    for value in planted:
        for key in cached.keys_with_prefix(""):
            cached.set(key, flask.json.dumps(value).encode())
        services.activity.report(report("3,:,:"))
    refused(services, unknown=len(planted))
