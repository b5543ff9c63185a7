"""The bundle of Plotly that the pages load: of the version that figures are made for, and behind the guards."""

from __future__ import annotations

import re

import flask
import pytest
from plotly.offline import get_plotlyjs_version

from dashboard.assets_path import assets_folder
from dashboard.errors import Unauthorized
from dashboard.web import plotly_bundle, security, texts
from dashboard.web.plotly_bundle import ADDRESS, FILE

HEAD = (assets_folder() / FILE).read_text()[:500]


def test_it_is_of_the_version_that_figures_are_made_for() -> None:
    found = re.search(r"plotly\.js \(cartesian - minified\) v([\d.]+)", HEAD)
    assert found is not None
    assert found[1] == get_plotlyjs_version()


def test_its_licence_lies_beside_it() -> None:
    assert "MIT" in (assets_folder() / FILE).with_name("LICENSE-plotly.txt").read_text()


@pytest.fixture
def server() -> flask.Flask:
    server = flask.Flask(__name__)
    server.register_error_handler(Unauthorized, security.error_response)
    return server


def test_it_is_answered_below_the_prefix_and_known_again(server: flask.Flask) -> None:
    texts.register(server, plotly_bundle.texts("/lamella"))
    client = server.test_client()
    first = client.get(f"/lamella/{ADDRESS}")
    assert first.text.startswith(HEAD)
    assert first.mimetype == "text/javascript"
    again = client.get(f"/lamella/{ADDRESS}", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert client.get(f"/{ADDRESS}").status_code == 404


def test_guards_come_before_it(server: flask.Flask) -> None:
    @server.before_request
    def guard() -> None:
        raise Unauthorized("Sign in.")

    texts.register(server, plotly_bundle.texts(""))
    assert server.test_client().get(f"/{ADDRESS}").status_code == 401
