"""Frames in pages of other sites: the policy, what a browser is led to, and the cookie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from dashboard.errors import SetupError
from dashboard.settings import load_settings
from tests.web import App, running

TOKEN = "correct-horse-battery"
ORIGINS = ("https://hub.example", "http://localhost:*")
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
HTML = {"Accept": "text/html"}


@pytest.fixture(params=[(), ORIGINS], ids=["none", "some"])
def app(request: pytest.FixtureRequest, data: Path, tmp_path: Path) -> Iterator[App]:
    with running(tmp_path, data, token=TOKEN, frame_ancestors=request.param) as made:
        yield made


def follow(app: App, host: str, scheme: str = "http") -> TestResponse:
    """A link that signs in, in a frame of another site's page."""
    url = f"{scheme}://{host}"
    return app.client.get(f"/?token={TOKEN}", headers=FRAME | HTML, base_url=url)


def test_the_policy_names_the_origins(app: App) -> None:
    allowed = app.services.settings.frame_ancestors
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for headers in (HTML, HTML | bearer):
        response = app.get("/", headers)
        assert ("X-Frame-Options" in response.headers) is not bool(allowed)
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert " ".join(("frame-ancestors 'self'", *allowed)) in policy


def test_a_frame_is_led_to_a_page_and_to_nothing_else(app: App) -> None:
    allowed = bool(app.services.settings.frame_ancestors)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert app.get("/", FRAME | HTML | bearer).status_code == (200 if allowed else 403)
    for path in ("/api/v1/files", "/metrics", "/_dash-layout", "/assets/favicon.svg"):
        assert app.get(path, FRAME | bearer).status_code == 403
    for changed in ({"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "object"}):
        assert app.get("/", FRAME | HTML | bearer | changed).status_code == 403
    refused = app.client.post("/sign-in", headers=FRAME | HTML, base_url="http://127.0.0.1")
    assert refused.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost", "[::1]:8050", "[::1]"])
def test_the_cookie_is_sent_to_frames_on_this_machine(app: App, host: str) -> None:
    response = follow(app, host)
    if not app.services.settings.frame_ancestors:
        assert response.status_code == 403
        return
    assert response.status_code == 303
    parts = {part.strip().lower() for part in response.headers["Set-Cookie"].split(";")}
    assert {"httponly", "secure", "samesite=none", "partitioned"} <= parts


def test_elsewhere_the_cookie_is_sent_to_this_site_alone(data: Path, tmp_path: Path) -> None:
    settings = {"host": "0.0.0.0", "insecure_http": True, "token": TOKEN}
    with running(tmp_path, data, frame_ancestors=ORIGINS, **settings) as app:
        plain = follow(app, "scans.lan").headers["Set-Cookie"].lower()
        assert "samesite=lax" in plain
        assert "secure" not in plain
        assert "partitioned" not in plain
        encrypted = follow(app, "scans.lan", "https").headers["Set-Cookie"].lower()
        assert "samesite=none" in encrypted
        assert "partitioned" in encrypted


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "hub.example",
        "https://",
        "https:",
        "data:",
        "https://a b",
        "https://a;script-src *",
        "https://a/path",
        "'none'",
    ],
)
def test_what_is_no_origin(origin: str) -> None:
    with pytest.raises(SetupError, match="LAMELLA_FRAME_ANCESTORS"):
        load_settings({"frame_ancestors": (origin,)})


def test_origins() -> None:
    given = "https://Hub.example/, http://localhost:*,https://*.example:8443,vscode-webview:"
    assert load_settings({"frame_ancestors": given}).frame_ancestors == (
        "https://hub.example",
        "http://localhost:*",
        "https://*.example:8443",
        "vscode-webview:",
    )
