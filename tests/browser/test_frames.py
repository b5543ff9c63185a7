"""The page in a frame of another site's page, where that is allowed, and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests import conftest
from tests.browser.samples import write_counting
from tests.nightly import mostly
from tests.web import POLL_S

pytestmark = pytest.mark.browser

TOKEN = "correct-horse-battery"
VIEW = f"?token={TOKEN}&file=scan.h5&dataset=/volume&axis=0&index=7"


@contextmanager
def notebook(html: str) -> Iterator[int]:
    """The port of a page that has this in it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<!doctype html><meta charset=utf-8><link rel=icon href=data:,>{html}".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    folder = tmp_path_factory.mktemp("frames")
    path = str(write_counting(folder / "scan.h5"))

    def served(*options: str) -> Any:
        arguments = ["serve", path, *options]
        port = conftest.unused_port()
        return conftest.serving(folder, port, *arguments, LAMELLA_TOKEN=TOKEN)

    return served


def frame_of(page: Page, port: int) -> Any:
    page.goto(f"http://localhost:{port}/")
    return page.frame_locator("iframe")


def html(url: str) -> str:
    return f'<iframe src="{url}/{VIEW.replace("&", "&amp;")}" width="1200" height="700"></iframe>'


def test_a_frame_that_is_allowed_shows_the_view(
    serve: Callable[..., Any], context: BrowserContext
) -> None:
    page = context.new_page()
    with (
        serve("--frame-ancestor", "http://localhost:*") as server,
        notebook(html(server.url)) as port,
    ):
        frame = frame_of(page, port)
        slider = frame.locator("#slice-slider [role=slider]")
        expect(slider).to_have_attribute("aria-valuenow", "7")
        frame.locator("#slice-graph .nsewdrag").first.click()
        page.keyboard.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuenow", "8")
        # The page around it reads nothing.
        attempt = f"fetch('{server.url}/api/v1/files').then(() => 'read', () => 'nothing')"
        assert page.evaluate(attempt) == "nothing"
        (cookie,) = context.cookies(server.url)
        assert cookie["sameSite"] == "None"
        assert cookie["secure"]
        assert cookie["httpOnly"]
        page.close()


@pytest.mark.parametrize("elsewhere", mostly([False, True], [False]))
def test_other_frames_stay_empty(
    serve: Callable[..., Any], context: BrowserContext, elsewhere: bool
) -> None:
    page = context.new_page()
    options = ("--frame-ancestor", "https://elsewhere.example") if elsewhere else ()
    with serve(*options) as server, notebook(html(server.url)) as port:
        frame = frame_of(page, port)
        page.wait_for_load_state("load")
        expect(frame.locator("#slice-graph")).to_have_count(0)
        # The browser shows an error of its own, or ours.
        assert not page.frames[1].url.startswith(f"{server.url}/?file")
        page.close()
