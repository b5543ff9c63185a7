"""The tools beside the picture: shapes drawn, moved and kept, by mouse, finger and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.browser.test_input import touching

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
TOOLS = "() => lamella.viewer.current().tools"


@pytest.fixture
def scan(viewer: Any) -> Iterator[Any]:
    """A slice of 120 × 100 voxels without shapes; no tool is active afterwards."""
    yield viewer.open(f"{SCAN}&axis=0&index=20")
    for _ in range(4):
        viewer.page.keyboard.press("Escape")
    viewer.errors.clear()


def tools(viewer: Any) -> list[str]:
    """The shapes of the view."""
    text: str = viewer.page.evaluate(TOOLS)
    return text.split(";") if text else []


def drag(viewer: Any, *voxels: tuple[float, float]) -> None:
    """The mouse goes from voxel (column, row) to voxel, pressed."""
    places = viewer.points(voxels)
    viewer.page.mouse.move(*places[0])
    viewer.page.mouse.down()
    for x, y in places[1:]:
        viewer.page.mouse.move(x, y, steps=4)
    viewer.page.mouse.up()


def choose(viewer: Any, tool: str) -> None:
    viewer.page.click(f"#tool-{tool}")
    viewer.until("() => document.querySelector('.plot-frame.with-tool')")
    viewer.until("() => document.querySelector('#measured-shapes > *')")


def shapes(viewer: Any) -> int:
    """How many Plotly has drawn."""
    count: int = viewer.page.locator("#slice-graph .shapelayer path").count()
    return count


def test_a_drag_while_the_tools_are_loaded_is_no_zoom(viewer: Any) -> None:
    pending: list[Any] = []
    address = re.compile(r"tools/layer\b")
    viewer.page.route(address, lambda route: pending.append(route))  # noqa: PLW0108  # Playwright marks it
    viewer.load(f"{SCAN}&axis=0&index=20")
    viewer.settled()
    before = viewer.trace["x"]
    viewer.page.keyboard.press("l")
    viewer.until("() => document.querySelector('#tool-line[aria-pressed=true]')")
    drag(viewer, (20, 30), (60, 80))
    assert viewer.trace["x"] == before
    assert len(pending) == 1
    pending[0].continue_()
    viewer.page.unroute(address)
    viewer.until("() => document.querySelector('.plot-frame.with-tool')")
    drag(viewer, (20, 30), (60, 80))
    assert len(tools(viewer)) == 1
    viewer.page.keyboard.press("Delete")
    viewer.page.keyboard.press("l")
    # Without a tool it is one again.
    drag(viewer, (20, 30), (60, 80))
    viewer.until("(before) => lamella.plot.area().x[0] > before", before[0])


def test_a_line_is_drawn_moved_and_removed(scan: Any) -> None:
    before = scan.trace["x"]
    choose(scan, "line")
    drag(scan, (20, 30), (60, 80))
    (line,) = tools(scan)
    numbers = [float(v) for v in line.removeprefix("1,2/line:").split(",")]
    assert numbers == pytest.approx([30, 20, 80, 60], abs=1)
    # A line with a dark edge, and two ends to take hold of.
    assert shapes(scan) == 4
    assert scan.page.get_attribute("#tab-measure", "aria-selected") == "true"
    assert "64" in scan.page.inner_text("#profile-panel h3")
    drag(scan, (40, 55), (50, 55))
    moved = [float(v) for v in tools(scan)[0].removeprefix("1,2/line:").split(",")]
    assert moved == pytest.approx([30, 30, 80, 70], abs=1.2)
    drag(scan, (moved[3], moved[2]), (90, 100))
    assert tools(scan)[0].startswith("1,2/line:")
    assert [float(v) for v in tools(scan)[0].split(",")[-2:]] == pytest.approx([100, 90], abs=1)
    # Neither zoomed nor turned.
    assert scan.trace["x"] == before
    scan.address("tools=line:")
    scan.page.keyboard.press("Delete")
    assert tools(scan) == []
    assert shapes(scan) == 0


def test_shapes_survive_slices_axes_theme_and_the_link(scan: Any) -> None:
    choose(scan, "rect")
    drag(scan, (20, 30), (60, 80))
    (region,) = tools(scan)
    assert region.startswith("1,2/rect:")
    scan.press("Escape", "Escape", "ArrowRight")
    assert scan.index == 21
    assert shapes(scan) > 0
    scan.page.click("#scheme-toggle")
    scan.page.click("#scheme-toggle")
    assert shapes(scan) > 0
    link = f"{SCAN}&axis=1&index=5&tools=1,2/rect:29.5,19.5,80.5,60.5;point:4,7;line:1,2,3"
    scan.switch(link)
    scan.await_text("plot-note-text", "“line:1,2,3” for tools")
    scan.until("() => document.querySelectorAll('#slice-graph .shapelayer path').length === 2")
    assert tools(scan) == ["1,2/rect:29.5,19.5,80.5,60.5", "0,2/point:4,7"]
    scan.page.click("#tab-axes")
    scan.page.locator("#axis-select label").nth(0).click()
    scan.settled()
    scan.address("tools=rect:29.5,19.5,80.5,60.5;0,2/point:4,7")
    assert shapes(scan) == 2
    scan.switch(f"{SCAN}&axis=0&index=20")
    assert shapes(scan) == 0
    assert not scan.page.is_visible("#tab-measure")


def test_keys_draw_move_and_leave(scan: Any) -> None:
    keys = scan.page.keyboard
    keys.press("e")
    scan.until("() => document.querySelector('.plot-frame.with-tool')")
    keys.press("Enter")
    scan.until("() => lamella.viewer.current().tools")
    assert tools(scan) == ["1,2/ellipse:35.5,29.5,83.5,69.5"]
    keys.press("ArrowRight")
    keys.press("Shift+ArrowDown")
    assert tools(scan) == ["1,2/ellipse:45.5,30.5,93.5,70.5"]
    # The first corner alone.
    keys.press("Enter")
    keys.press("ArrowLeft")
    assert tools(scan) == ["1,2/ellipse:45.5,29.5,93.5,70.5"]
    scan.await_text("status", "end 1 of 4 chosen")
    assert scan.index == 20
    keys.press("Delete")
    assert tools(scan) == []
    keys.press("Escape")
    assert not scan.page.evaluate("() => document.querySelector('.plot-frame.with-tool')")
    scan.press("ArrowRight")
    assert scan.index == 21


def test_a_polygon_is_clicked_together(scan: Any) -> None:
    choose(scan, "poly")
    for voxel in [(20, 20), (60, 30), (40, 80), (20, 20)]:
        scan.page.mouse.click(*scan.point(*voxel))
    (polygon,) = tools(scan)
    numbers = [float(v) for v in polygon.removeprefix("1,2/poly:").split(",")]
    assert numbers == pytest.approx([20, 20, 30, 60, 80, 40], abs=1)
    scan.page.mouse.click(*scan.point(70, 100))
    scan.page.keyboard.press("Escape")
    assert tools(scan) == [polygon]
    # Given up, too, while it is drawn.
    scan.page.keyboard.press("m")
    scan.page.mouse.move(*scan.point(10, 10))
    scan.page.mouse.down()
    scan.page.mouse.move(*scan.point(30, 30), steps=3)
    scan.page.keyboard.press("Escape")
    scan.page.mouse.up()
    assert tools(scan) == [polygon]


def test_a_finger_draws(phone: Any) -> None:
    viewer = phone.open(f"{SCAN}&axis=0&index=20")
    viewer.page.tap("#tool-rect")
    viewer.until("() => document.querySelector('.plot-frame.with-tool')")
    send = touching(viewer)
    ends = viewer.points([(20, 30), (60, 80)])
    send("touchStart", ends[0])
    for i in range(1, 9):
        send("touchMove", tuple(a + (b - a) * i / 8 for a, b in zip(*ends, strict=True)))
    send("touchEnd")
    viewer.until(TOOLS)
    numbers = [float(v) for v in tools(viewer)[0].removeprefix("1,2/rect:").split(",")]
    assert numbers == pytest.approx([30, 20, 80, 60], abs=2)
    assert viewer.index == 20
    # On its edge, the finger moves it.
    start, end = viewer.points([(40, 30), (50, 40)])
    send("touchStart", start)
    send("touchMove", ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    send("touchMove", end)
    send("touchEnd")
    moved = [float(v) for v in tools(viewer)[0].removeprefix("1,2/rect:").split(",")]
    assert moved == pytest.approx([n + 10 for n in numbers], abs=1.5)
    viewer.page.tap("#tool-rect")
    assert not viewer.page.evaluate("() => document.querySelector('.plot-frame.with-tool')")


def figures(viewer: Any, panel: str) -> dict[str, str]:
    """What a panel tells, by name."""
    names, values = (
        viewer.page.locator(f"#{panel} {tag}").all_inner_texts() for tag in ("dt", "dd")
    )
    return dict(zip(names, values, strict=True))


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def curve(viewer: Any, panel: str, name: str) -> list[float]:
    """The values that a chart has under a name."""
    graph = "document.querySelector(`#${id} .js-plotly-plot`)"
    drawn = f"([id, name]) => {graph}?.data.find((one) => one.name === name)"
    viewer.until(f"(of) => ({drawn})(of)?.y.length", [panel, name])
    values: list[float] = viewer.page.evaluate(
        f"(of) => Array.from(({drawn})(of).y)", [panel, name]
    )
    return values


def test_the_figures_are_numpys(scan: Any) -> None:
    values = scan.served.arrays["scan.h5", "/entry/data"]
    tools_ = "rect:29.5,19.5,80.5,60.5;line:10,5,90,5,w3;point:40,7;ellipse:9.5,9.5,40.5,30.5"
    scan.switch(f"{SCAN}&axis=0&index=20&tools={tools_}")
    chips = scan.page.locator(".shape-chip")
    scan.await_text("region-panel", "2091 voxels")
    region = values[20, 30:81, 20:61].astype(float)
    shown = {name: number(text) for name, text in figures(scan, "region-panel").items()}
    expected = {
        "mean": region.mean(),
        "σ": region.std(),
        "min": region.min(),
        "max": region.max(),
        "median": np.median(region),
        "sum": region.sum(),
    }
    assert shown == pytest.approx(expected, rel=1e-6)
    chips.nth(1).click()
    profile = curve(scan, "profile-panel", "Line 2")
    assert profile == pytest.approx(values[20, 10:91, 4:7].mean(axis=1), rel=1e-9)
    chips.nth(2).click()
    scan.await_text("column-panel", "130 slices")
    assert curve(scan, "column-panel", "Point 3") == values[:, 40, 7].tolist()
    chips.nth(3).click()
    row, col = np.mgrid[:120, :100]
    inside = ((row - 25) / 15.5) ** 2 + ((col - 20) / 10.5) ** 2 <= 1
    scan.await_text("region-panel", f"{inside.sum()} voxels")
    assert number(figures(scan, "region-panel")["mean"]) == pytest.approx(
        values[20][inside].mean(), rel=1e-6
    )
    scan.page.get_by_role("button", name="Measure the region in all slices").click()
    scan.await_text("column-panel", "130 slices")
    means = values[:, inside].mean(axis=1)
    assert curve(scan, "column-panel", "mean") == pytest.approx(means, rel=1e-9)


def test_a_profile_follows_the_drag_without_the_server(scan: Any) -> None:
    asked: list[str] = []
    scan.page.on("request", lambda request: asked.append(request.url))
    choose(scan, "line")
    start, end = scan.points([(20, 30), (60, 80)])
    scan.page.mouse.move(*start)
    scan.page.mouse.down()
    scan.page.mouse.move(*end, steps=6)
    values = "document.querySelector('#profile-panel .js-plotly-plot')?.data[0].y"
    scan.until(f"() => {values}?.length > 60")
    assert [url for url in asked if "/profile" in url] == []
    scan.page.mouse.up()
    scan.until("() => document.querySelector('#profile-panel:not(.stale)')")
    with scan.page.expect_download() as saved:
        scan.page.locator("#profile-panel").get_by_role(
            "button", name="Save the profile as CSV"
        ).click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0] == "position [voxels],Line 1"
    assert len(lines) == len(curve(scan, "profile-panel", "Line 1")) + 1
    scan.page.get_by_role("button", name="Freeze this profile").click()
    scan.press("Escape", "ArrowLeft")
    kept = curve(scan, "profile-panel", "Line 1, axis 0 20")
    assert len(kept) == len(lines) - 1
    # The link brings it back, and undo takes it away.
    scan.address("frozen=20,:,:/")
    scan.page.reload()
    scan.settled()
    assert curve(scan, "profile-panel", "Line 1, axis 0 20") == pytest.approx(kept, rel=1e-12)
    assert scan.index == 19
    scan.page.get_by_role("button", name="Clear the frozen profiles").click()
    drawn = "() => document.querySelector('#profile-panel .js-plotly-plot').data.length"
    scan.until(f"() => ({drawn})() === 1")
    scan.page.keyboard.press("Control+z")
    scan.until(f"() => ({drawn})() === 2")
    # Without a line they stand alone.
    scan.page.keyboard.press("Delete")
    scan.until(f"() => ({drawn})() === 1")
    assert scan.page.inner_text("#profile-panel h3") == "Frozen profiles"


def test_a_region_outside_or_of_no_pixel_says_so(scan: Any) -> None:
    scan.switch(f"{SCAN}&axis=0&index=20&tools=rect:500,500,600,600")
    scan.await_text("region-panel", "outside")
    assert not scan.page.get_by_role("button", name="Save the figures as CSV").is_visible()
    scan.switch(f"{SCAN}&axis=0&index=20&tools=poly:5.1,5.1,5.3,5.1,5.2,5.3")
    scan.await_text("region-panel", "no voxel")
    assert figures(scan, "region-panel") == {}
    scan.errors.clear()


def test_the_values_under_the_pointer_are_those_that_are_cached(scan: Any) -> None:
    values = scan.served.arrays["scan.h5", "/entry/data"]
    choose(scan, "point")
    asked: list[str] = []
    scan.page.on("request", lambda request: asked.append(request.url))
    scan.page.mouse.move(*scan.point(7, 40))
    under = np.array(curve(scan, "column-panel", "under the pointer"), np.float64)
    there = np.isfinite(under)
    assert there[20]
    assert np.array_equal(under[there], values[:, 40, 7][there])
    assert f"{there.sum()} of 130 slices are cached" in scan.page.inner_text("#column-panel")
    assert all("cached=1" in url for url in asked if "/column" in url)
    # A click measures all of them, and the pointer goes on beside that.
    scan.page.mouse.click(*scan.point(7, 40))
    scan.await_text("column-panel", "130 slices")
    assert curve(scan, "column-panel", "Point 1") == values[:, 40, 7].tolist()
    scan.page.mouse.move(*scan.point(30, 60))
    curve(scan, "column-panel", "under the pointer")
    scan.page.mouse.move(0, 0)
    scan.until("() => document.querySelector('#column-panel .js-plotly-plot').data.length === 1")
    scan.press("Escape", "Escape")
    assert not scan.page.is_visible("#column-panel")


def test_a_column_that_breaks_off_keeps_what_came_and_says_why(scan: Any) -> None:
    lines = ['{"index":20,"value":5}', '{"error":{"code":"changed","message":"The file changed."}}']
    kept: dict[str, Any] = {"body": "\n".join(lines), "content_type": "application/x-ndjson"}
    scan.page.route(re.compile(r"/api/v1/column"), lambda route: route.fulfill(**kept))
    scan.switch(f"{SCAN}&axis=0&index=20&tools=point:41,8")
    scan.await_text("column-panel", "The file changed.")
    assert not scan.page.is_visible("#column-panel .measured-progress")
    scan.page.get_by_role("button", name="Save the values as CSV").wait_for()


def test_a_column_is_given_up_and_leads_to_a_slice(scan: Any) -> None:
    scan.switch(f"{SCAN}&axis=0&index=20&tools=rect:29.5,19.5,80.5,60.5")
    scan.page.route(re.compile(r"/api/v1/column"), lambda route: None)
    scan.page.get_by_role("button", name="Measure the region in all slices").click()
    scan.page.get_by_role("button", name="Cancel, and keep what has come").click()
    scan.await_text("column-panel", "Cancelled")
    scan.page.unroute_all()
    scan.page.get_by_role("button", name="Measure the region in all slices").click()
    scan.await_text("column-panel", "130 slices")
    # A click on the chart goes to the slice.
    box = scan.page.locator("#column-panel .nsewdrag").bounding_box()
    scan.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    scan.settled()
    assert 60 <= scan.index <= 70
