"""Accounts in a browser: name and password, and a sign-out on all devices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboard.people.accounts import Accounts
from tests import conftest
from tests.browser.samples import write_counting
from tests.browser.viewer import PHONE, context_of
from tests.people import PASSWORD, people_file, quick_passwords

pytestmark = pytest.mark.browser

VIEW = "?file=scan.h5&dataset=/volume&axis=0&index=7"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with accounts, and a start token beside them."""
    folder = tmp_path_factory.mktemp("accounts")
    store = people_file(folder)
    accounts = Accounts(store, quick_passwords())
    accounts.add("ann", PASSWORD, ["imaging"])
    accounts.add("root", PASSWORD, admin=True)
    store.close()
    arguments = ["serve", str(write_counting(folder / "scan.h5")), "--people", str(store.path)]
    token = {"LAMELLA_TOKEN": "correct-horse-battery"}
    with conftest.serving(folder, conftest.unused_port(), *arguments, **token) as server:
        yield server.url


@pytest.fixture
def contexts(browser: Browser) -> Iterator[list[BrowserContext]]:
    """Two browsers of people who are not signed in; the second one is a phone."""
    found = [context_of(browser), context_of(browser, viewport=PHONE)]
    yield found
    for context in found:
        context.close()


def type_name(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the form with the keyboard alone."""
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def expect_view(page: Page) -> None:
    expect(page.locator("#slice-slider [role=slider]")).to_have_attribute("aria-valuenow", "7")


def test_name_and_password(contexts: list[BrowserContext], url: str) -> None:
    page = contexts[0].new_page()
    errors: list[str] = []
    page.goto(f"{url}/{VIEW}")
    page.on("console", lambda message: errors.append(message.text))
    type_name(page, "ann", "wrong words of hers")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    # The name is there still, and the keyboard is where something has to be typed.
    expect(page.locator("#name")).to_have_value("ann")
    expect(page.locator("#password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect_view(page)
    assert "index=7" in page.url
    assert [text for text in errors if "401" not in text] == []


def test_a_sign_out_on_all_devices(contexts: list[BrowserContext], url: str) -> None:
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(f"{url}/{VIEW}")
        type_name(page, "ann")
        expect_view(page)
    phone = pages[1]
    phone.goto(f"{url}/sign-out")
    expect(phone.get_by_text("You are signed in as ann.")).to_be_visible()
    assert phone.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    phone.get_by_role("button", name="Sign out on all devices").click()
    expect(phone.get_by_role("status")).to_have_text("You are signed out.")
    for page in pages:
        page.goto(f"{url}/{VIEW}")
        expect(page.locator("#name")).to_be_focused()


def test_the_start_token_without_a_name(contexts: list[BrowserContext], url: str) -> None:
    page = contexts[1].new_page()
    page.goto(f"{url}/people")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.fill("#password", "correct-horse-battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="API tokens")).to_be_visible()
    expect(page.get_by_role("cell", name="imaging")).to_be_visible()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
