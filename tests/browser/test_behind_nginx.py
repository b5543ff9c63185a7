"""The page in a browser as a team has it: over HTTPS, below a prefix, through nginx, with sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import certificates, conftest, nginx
from tests.browser.samples import write_counting
from tests.browser.viewer import context_of

pytestmark = pytest.mark.browser

TOKEN = "correct-horse-battery"
VIEW = "/lamella/?file=scan.h5&dataset=/volume&axis=0&index=7"
INDEX = "#slice-slider [role=slider]"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of nginx in front of a server on a socket file."""
    data = write_counting(tmp_path / "scan.h5")
    certificate, path = certificates.make(tmp_path), tmp_path / "lamella.sock"
    arguments = ("serve", "--bind", f"unix:{path}", "--url-prefix", "/lamella", str(data))
    port = conftest.unused_port()
    with (
        conftest.serving(tmp_path / "server", port, *arguments, LAMELLA_TOKEN=TOKEN),
        nginx.running(tmp_path / "nginx", str(path), certificate) as site,
    ):
        yield f"https://localhost:{site.https}"


def test_a_person_signs_in_and_looks(browser: Browser, url: str) -> None:
    context = context_of(browser, ignore_https_errors=True)
    complaints: list[str] = []
    try:
        page: Page = context.new_page()
        page.goto(url + VIEW)
        expect(page.locator("#token")).to_be_focused()
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator(INDEX)).to_have_attribute("aria-valuenow", "7")
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.keyboard.press("ArrowRight")
        expect(page.locator(INDEX)).to_have_attribute("aria-valuenow", "8")
        (cookie,) = context.cookies()
        assert cookie["secure"]
        assert cookie["httpOnly"]
        page.goto(f"{url}/lamella/status")
        expect(page.get_by_role("heading", name="Status")).to_be_visible()
        expect(page.get_by_role("row", name="Slices works")).to_be_visible()
        expect(page.get_by_role("row", name="Sign-in works")).to_be_visible()
        expect(page.get_by_role("row")).to_have_count(6)
        page.get_by_role("link", name="the monitor").click()
        page.wait_for_url(f"{url}/lamella/monitor*")
        assert complaints == []
    finally:
        context.close()
