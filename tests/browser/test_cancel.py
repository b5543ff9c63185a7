"""Cancelling a wait restores the view of the slice that is on the screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.viewer import DIMMED, reveal
from tests.nightly import mostly
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
STACK = "?file=other.h5&dataset=/stack&selection=1,4,:,:&axis=1"

STATE = script("cancel/state")


@pytest.fixture
def waiting(viewer: Any) -> Callable[..., Any]:
    """A viewer at rest on a link, whose slice requests then stay without an answer."""

    def wait(link: str, pattern: str = r"/slice\?") -> Any:

        viewer.open(link)
        viewer.until(
            "() => document.title !== 'Lamella' && location.search.includes('colorscale=')"
        )
        viewer.before = viewer.page.evaluate(STATE)
        viewer.page.route(re.compile(pattern), lambda route: None)
        return viewer

    return wait


def dimmed(viewer: Any) -> None:
    """The wait lasts, under the name of the picture that is still there."""
    viewer.until(DIMMED)
    now = viewer.page.evaluate(STATE)
    for name in ("crumb", "title", "address"):
        assert now[name] == viewer.before[name]


def assert_back(viewer: Any) -> None:
    """All of it is as it was, with no answer of the server."""
    viewer.until(f"() => !({DIMMED})()")
    viewer.settled()
    viewer.until(
        "(text) => document.querySelector('#slice-slider [role=slider]').ariaValueNow === text",
        viewer.before["slider"],
    )
    viewer.until(
        f"(text) => JSON.stringify(({STATE})()) === text",
        viewer.page.evaluate("(state) => JSON.stringify(state)", viewer.before),
    )
    assert not viewer.page.is_visible("#plot-wait")
    assert not viewer.page.is_visible("#plot-message")


def assert_as_before(viewer: Any) -> None:
    """All of it is as it was, and keys work."""
    assert_back(viewer)
    viewer.page.unroute_all()
    viewer.press("ArrowRight")
    expected = viewer.before["position"]
    if viewer.before["axis"] is not None:
        expected[viewer.before["axis"]] += 1
    assert viewer.page.evaluate("() => lamella.viewer.current().position") == expected
    viewer.errors.clear()


def cancel(viewer: Any) -> None:
    viewer.page.locator("#plot-cancel").wait_for(state="visible")
    assert viewer.page.inner_text("#plot-cancel") == "Cancel"
    viewer.page.click("#plot-cancel")


def escape(viewer: Any) -> None:
    viewer.page.keyboard.press("Escape")


WISHES: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "slice": (f"{SCAN}&axis=0&index=20", lambda page: page.keyboard.press("End"), "slice 129"),
    "first slice": (f"{SCAN}&axis=0&index=20", lambda page: page.keyboard.press("Home"), "slice 0"),
    "axis": (
        f"{SCAN}&axis=0&index=20&x=10,60&y=20,70",
        lambda page: reveal(page, "#axis-select").get_by_text("1 · 120").click(),
        "slice 60 of axis 1",
    ),
    "axis and slice": (
        f"{SCAN}&axis=0&index=20",
        lambda page: (
            reveal(page, "#axis-select").get_by_text("2 · 100").click(),
            page.keyboard.press("ArrowLeft"),
        ),
        "slice 49 of axis 2",
    ),
    "dataset": (
        f"{SCAN}&axis=1&index=20&x=10,60&y=20,70",
        lambda page: page.locator("#dataset-tree").get_by_text("plane", exact=True).click(),
        "/plane of scan.h5",
    ),
    "zoom": (
        f"{SCAN}&axis=0&index=20&x=10,60&y=20,70",
        lambda page: page.click("#zoom-reset"),
        "slice 20",
    ),
    "pool": (
        "?file=scan.h5&dataset=/large&axis=0&index=2",
        lambda page: (
            reveal(page, "#pool-select").click(),
            page.get_by_role("option", name="Max").click(),
        ),
        "slice 2",
    ),
    "other dimension": (
        STACK,
        lambda page: (page.locator("#fixed-index-0").fill("3"), page.keyboard.press("Enter")),
        "slice 4 of axis 1",
    ),
}


@pytest.mark.parametrize(
    ("wish", "leave"),
    mostly(
        [
            *((wish, cancel) for wish in WISHES if wish != "first slice"),
            ("first slice", escape),
            ("other dimension", escape),
        ],
        [("axis", cancel), ("zoom", cancel), ("pool", cancel)],
    ),
)
def test_back_from_a_wait(
    viewer: Any, waiting: Callable[..., Any], wish: str, leave: Callable[[Any], None]
) -> None:
    link, ask, what = WISHES[wish]
    # The ends are not fetched ahead either, before the server falls silent.
    viewer.page.route(re.compile(r"/slice\?.*selection=(0|129),"), lambda route: None)
    viewer = waiting(link)
    ask(viewer.page)
    dimmed(viewer)
    if leave is cancel:
        viewer.await_text("plot-wait-text", what)
    elif wish == "other dimension":
        # In the field Escape gives the number back.
        viewer.page.focus("#plot-frame")
    leave(viewer)
    assert_as_before(viewer)


def test_back_from_a_file_whose_datasets_are_being_read(
    viewer: Any, waiting: Callable[..., Any]
) -> None:
    # A page that has not read them yet.
    viewer.load(f"{SCAN}&axis=0&index=20")
    viewer = waiting(f"{SCAN}&axis=0&index=20", r"/datasets\?file=other")
    viewer.page.evaluate("() => { lamella.viewer.open({file: 'other.h5', dataset: '/stack'}); }")
    dimmed(viewer)
    cancel(viewer)
    assert_as_before(viewer)


def test_back_from_the_browsers_back(waiting: Callable[..., Any]) -> None:
    viewer = waiting(f"{SCAN}&axis=0&index=20", r"/nothing")
    viewer.page.locator("#dataset-tree").get_by_text("large", exact=True).click()
    viewer.address("dataset=/large")
    viewer.settled()
    viewer.address("index=3")
    viewer.before = viewer.page.evaluate(STATE)
    viewer.page.route(re.compile(r"/slice\?"), lambda route: None)
    viewer.page.go_back()
    viewer.until(DIMMED)
    cancel(viewer)
    assert_as_before(viewer)
    viewer.page.go_back()
    viewer.until("() => lamella.viewer.current().dataset === '/entry/data'")
    viewer.settled()
    viewer.until("() => document.title.startsWith('20 ')")


def test_back_while_playing_is_the_slice_on_the_screen(waiting: Callable[..., Any]) -> None:
    viewer = waiting(
        f"{SCAN}&axis=0&index=20", r"/slice\?(?=.*format=u8).*selection=(2[4-9]|[3-9]\d|1\d\d),"
    )
    viewer.page.click("#slice-play")
    viewer.until(DIMMED)
    on_screen = viewer.painted[-1]["index"]
    # Some slices were fetched ahead before the server fell silent.
    assert on_screen >= 20
    cancel(viewer)
    viewer.until(f"() => !({DIMMED})()")
    assert viewer.settled().index == on_screen
    assert viewer.trace["meta"]["selection"] == f"{on_screen},:,:"
    assert viewer.page.get_attribute("#slice-play", "aria-pressed") == "false"
    viewer.address(f"index={on_screen}")
    viewer.errors.clear()


def test_colours_chosen_meanwhile_stay(waiting: Callable[..., Any]) -> None:
    viewer = waiting(f"{SCAN}&axis=0&index=20")
    reveal(viewer.page, "#axis-select").get_by_text("1 · 120").click()
    dimmed(viewer)
    viewer.page.evaluate("() => lamella.viewer.setColors({reverse: true})")
    cancel(viewer)
    viewer.until("() => lamella.viewer.current().axis === 0")
    viewer.until(script("cancel/first-color"))
    viewer.settled()
    assert viewer.trace["meta"]["selection"] == "20,:,:"
    viewer.errors.clear()


@pytest.mark.parametrize(("leave", "pattern"), [(cancel, r"/slice\?"), (escape, r"/datasets\?")])
def test_before_the_first_slice_there_is_nothing_to_go_back_to(
    viewer: Any, leave: Callable[[Any], None], pattern: str
) -> None:

    viewer.page.route(re.compile(pattern), lambda route: None)
    viewer.load(f"{SCAN}&axis=0&index=20")
    viewer.page.locator("#plot-cancel").wait_for(state="visible")
    leave(viewer)
    viewer.page.locator("#start-page").wait_for(state="visible")
    assert not viewer.page.is_visible("#plot-wait")
    assert viewer.page.evaluate("() => lamella.viewer.current()") is None
    assert not viewer.page.is_visible("#axis-select")
    assert viewer.page.locator("#dataset-tree .node[data-selected]").count() == 0
    # Nothing happens, and nothing breaks.
    viewer.page.keyboard.press("ArrowRight")
    viewer.page.keyboard.press("Space")
    viewer.page.unroute_all()
    viewer.page.locator("#start-files button", has_text="scan.h5").click()
    viewer.settled()
    assert not viewer.page.is_visible("#start-page")
    view = viewer.page.evaluate("() => lamella.viewer.current()")
    assert view["file"] == "scan.h5"
    assert viewer.trace["meta"]["selection"].startswith(f"{view['position'][0]},:")
    viewer.press("ArrowRight")
    viewer.errors.clear()


def test_back_from_an_error(viewer: Any) -> None:
    # Not a neighbour, and never answered: what is fetched ahead is on the screen before the error.
    viewer.page.route(
        re.compile(r"/slice\?.*selection=129,"),
        lambda route: route.fulfill(
            status=500, json={"error": {"code": "internal", "message": "The disk is on fire."}}
        ),
    )
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.address("colorscale=")
    viewer.before = viewer.page.evaluate(STATE)

    def fail() -> None:
        viewer.page.keyboard.press("End")
        viewer.await_text("plot-message-text", "fire")

    fail()
    viewer.page.click("#plot-leave")
    assert_back(viewer)
    fail()
    viewer.page.keyboard.press("Escape")
    assert_back(viewer)
    fail()
    viewer.page.click("#plot-offer")
    viewer.address("dataset=/large")
    viewer.settled()
    viewer.press("ArrowRight")
    viewer.errors.clear()


def test_a_slice_whose_values_are_missing_stays_with_a_note(viewer: Any) -> None:
    error = {"error": {"code": "internal", "message": "The disk is on fire."}}
    viewer.page.route(
        re.compile(r"/slice\?(?=.*format=raw).*selection=71,"),
        lambda route: route.fulfill(status=500, json=error),
    )
    viewer.open(f"{SCAN}&axis=0&index=70")
    viewer.page.keyboard.press("ArrowRight")
    note = "() => document.getElementById('plot-note-text').textContent"
    assert viewer.until(note) == "The values of this slice are missing. The disk is on fire."
    viewer.settled()
    assert not viewer.page.is_visible("#plot-message")
    assert viewer.page.evaluate("() => lamella.machine.state().painted.index") == 71
    # The way on.
    viewer.press("ArrowRight")
    viewer.await_text("plot-note-text", "")
    assert viewer.trace["meta"]["selection"] == "72,:,:"
    viewer.page.keyboard.press("ArrowLeft")
    viewer.until(note)
    viewer.page.unroute_all()
    viewer.page.click("#plot-note-action")
    viewer.until("() => !lamella.machine.state().covered")
    assert viewer.trace["meta"]["selection"] == "71,:,:"
    assert not viewer.page.is_visible("#plot-note")
    viewer.errors.clear()


def test_back_from_a_lost_connection(make_viewer: Callable[..., Any]) -> None:
    # Without a connection a tab of its own harms no other test.
    viewer = make_viewer()
    viewer.open(f"{SCAN}&axis=0&index=20")
    viewer.address("colorscale=")
    viewer.before = viewer.page.evaluate(STATE)
    viewer.page.context.set_offline(True)
    viewer.page.keyboard.press("End")
    viewer.await_text("plot-message-text", "connection")
    viewer.page.click("#plot-leave")
    viewer.await_text("plot-message-text", "")
    viewer.settled()
    assert viewer.index == 20
    # It is said without covering the picture, until the server answers again.
    viewer.await_text("plot-note-text", "lost")
    assert not viewer.page.is_visible("#plot-message")
    viewer.page.context.set_offline(False)
    viewer.await_text("plot-note-text", "")
    assert_as_before(viewer)
    assert viewer.painted[-1]["index"] == 21


def test_a_link_to_the_slice_that_keys_just_painted_ends_its_wait(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    link = [f"{SCAN}&axis=0&index=20", 20]
    assert any(
        viewer.settled().page.evaluate(script("cancel/link-on-canvas"), link) for _ in range(5)
    )
    viewer.settled()
    assert viewer.trace["meta"]["selection"] == "20,:,:"


def test_a_long_wait_is_explained(waiting: Callable[..., Any]) -> None:
    viewer = waiting(f"{SCAN}&axis=0&index=10", r"/slice\?.*selection=99,")
    cost = {
        "chunks": 300,
        "chunk_bytes": 2e6,
        "bytes": 6e8,
        "seconds": 8.2,
        "why": "it is stored so",
    }
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(json=cost)

    viewer.page.route(re.compile(r"/api/v1/cost"), answer)
    viewer.page.fill("#index-input", "99")
    viewer.page.keyboard.press("Enter")
    viewer.await_text("plot-wait-text", "300 chunks of 2.0 MB, about 8 s: it is stored so")
    dimmed(viewer)
    # Once, however long it takes.
    viewer.await_text("plot-wait-text", "3 s")
    assert len(asked) == 1
    assert "selection=99,:,:" in asked[0]
    viewer.page.click("#plot-cancel")
    assert_as_before(viewer)
