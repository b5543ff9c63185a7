"""The page `/monitor`: its addresses, its policy, and that the viewer's page does not grow by it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from dashboard.app import create_app
from dashboard.assets_path import assets_folder
from dashboard.settings import Settings
from tests.web import assert_error


@pytest.fixture
def client(make_settings: Callable[..., Settings]) -> FlaskClient:
    return create_app(make_settings(url_prefix="/lamella")).server.test_client()


@pytest.mark.parametrize("path", ["/monitor", "/monitor/", "/monitor?range=1h&row=caches&wall=1"])
def test_the_page_is_at_monitor(client: FlaskClient, path: str) -> None:
    page = client.get(f"/lamella{path}")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert "<title>Lamella monitor</title>" in page.text


def test_the_page_knows_the_prefix_and_the_words_of_the_viewer(client: FlaskClient) -> None:
    text = client.get("/lamella/monitor").text
    found = re.search(r'<script id="monitor-config" type="application/json">(.*?)</script>', text)
    assert found is not None
    config = json.loads(found[1])
    assert config["prefix"] == "/lamella"
    assert config["outcomes"][0]["label"] == "in the page"
    assert set(config["reasons"]) == set(config["causes"])
    assert set(config["filters"]) == {"volume", "axis", "outcome", "reason", "kind", "process"}


def test_all_that_the_page_loads_is_there(client: FlaskClient) -> None:
    text = client.get("/lamella/monitor").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(addresses) > 15
    for address in addresses:
        with client.get(address) as response:
            assert response.status_code == 200, address
    assert client.get("/lamella/monitor/_dash-layout").mimetype == "application/json"
    assert client.get("/lamella/monitor/_dash-dependencies").get_json() == []


def test_both_pages_share_scripts_and_load_their_own_styles(client: FlaskClient) -> None:
    pages = {path: client.get(f"/lamella{path}").text for path in ("/", "/monitor")}
    scripts = {path: set(re.findall(r'<script src="([^"]+)"', t)) for path, t in pages.items()}
    styles = {path: re.findall(r"/css/([\w-]+)\.css", t) for path, t in pages.items()}
    assert scripts["/monitor"] < scripts["/"]
    assert not [name for name in scripts["/"] if "dash_table" in name]
    assert not [name for name in styles["/"] if name.startswith("monitor")]
    shared, own = styles["/monitor"][:3], styles["/monitor"][3:]
    assert shared == ["10-base", "20-frame", "30-icons"]
    assert own == sorted(path.stem for path in (assets_folder() / "css").glob("monitor-*.css"))


def test_the_policy_covers_both_pages(client: FlaskClient) -> None:
    policies = {
        client.get(f"/lamella{path}").headers["Content-Security-Policy"]
        for path in ("/", "/monitor")
    }
    assert len(policies) == 1
    (policy,) = policies
    assert "unsafe-eval" not in policy
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in script


def test_malformed_calls_are_refused(client: FlaskClient) -> None:
    assert_error(client.post("/lamella/monitor/_dash-update-component", json={"output": "x"}), 400)
    assert_error(client.get("/lamella/monitor/_dash-component-suites/dash/nothing.js"), 404)


def test_other_sites_may_link_to_the_page_alone(client: FlaskClient) -> None:
    link = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert client.get("/lamella/monitor?row=caches", headers=link).status_code == 200
    for path in ("_dash-layout", "_dash-dependencies", "assets/favicon.svg"):
        # A file that is sent stays open until its response is closed.
        with client.get(f"/lamella/monitor/{path}") as response:
            assert response.status_code == 200
        assert_error(client.get(f"/lamella/monitor/{path}", headers=link), 403)
