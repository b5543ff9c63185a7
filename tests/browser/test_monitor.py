"""The page `/monitor`: rows, time spans, filters, lists and the wall, on one server's real figures."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Route, expect

from dashboard.telemetry.stages import SERVER_STAGES, STAGE_NAMES
from tests.browser.viewer import PHONE, SIZE, Served, Viewer
from tests.page_scripts import script

pytestmark = pytest.mark.browser

VOLUME = {"file": "scan.h5", "dataset": "/entry/data"}

# Before any script of the page, so that violations are seen from the first element on.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""

DRAWN = "(row) => document.getElementById('monitor')?.dataset.drawn === row"
FITS = """() => {
  const { scrollHeight, scrollWidth } = document.documentElement;
  return scrollHeight <= innerHeight && scrollWidth <= innerWidth;
}"""


def name_of(index: int) -> re.Pattern[str]:
    """The selection of a slice of axis 0, as lists show it."""
    return re.compile(rf"(?<![\d:]){index},0:\d+")


@dataclass
class Monitor:
    """The tab that all tests share."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)

    def open(self, query: str = "", row: str = "latency") -> Page:
        self.page.goto(f"{self.url}/monitor{query}")
        self.drawn(row)
        return self.page

    def drawn(self, row: str) -> None:
        self.page.wait_for_function(DRAWN, arg=row)


@pytest.fixture(scope="module")
def tab(profile: BrowserContext, served: Served) -> Iterator[Monitor]:
    """A tab, and viewers' demands for it to show: some decoded, some cached, all of them reported."""
    slices = []
    for index in (3, 4, 90, 3):
        served.get("/api/v1/slice", **VOLUME, selection=f"{index},:,:", format="u8", viewer="ann")
        painted = dict.fromkeys(("transfer_ms", "convert_ms", "draw_ms", "display_ms"), 2.0)
        slices.append(
            {**VOLUME, "selection": f"{index},:,:", "index": index, "axis": 0, "source": "bricks"}
            | {"perceived_ms": 250.0, "waited_ms": 1.0}
            | painted
        )
    body = json.dumps({"viewer": "ann", "slices": slices}).encode()
    headers = {"Content-Type": "application/json", "Origin": served.url}
    urllib.request.urlopen(
        urllib.request.Request(f"{served.url}/api/v1/telemetry", body, headers), timeout=30
    )
    served.until(lambda stats: stats["perceived"].get("all", {}).get("count", 0) >= 4)
    monitor = Monitor(profile.new_page(), served.url)
    monitor.page.add_init_script(WATCH)
    monitor.page.on(
        "console",
        lambda said: (
            monitor.errors.append(said.text) if said.type in ("error", "warning") else None
        ),
    )
    monitor.page.on("pageerror", lambda error: monitor.errors.append(str(error)))
    yield monitor
    monitor.page.close()


@pytest.fixture
def monitor(tab: Monitor) -> Iterator[Monitor]:
    """The shared tab; a message of its console or a violation of the policy fails the test."""
    tab.errors.clear()
    tab.page.set_viewport_size(SIZE)
    yield tab
    assert tab.errors == []
    assert tab.page.evaluate("() => window.violations") == []


def test_tiles_have_numbers_and_words_and_nothing_has_to_be_scrolled(monitor: Monitor) -> None:
    with monitor.page.expect_response(lambda answer: "/api/v1/stats?" in answer.url) as answer:
        page = monitor.open()
    tiles = page.locator(".tile")
    assert tiles.count() == 8
    for tile in tiles.all():
        assert tile.locator(".tile-value").inner_text()
        assert tile.locator(".tile-word").inner_text()
    # Viewers of other tests may be in it. The text is rounded to two digits.
    number, unit = page.locator("[data-tile=wait] .tile-value").inner_text().split()
    shown_ms = float(number) * {"ms": 1.0, "s": 1000.0}[unit]
    assert shown_ms == pytest.approx(answer.value.json()["perceived"]["all"]["p95_ms"], rel=0.1)
    assert page.evaluate(FITS)
    assert page.locator("#chart-latency .heatmaplayer image").count() == 1


def test_each_row_fits_and_is_in_the_address(monitor: Monitor) -> None:
    page = monitor.open()
    for row in ("requests", "caches", "prefetch", "machine"):
        page.click(f"#tab-{row}")
        monitor.drawn(row)
        assert f"row={row}" in page.url
        assert page.is_visible(f"#row-{row}")
        assert not page.is_visible("#row-latency")
        assert page.evaluate(FITS), row
    page.go_back()
    monitor.drawn("prefetch")
    page.reload()
    monitor.drawn("prefetch")
    expect(page.locator("#tab-prefetch")).to_have_attribute("aria-selected", "true")
    # Tabs are one stop of the Tab key; arrows lead from one to the next.
    page.focus("#tab-prefetch")
    page.keyboard.press("ArrowRight")
    monitor.drawn("machine")
    expect(page.locator("#tab-machine")).to_be_focused()


