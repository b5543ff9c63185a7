"""The page `/monitor`: rows, time spans and the wall, on one server's real figures."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.monitor import FITS, Monitor
from tests.browser.viewer import PHONE, Served

pytestmark = pytest.mark.browser


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
