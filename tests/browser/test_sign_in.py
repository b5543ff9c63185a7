"""Sign-in in a browser: by the form and by a link, sign-out, and a session that ends while the page is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tests import conftest
from tests.browser.accessibility import assert_accessible
from tests.browser.samples import write_counting
from tests.browser.viewer import PHONE, context_of
from tests.nightly import mostly

pytestmark = pytest.mark.browser

TOKEN = "correct-horse-battery"
VIEW = "?file=scan.h5&dataset=/volume&axis=0&index=7&window=0,9"
INDEX = "#slice-slider [role=slider]"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a token, below a prefix."""
    folder = tmp_path_factory.mktemp("sign-in")
    port = conftest.unused_port()
    arguments = ["serve", str(write_counting(folder / "scan.h5")), "--url-prefix", "/lamella"]
    with conftest.serving(folder, port, *arguments, LAMELLA_TOKEN=TOKEN) as server:
        assert TOKEN not in server.line
        yield f"{server.url}/lamella"
        assert TOKEN not in server.log.read_text()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def type_token(page: Page, token: str = TOKEN) -> None:
    """Fill in the form with the keyboard alone."""
    expect(page.locator("#token")).to_be_focused()
    page.keyboard.type(token)
    page.keyboard.press("Enter")


def expect_index(page: Page, index: int) -> None:
    expect(page.locator(INDEX)).to_have_attribute("aria-valuenow", str(index))


def test_the_form_leads_to_the_view(page: Page, url: str) -> None:
    page.goto(f"{url}/{VIEW}")
    assert_accessible(page, "sign-in")
    type_token(page, "a-wrong-token-of-mine")
    expect(page.get_by_role("alert")).to_have_text("The token is wrong.")
    type_token(page)
    expect_index(page, 7)
    assert "index=7" in page.url
    assert "window=0,9" in page.url
    (cookie,) = page.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert cookie["path"] == "/lamella"
    assert page.evaluate("() => document.cookie") == ""
    page.goto(f"{url}/monitor")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_link_signs_in_and_leaves_no_token(page: Page, url: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.headers.get("referer", "")))
    page.goto(f"{url}/{VIEW}&token={TOKEN}")
    expect_index(page, 7)
    assert TOKEN not in page.url
    assert "index=7" in page.url
    assert not any(TOKEN in referer for referer in asked)
    assert TOKEN not in page.evaluate("() => document.referrer + JSON.stringify(history.state)")
    page.goto(f"{url}/?token=a-wrong-token-of-mine")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert "token" not in page.url


def test_sign_out(page: Page, url: str) -> None:
    page.goto(f"{url}/{VIEW}&token={TOKEN}")
    expect_index(page, 7)
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    assert page.context.cookies() == []
    page.go_back()
    expect(page.locator("#token")).to_be_focused()
    assert "index=7" in page.url
    page.goto(f"{url}/{VIEW}")
    expect(page.locator("#token")).to_be_focused()


PATHS = (VIEW, "monitor?row=caches", "?file=missing.h5&dataset=/x")


@pytest.mark.parametrize("path", mostly(PATHS, PATHS[1:]))
def test_a_session_that_ends_while_the_page_is_open(page: Page, url: str, path: str) -> None:
    """It ends by a sign-out in another tab; without a view, Dash alone asks the server."""
    page.goto(f"{url}/{path}{'&' if '?' in path else '?'}token={TOKEN}")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    if path == VIEW:
        expect_index(page, 7)
        page.keyboard.press("ArrowRight")
        expect_index(page, 8)
        page.wait_for_url("**index=8**")
    refused: list[str] = []

    def arrived(response: Response) -> None:
        if response.status == 401:
            refused.append(response.url)

    page.on("response", arrived)
    there = page.context.new_page()
    there.goto(f"{url}/monitor")
    there.get_by_role("button", name="Sign out").click()
    expect(there.locator("#token")).to_be_visible()
    notice = page.locator(".signed-out")
    expect(notice).to_have_text("You are signed out. Sign in again.")
    seen = len(refused)
    if path == VIEW:
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        expect_index(page, 13)
    assert len(refused) - seen <= 3, "what was on its way, and nothing new"
    expect(notice).to_have_count(1)
    before = page.url
    notice.get_by_role("link").focus()
    page.keyboard.press("Enter")
    type_token(page)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert page.url == before


@pytest.mark.parametrize("scheme", mostly(["light", "dark"], ["light"]))
def test_the_form_on_a_phone(browser: Browser, url: str, scheme: str) -> None:
    context = context_of(browser, viewport=PHONE, color_scheme=scheme)
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.goto(f"{url}/sign-in")
    expect(page.locator("#token")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert dark == ("rgb(19, 23, 26)" if scheme == "dark" else "rgb(244, 246, 247)")
    for selector in ("#token", "button"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["height"] >= 44
    assert errors == []
    page.fill("#token", TOKEN)
    page.click("button")
    page.wait_for_selector("#slice-graph")
    button = page.get_by_role("button", name="Sign out")
    expect(button).to_be_visible()
    box = button.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"]
    context.close()


def test_a_slice_that_is_refused_comes_after_a_sign_in_elsewhere(page: Page, url: str) -> None:
    page.goto(f"{url}/{VIEW}&token={TOKEN}")
    expect_index(page, 7)
    page.context.clear_cookies()
    page.keyboard.press("End")
    message = page.locator("#plot-message")
    expect(message).to_contain_text("You are signed out.")
    expect(page.locator("#plot-offer")).to_be_hidden()
    there = page.context.new_page()
    there.goto(f"{url}/monitor?token={TOKEN}")
    expect(there.get_by_role("button", name="Sign out")).to_be_visible()
    page.click("#plot-retry")
    expect(message).to_be_hidden()
    expect(page.locator(".signed-out")).to_have_count(0)
    page.wait_for_url("**index=19**")