def test_a_range_is_in_the_address_and_in_the_csv(monitor: Monitor, served: Served) -> None:
    page = monitor.open("?row=caches", "caches")
    page.click("[data-range='24h']")
    page.wait_for_function(
        "() => document.getElementById('chart-reasons-csv').href.includes('from=-86400')"
    )
    assert "range=24h" in page.url
    expect(page.locator("[data-range='24h']")).to_have_attribute("aria-pressed", "true")
    link = page.get_attribute("#chart-reasons-csv", "href") or ""
    with urllib.request.urlopen(served.url + link) as response:
        head = response.readline().decode()
    assert head.startswith("time,")
    assert "counters.misses.first" in head


def test_a_drag_over_a_chart_chooses_the_time_of_all(monitor: Monitor) -> None:
    page = monitor.open()
    box = page.locator("#chart-latency .nsewdrag").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], y, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile(r"[?&]from=\d+&to=\d+"))
    found = re.search(r"from=(\d+)&to=(\d+)", page.url)
    assert found is not None
    start, end = int(found[1]), int(found[2])
    assert end - start == pytest.approx(155, abs=10)
    expect(page.locator("#monitor-span")).to_have_text(re.compile(r"\d\d:\d\d – \d\d:\d\d"))
    page.reload()
    monitor.drawn("latency")
    assert f"from={start}" in page.url
    page.click("#monitor-span-clear")
    page.wait_for_url(re.compile(r"/monitor$"))
    page.go_back()
    page.wait_for_url(re.compile(r"[?&]from="))


def test_filters_are_in_the_address_and_narrow_the_lists(monitor: Monitor) -> None:
    page = monitor.open("?row=requests", "requests")
    rows = page.locator("#monitor-slow-list tbody tr")
    expect(rows.first).to_be_visible()
    cached = rows.locator("td:nth-child(4)", has_text="cached")
    expect(cached.first).to_be_visible()
    page.select_option("#filter-outcome", "miss")
    page.wait_for_url(re.compile("outcome=miss"))
    expect(cached).to_have_count(0)
    expect(rows.first).to_be_visible()
    page.reload()
    monitor.drawn("requests")
    assert page.input_value("#filter-outcome") == "miss"
    page.go_back()
    expect(cached.first).to_be_visible()


def test_a_cell_lists_its_requests_and_one_of_them_is_a_waterfall(monitor: Monitor) -> None:
    page = monitor.open("?show-latency=server")
    title = page.locator("#monitor-cell-title")
    expect(title).to_have_text("Slowest of this time")
    # Others may have no slice among those that are kept.
    place = page.evaluate(script("monitor/slowest-cell"))
    page.mouse.move(*place)
    page.mouse.click(*place)
    expect(title).to_have_text(re.compile(r" ms – .* ms|m?s$"))
    page.click("#monitor-cell-list .link-button")
    expect(title).to_have_text("Slowest of this time")
    page.mouse.click(*place)
    expect(page.locator("#monitor-cell-list .link-button")).to_be_visible()
    page.locator("#monitor-cell-list tbody tr").first.click()
    monitor.drawn("requests")
    page.wait_for_url(re.compile(r"at=\d+"))
    chosen = page.locator("#monitor-slow-list tr[aria-selected=true]")
    expect(chosen).to_have_count(1)
    expect(page.locator("#monitor-waterfall .sentence")).to_have_text(re.compile("^This slice "))
    names = page.locator("#monitor-waterfall .fall-name").all_inner_texts()
    assert set(names) <= {*STAGE_NAMES, "waited (page)"}
    assert len(names) >= 2
    address = page.url
    # The keyboard chooses another one.
    other = page.locator("#monitor-slow-list tr[aria-selected=false]").first
    other.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != address)
    expect(page.locator("#monitor-slow-list tr[aria-selected=true]")).to_have_count(1)
    page.click("#monitor-waterfall .link-button")
    # The slowest of that cell may be another test's, of another file.
    page.wait_for_url(re.compile(r"/\?file=\w+\.h5&dataset=/"))
    page.wait_for_function("() => window.painted.length > 0")


