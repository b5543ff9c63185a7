"""Horizons of viewers: where they are, and what is cached and planned ahead of them."""

from __future__ import annotations

import pytest

from dashboard.errors import NotFound
from dashboard.telemetry.statistics import Stats
from tests.web import App, assert_error

VOLUME = ("data/volume.h5", "/volume")


def test_each_viewer_has_its_position_and_what_is_cached_there(app: App) -> None:
    for index in (3, 4, 5):
        app.slice(*VOLUME, f"{index},:,:", viewer="walking")
    app.services.activity.drain()
    found = {one["viewer"]: one for one in app.get("/api/v1/horizons").get_json()["viewers"]}
    one = found["walking"]
    assert (one["volume"], one["axis"], one["index"]) == ("data/volume.h5/volume", 0, 5)
    residency = app.get(
        "/api/v1/residency", file=VOLUME[0], dataset=VOLUME[1], selection="5,:,:", axis="0"
    ).get_json()
    assert {name: one[name] for name in residency} == residency
    assert any(low <= 5 < high for low, high in one["cached"])
    assert one["idle_s"] < 30
    assert one["in_flight"] == 0


def test_bricks_that_are_cached_are_planned_no_longer(app: App) -> None:
    def planned() -> int:
        app.services.activity.drain()
        found = {one["viewer"]: one for one in app.get("/api/v1/horizons").get_json()["viewers"]}
        return int(found["walking"]["planned"])

    app.slice(*VOLUME, "3,:,:", viewer="walking")
    assert planned() > 0
    for index in (3, 11, 19):
        app.slice(*VOLUME, f"{index},:,:")
    for axis in (1, 2):
        for index in range(0, 50 if axis == 2 else 40, 16):
            app.slice(*VOLUME, f":,{index},:" if axis == 1 else f":,:,{index}")
    assert planned() == 0


def test_a_viewer_of_a_file_that_cannot_be_read_is_left_out(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.slice(*VOLUME, "3,:,:", viewer="walking")
    app.services.activity.drain()

    def fingerprint(file: str) -> None:
        raise NotFound(file)

    monkeypatch.setattr(app.services.catalog, "fingerprint", fingerprint)
    assert app.get("/api/v1/horizons").get_json() == {"viewers": []}


def test_a_server_that_keeps_nothing_about_viewers_says_so(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stats, "keeps_viewers", False)
    message = assert_error(app.get("/api/v1/horizons"), 400)
    assert message == "This server says nothing about single viewers."
