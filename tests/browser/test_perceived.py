"""What the page reports of a slice is the time that its viewer waited, and its stages add up to it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Request, Response

from tests.browser.viewer import Served, Viewer
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
STAGES = ("waited_ms", "transfer_ms", "convert_ms", "draw_ms", "display_ms")


def report_of(viewer: Viewer, index: int, act: Any) -> dict[str, Any]:
    """The reported row of the slice that `act` leads to."""

    def reported(request: Request) -> list[Any]:
        if not request.url.endswith("/api/v1/telemetry"):
            return []
        return [one for one in request.post_data_json["slices"] if one["index"] == index]

    with viewer.page.expect_request(reported) as posted:
        act()
    (row, *_) = reported(posted.value)
    return dict(row)


@pytest.mark.parametrize(("key", "index"), [("ArrowRight", 11), ("PageDown", 20), ("End", 129)])
def test_the_time_since_a_key_is_reported(fresh_viewer: Viewer, key: str, index: int) -> None:
    viewer = fresh_viewer.open(f"{SCAN}&axis=0&index=10").idle()
    viewer.page.evaluate(script("perceived/watch"))
    row = report_of(viewer, index, lambda: viewer.page.keyboard.press(key))
    seen = viewer.page.evaluate("window.perceived")
    (painted,) = [at for shown, at in seen["painted"] if shown == index][:1]
    outside = painted - seen["inputs"][0]
    # The mark is put in the animation frame that the stage `display` waits for.
    assert outside <= row["perceived_ms"] <= outside + row["display_ms"]
    assert row["source"] == "ring" or key != "ArrowRight"
    if row["source"] == "ring":
        assert_adds_up(row, 0.0)


def test_the_first_slice_of_a_dataset_adds_up_with_the_servers_time(fresh_viewer: Viewer) -> None:
    totals: list[float] = []

    def keep(response: Response) -> None:
        if "/api/v1/slice?" in response.url and "viewer=" in response.url:
            found = re.search(r"total;dur=([\d.]+)", response.headers["server-timing"])
            assert found is not None
            totals.append(float(found[1]))

    fresh_viewer.page.on("response", keep)
    row = report_of(fresh_viewer, 0, lambda: fresh_viewer.open(f"{SCAN}&axis=0&index=0"))
    assert row["source"] != "ring"
    assert row["perceived_ms"] > totals[0]
    assert_adds_up(row, totals[0])


def assert_adds_up(row: dict[str, Any], server_ms: float) -> None:
    """Assert that the stages of the page and the server's total are the whole, within 5 % or 10 ms."""
    parts = sum(row.get(stage) or 0.0 for stage in STAGES) + server_ms
    whole = row["perceived_ms"]
    assert abs(whole - parts) <= max(0.05 * whole, 10.0)


def test_repeated_keys_paint_from_the_ring_and_count_as_such(
    fresh_viewer: Viewer, served: Served
) -> None:
    viewer = fresh_viewer.open(f"{SCAN}&axis=0&index=40")
    viewer.until("() => lamella.scrubber.isCached(41) && lamella.scrubber.isCached(42)")
    before = served.groups_by_viewer()[viewer.name]["demand"]
    assert sum(before.values()) == 1
    viewer.press("ArrowRight")
    assert viewer.painted[-1] == {"index": 41, "axis": 0, "source": "ring"}
    # The page reports what it painted every other second.
    expected = before | {"ring": 1}
    served.until(lambda _: served.groups_by_viewer()[viewer.name]["demand"] != before)
    # The values of the heatmap are not a second look at the slice.
    assert served.groups_by_viewer()[viewer.name]["demand"] == expected


def test_slices_that_are_passed_before_the_first_picture_were_skipped(
    fresh_viewer: Viewer,
) -> None:
    reports: list[dict[str, Any]] = []
    fresh_viewer.page.on(
        "request",
        lambda request: (
            reports.append(request.post_data_json)
            if request.url.endswith("/api/v1/telemetry")
            else None
        ),
    )
    # The first slice stays without an answer.
    fresh_viewer.page.route(re.compile(r"/slice\?.*selection=40,.*viewer="), lambda route: None)
    fresh_viewer.load(f"{SCAN}&axis=0&index=40")
    fresh_viewer.until("() => window.lamella && lamella.viewer.current()?.position")
    for _ in range(3):
        fresh_viewer.page.keyboard.press("ArrowRight")
    fresh_viewer.settled()
    assert fresh_viewer.index == 43
    with fresh_viewer.page.expect_request(lambda r: last_of(r) == 44):
        fresh_viewer.page.keyboard.press("ArrowRight")
    rows = [row["index"] for report in reports for row in report["slices"]]
    assert 40 not in rows
    # Each of the five was painted or skipped.
    assert len(rows) + sum(report["skipped"] for report in reports) == 5


def last_of(request: Request) -> int | None:
    """The slice that a report ends with."""
    if not request.url.endswith("/api/v1/telemetry"):
        return None
    return int(request.post_data_json["slices"][-1]["index"])