def test_the_waterfall_of_a_painted_slice_begins_and_ends_in_the_page(
    monitor: Monitor, fresh_viewer: Viewer, served: Served
) -> None:
    served.get("/api/v1/slice", **VOLUME, selection="91,:,:", format="u8", viewer="mute")
    fresh_viewer.open("?file=scan.h5&dataset=/entry/data&axis=0&index=57")
    name = fresh_viewer.page.evaluate("() => sessionStorage.getItem('lamella-viewer')")

    def is_reported(_: object) -> bool:
        body, _ = served.get("/api/v1/slow", order="latest")
        mine = [one for one in json.loads(body)["slices"] if one["viewer"] == name]
        return bool(mine) and mine[0]["page_stages"] is not None

    served.until(is_reported)
    page = monitor.open("?row=requests", "requests")
    page.get_by_role("button", name="latest first").click()
    page.wait_for_url(re.compile("show-slow=latest"))
    rows = page.locator("#monitor-slow-list tbody tr")
    rows.filter(has_text=name_of(57)).first.click()
    notes = page.locator("#monitor-waterfall .fall-note")
    expect(notes).to_have_text([re.compile(r"^(Read .*, decoded .*, |Nothing .*; )sent .*B\.$")])
    names = page.locator("#monitor-waterfall .fall-name").all_inner_texts()
    # Others may have taken less than the browser's clock measures.
    assert names[-1] == "display"
    assert set(names) & set(SERVER_STAGES)
    # A script reports nothing.
    rows.filter(has_text=name_of(91)).first.click()
    expect(notes.first).to_have_text("What followed was not reported by the page.")
    assert page.evaluate(FITS)


def test_what_is_in_the_cache_is_dropped_after_a_question(monitor: Monitor, served: Served) -> None:
    # Without a viewer, since the worker decodes again what is planned.
    for selection in ("3,:,:", ":,3,:"):
        served.get("/api/v1/slice", file="other.h5", dataset="/ids", selection=selection)
    page = monitor.open("?row=caches&volume=other.h5/ids&show-groups=contents", "caches")
    rows = page.locator("#monitor-groups tbody tr")
    expect(rows.first).to_contain_text("axis")
    axes = rows.count()
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if len(asked) == 1:
            dialog.dismiss()
        else:
            dialog.accept()

    page.on("dialog", answer)
    button = rows.filter(has_text="axis 0").get_by_role("button", name="Drop")
    button.click()
    expect(button).to_be_visible()
    button.click()
    expect(rows.filter(has_text="axis 0")).to_have_count(0)
    page.remove_listener("dialog", answer)
    assert all("of other.h5/ids, axis 0, from the cache?" in text for text in asked)
    expect(rows).to_have_count(axes - 1)
    # For the keyboard the next group's button is where the last one was, or the list where none is left.
    focused = page.locator("#monitor-groups:focus, #monitor-groups .link-button:focus")
    expect(focused).to_have_count(1)


def warming(served: Served) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = json.loads(served.get("/api/v1/warm")[0])["jobs"]
    return jobs


def test_a_volume_is_warmed_from_what_is_in_the_cache(monitor: Monitor, served: Served) -> None:
    served.get("/api/v1/slice", file="other.h5", dataset="/stack", selection="0,3,:,:")
    page = monitor.open("?row=caches&volume=other.h5/stack&show-groups=contents", "caches")
    rows = page.locator("#monitor-groups tbody tr")
    contents = rows.filter(has=page.get_by_role("button", name="Drop"))
    contents.filter(has_text="axis 0,1").get_by_role("button", name="Warm").click()
    job = rows.filter(has=page.get_by_role("button", name="Remove"))
    expect(job).to_contain_text("done", timeout=60_000)
    (progress,) = warming(served)
    assert progress["state"] == "done"
    assert progress["done"] == progress["bricks"] > 0
    expect(job).to_contain_text(f"{progress['bricks']} of {progress['bricks']}")
    job.get_by_role("button", name="Remove").click()
    expect(job).to_have_count(0)
    assert warming(served) == []
    assert page.evaluate(FITS)


def test_a_table_names_the_filters_that_do_not_apply(monitor: Monitor) -> None:
    page = monitor.open("?row=caches&outcome=miss&show-groups=contents", "caches")
    note = page.locator("#monitor-groups .empty").first
    expect(note).to_have_text("Not filtered by outcome.")
    expect(page.locator("#switch-groups [aria-pressed=true]")).to_have_text("in the cache now")


