"""A viewer pauses what is decoded ahead of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web import App


def pause(app: App, body: Any) -> Any:
    return app.client.post("/api/v1/prefetch", json=body, base_url="http://127.0.0.1")


def test_a_paused_viewer_has_no_plan(app: App) -> None:
    def plans() -> set[str]:
        app.services.activity.drain()
        return {plan.viewer for plan in app.services.plans.plans()}

    volume = ("data/volume.h5", "/volume")
    app.slice(*volume, "3,:,:", viewer="pausing")
    assert "pausing" in plans()
    assert pause(app, {"viewer": "pausing", "pause_s": 300}).status_code == 204
    app.slice(*volume, "4,:,:", viewer="pausing")
    assert "pausing" not in plans()
    assert pause(app, {"viewer": "pausing", "pause_s": 0}).status_code == 204
    assert "pausing" in plans()


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"viewer": "a"}, "pause_s"),
        ({"viewer": "a b", "pause_s": 1}, "viewer"),
        ({"viewer": "a", "pause_s": -1}, "pause_s"),
        ({"viewer": "a", "pause_s": 3601}, "pause_s"),
        ({"viewer": "a", "pause_s": "1"}, "pause_s"),
        ([], "the body"),
    ],
)
def test_a_malformed_pause_is_refused_with_the_reason(app: App, body: Any, part: str) -> None:
    response = pause(app, body)
    assert response.status_code == 400
    assert part in response.json["error"]["message"]
