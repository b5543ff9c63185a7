"""A page of another origin reads nothing from the server, and may link to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response

from tests.browser.viewer import Served
from tests.nightly import mostly
from tests.page_scripts import script
from tests.web import POLL_S

pytestmark = pytest.mark.browser

PNG = "/api/v1/slice?file=scan.h5&dataset=/entry/data&selection=3,:,:&format=png"

ATTACKER = "elsewhere"
# What the page could get at: nothing, or the words that say what it got.
ATTEMPTS = script("cross-site/attempts")


class Elsewhere(BaseHTTPRequestHandler):
    """An empty page with a link."""

    def do_GET(self) -> None:
        body = b"<!doctype html><meta charset=utf-8><link rel=icon href=data:,><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of another server on the same machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def page(profile: Any) -> Iterator[Page]:
    page = profile.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("there", mostly(["127.0.0.1", "localhost"], ["localhost"]))
@pytest.mark.parametrize("here", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_gets_nothing(
    page: Page, served: Served, elsewhere: int, here: str, there: str
) -> None:
    target = f"http://{there}:{urlsplit(served.url).port}"
    statuses: list[int] = []

    def arrived(response: Response) -> None:
        if response.url.startswith(target):
            statuses.append(response.status)

    page.on("response", arrived)
    page.goto(f"http://{here}:{elsewhere}/")
    got = page.evaluate(ATTEMPTS, [target, f"{PNG}&viewer={ATTACKER}"])
    assert got == dict.fromkeys(got, "nothing")
    assert set(statuses) == {403}
    served.get(f"{PNG}&viewer=own")
    counted = served.groups_by_viewer()
    assert "own" in counted
    assert ATTACKER not in counted


def test_a_link_on_another_site_leads_to_the_page(
    fresh_viewer: Any, served: Served, elsewhere: int
) -> None:
    viewer = fresh_viewer
    viewer.page.goto(f"http://localhost:{elsewhere}/")
    viewer.page.evaluate(
        script("cross-site/follow-link"),
        f"{served.url}/?file=scan.h5&dataset=/entry/data&axis=0&index=7",
    )
    viewer.page.click("a")
    viewer.page.wait_for_selector("#slice-graph")
    viewer.settled()
    assert viewer.index == 7


def test_a_window_that_another_site_opens_is_cut_off_from_it(
    page: Page, served: Served, elsewhere: int
) -> None:
    page.goto(f"http://localhost:{elsewhere}/")
    with page.expect_popup() as opened:
        page.evaluate("(address) => { window.there = open(address); }", f"{served.url}/")
    opened.value.wait_for_selector("#slice-graph")
    assert page.evaluate("() => window.there.closed")
    opened.value.close()
