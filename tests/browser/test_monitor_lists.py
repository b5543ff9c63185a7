"""Lists of `/monitor`: slices and the waterfall of one, what is in the cache, and filters."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Dialog, expect

from dashboard.telemetry.stages import SERVER_STAGES, STAGE_NAMES
from tests.browser.monitor import FITS, VOLUME, Monitor
from tests.browser.viewer import Served, Viewer
from tests.page_scripts import script

pytestmark = pytest.mark.browser


def name_of(index: int) -> re.Pattern[str]:
    """The selection of a slice of axis 0, as lists show it."""
    return re.compile(rf"(?<![\d:]){index},0:\d+")


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
    row = page.locator("#monitor-cell-list tbody tr").first
    # Time goes on, and the cells with it.
    for _ in range(20):
        page.mouse.click(*page.evaluate(script("monitor/slowest-cell")))
        expect(page.locator("#monitor-cell-list .link-button")).to_be_visible()
        page.wait_for_timeout(300)
        if row.is_visible():
            break
        page.click("#monitor-cell-list .link-button")
    row.click()
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

    def is_reported(_: object) -> bool:
        body, _ = served.get("/api/v1/slow", order="latest")
        mine = [one for one in json.loads(body)["slices"] if one["viewer"] == fresh_viewer.name]
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


def asked(served: Served) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = json.loads(served.get("/api/v1/jobs")[0])["jobs"]
    return jobs


def test_a_volume_is_warmed_from_what_is_in_the_cache(monitor: Monitor, served: Served) -> None:
    served.get("/api/v1/slice", file="other.h5", dataset="/stack", selection="0,3,:,:")
    page = monitor.open("?row=caches&volume=other.h5/stack&show-groups=contents", "caches")
    rows = page.locator("#monitor-groups tbody tr")
    contents = rows.filter(has=page.get_by_role("button", name="Drop"))
    contents.filter(has_text="axis 0,1").get_by_role("button", name="Warm").click()
    job = rows.filter(has=page.get_by_role("button", name="Remove"))
    expect(job).to_contain_text("done")
    (progress,) = asked(served)
    assert progress["state"] == "done"
    assert progress["done"] == progress["of"] > 0
    expect(job).to_contain_text(f"{progress['of']} of {progress['of']}")
    job.get_by_role("button", name="Remove").click()
    expect(job).to_have_count(0)
    assert asked(served) == []
    assert page.evaluate(FITS)


def test_a_table_names_the_filters_that_do_not_apply(monitor: Monitor) -> None:
    page = monitor.open("?row=caches&outcome=miss&show-groups=contents", "caches")
    note = page.locator("#monitor-groups .empty").first
    expect(note).to_have_text("Not filtered by outcome.")
    expect(page.locator("#switch-groups [aria-pressed=true]")).to_have_text("in the cache now")
