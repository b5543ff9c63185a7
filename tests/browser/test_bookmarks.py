"""The drawer of bookmarks and shared links: add, open and delete, and a link that opens a view for a guest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import conftest
from tests.browser.samples import write_counting
from tests.browser.viewer import context_of

pytestmark = pytest.mark.browser

TOKEN = "correct-horse-battery"
VIEW = "?file=data/scan.h5&dataset=/volume&axis=0&index={}&window=0,9"
TOOLS = "1,2/line:2,3,20,30,w3,sum;1,2/ellipse:4.5,5.5,9.5,12.5;0,1/point:4,7"
COMPARED = "data/other.h5|/volume"
KEPT = "() => { const { tools, compare, mode } = lamella.viewer.current(); return [tools, compare, mode]; }"
INDEX = "#slice-slider [role=slider]"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a token, on two files."""
    folder = tmp_path_factory.mktemp("bookmarks")
    for name in ("scan", "other"):
        write_counting(folder / "data" / f"{name}.h5")
    people = str(folder / "people" / "people.sqlite")
    arguments = ["serve", str(folder / "data"), "--people", people]
    port = conftest.unused_port()
    with conftest.serving(folder, port, *arguments, LAMELLA_TOKEN=TOKEN) as server:
        yield server.url


def expect_index(page: Page, index: int) -> None:
    expect(page.locator(INDEX)).to_have_attribute("aria-valuenow", str(index))


def opened(context: BrowserContext, url: str, index: int, more: str = "") -> Page:
    """The page of somebody who is signed in, with the drawer open."""
    page = context.new_page()
    page.goto(f"{url}/{VIEW.format(index)}{more}&token={TOKEN}")
    expect_index(page, index)
    page.get_by_role("button", name="Bookmarks and shared links").click()
    return page


def test_a_bookmark_is_added_opened_and_deleted(context: BrowserContext, url: str) -> None:
    more = f"&tools={TOOLS}&compare={COMPARED}&comparing=swipe"
    page = opened(context, url, 7, more)
    drawer = page.get_by_role("dialog", name="Bookmarks and shared links")
    expect(drawer.get_by_text("There are no bookmarks.")).to_be_visible()
    expect(drawer.get_by_label("Name")).to_have_value("volume, slice 7")
    drawer.get_by_label("Name").fill("A crack <b>")
    drawer.get_by_label("Note").fill("grows to the left")
    drawer.get_by_role("button", name="Add bookmark").click()
    expect(drawer.get_by_text("grows to the left")).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    page.goto(f"{url}/{VIEW.format(0)}")
    expect_index(page, 0)
    page.get_by_role("button", name="Bookmarks and shared links").click()
    drawer.get_by_role("link", name="A crack <b>").click()
    expect_index(page, 7)
    expect(drawer).to_be_hidden()
    assert "index=7" in page.url
    assert page.evaluate(KEPT) == [TOOLS, COMPARED, "swipe"]
    # Keys step through slices at once.
    page.keyboard.press("ArrowRight")
    expect_index(page, 8)
    page.get_by_role("button", name="Bookmarks and shared links").click()
    drawer.get_by_role("button", name="Delete A crack <b>").click()
    expect(drawer.get_by_text("There are no bookmarks.")).to_be_visible()


def test_a_link_opens_the_view_for_a_guest(
    context: BrowserContext, browser: Browser, url: str
) -> None:
    page = opened(context, url, 5)
    drawer = page.get_by_role("dialog", name="Bookmarks and shared links")
    drawer.get_by_label("Purpose").fill("for the referee")
    drawer.get_by_role("button", name="Make a link").click()
    link = drawer.locator("#share-link").input_value()
    assert link.startswith(f"{url}/s/")
    drawer.get_by_role("button", name="Copy").click()
    expect(drawer.get_by_role("button", name="Copied")).to_be_visible()
    guests = context_of(browser)
    guest = guests.new_page()
    guest.goto(link)
    expect_index(guest, 5)
    assert "/s/" not in guest.url
    assert "window=0,9" in guest.url
    expect(guest.get_by_role("treeitem", name="scan.h5")).to_be_visible()
    expect(guest.get_by_role("treeitem", name="other.h5")).to_have_count(0)
    guest.keyboard.press("ArrowRight")
    expect_index(guest, 6)
    guest.get_by_role("button", name="Bookmarks and shared links").click()
    expect(guest.get_by_text("Who opens a shared link has no bookmarks here.")).to_be_visible()
    guest.keyboard.press("Escape")
    drawer.get_by_role("button", name="Revoke the link to for the referee").click()
    expect(drawer.get_by_text("for the referee")).to_have_count(0)
    guest.goto(link)
    expect(guest.get_by_role("alert")).to_contain_text("This link is not valid any more")
    guests.close()