def changed(monitor: Monitor, path: str, change: Callable[[Any], None]) -> None:
    """From now on what the server answers at this path is changed."""

    def answer(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        change(body)
        route.fulfill(response=response, json=body)

    monitor.page.route(re.compile(rf"/api/v1/{path}\?"), answer)


def test_a_mark_is_as_short_as_the_chart_and_has_its_details_under_the_pointer(
    monitor: Monitor,
) -> None:
    settings = {"brick_cache_bytes": [700e6, 1.4e9], "prefetch_bytes": [1e9, 2e9]}
    start = {"version": "0.2.0", "version_before": "0.1.0", "changed": settings}

    def add(series: Any) -> None:
        time = (series["from"] + series["to"]) / 2
        series["starts"] = [{"time": time, **start}]

    changed(monitor, "stats/series", add)
    page = monitor.open("?row=caches", "caches")
    page.unroute_all(behavior="wait")
    page.click("#monitor-pause")
    plot = page.locator("#chart-outcomes .nsewdrag").bounding_box()
    mark = page.locator("#chart-outcomes .annotation-text-g")
    expect(mark).to_have_text("version 0.2.0")
    box = mark.bounding_box()
    assert plot is not None
    assert box is not None
    assert box["height"] <= plot["height"]
    mark.hover()
    shown = page.locator("#chart-outcomes .hoverlayer .hovertext")
    expect(shown).to_contain_text("start of 0.2.0 (before: 0.1.0)")
    expect(shown).to_contain_text("LAMELLA_BRICK_CACHE_BYTES 700 MB → 1.4 GB")
    page.mouse.move(5, 5)
    page.click("#monitor-pause")


def test_all_facts_are_in_sight(monitor: Monitor) -> None:
    causes = ("turned", "jumped", "left", "too_deep", "evicted", "dropped")

    def waste(stats: Any) -> None:
        stats["prefetch"] |= {
            "decoded": 90,
            "used_bytes": 60e6,
            "undecided_bytes": 30e6,
            "wasted_bytes": 60e6,
            "wasted": dict.fromkeys(causes, 10e6),
            "lead": {"ready": 50, "joined": 20, "not_begun": 10, "p5_s": 0.879, "p50_s": 4.5},
        }

    changed(monitor, "stats", waste)
    for row in ("prefetch", "machine"):
        page = monitor.open(f"?row={row}", row)
        # Advice takes space, and depends on what other tests demanded.
        page.evaluate("() => { document.getElementById('monitor-advice').style.display = 'none'; }")
        facts = page.locator(f"#row-{row} .facts-table")
        assert (
            facts.evaluate("({ scrollHeight, clientHeight }) => scrollHeight - clientHeight") <= 0
        )
    page.unroute_all(behavior="wait")


def test_a_pause_is_seen_and_ends(monitor: Monitor) -> None:
    page = monitor.open()
    page.click("#monitor-pause")
    expect(page.locator("#monitor-pause")).to_have_attribute("aria-pressed", "true")
    page.click("#monitor-pause")
    expect(page.locator("#monitor-pause")).to_have_text("Pause")


def test_the_wall_is_dark_and_has_no_controls(monitor: Monitor) -> None:
    page = monitor.open("?wall=1&row=caches", "caches")
    scheme = page.get_attribute("html", "data-mantine-color-scheme")
    assert scheme == "dark"
    for control in ("#monitor-pause", "#filter-volume", "#chart-reasons-csv", "#switch-outcomes"):
        assert not page.is_visible(control), control
    assert page.is_visible("[data-tile=wait]")
    page = monitor.open("?wall=1&row=caches&show-groups=contents", "caches")
    assert page.locator("#monitor-groups tbody tr").count()
    assert not page.locator(".monitor button:not([aria-pressed=true], .row-tab):visible").count()
    page.set_viewport_size({"width": 3840, "height": 2160})
    page.wait_for_function(FITS)
    size = page.evaluate("() => parseFloat(getComputedStyle(document.documentElement).fontSize)")
    assert size == pytest.approx(32, abs=0.1)


def test_a_phone_scrolls_down_and_not_sideways(monitor: Monitor) -> None:
    page = monitor.open("?row=machine", "machine")
    page.set_viewport_size(PHONE)
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#chart-threads").bounding_box()["width"] > 300  # type: ignore[index]
    tabs = page.locator("#monitor-rows")
    assert tabs.evaluate("({ scrollWidth, clientWidth }) => scrollWidth - clientWidth") <= 0


def test_a_server_that_refuses_is_quoted(monitor: Monitor) -> None:
    page = monitor.open()
    page.goto(f"{monitor.url}/monitor?from=1000&to=2000")
    expect(page.locator("#monitor-status")).to_have_text("Statistics are kept for 90 days.")
    # The browser names the refused requests in its console.
    assert all("400" in error for error in monitor.errors)
    monitor.errors.clear()
