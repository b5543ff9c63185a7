"""Three views through one point: planes beside the main one, linked by crosshair and zoom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.test_input import touching

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
THREE = f"{SCAN}&axis=0&index=20&views=3&point=20,70,30"
POSITION = "() => lamella.viewer.current().position"
PANES = """() => {
  const panes = lamella.views.panes();
  const asked = panes.map((pane) => pane.view());
  const due = (pane, view) => {
    const shown = pane.shown();
    const fixed = shown && shown.cells.meta.selection.split(',')[view.axis];
    return fixed === String(view.position[view.axis]) && !pane.node.classList.contains('busy');
  };
  if (panes.length !== 2 || !asked.every((view, i) => view && due(panes[i], view))) return null;
  return panes.map((pane) => {
    const { cells } = pane.shown();
    return { meta: cells.meta, z: Array.from(cells.z, (row) => Array.from(row)) };
  });
}"""


@pytest.fixture
def scan(viewer: Any) -> Iterator[Any]:
    yield viewer.open(THREE)
    viewer.switch(f"{SCAN}&axis=0&index=20")
    viewer.errors.clear()


def planes(viewer: Any) -> list[tuple[dict[str, Any], NDArray[Any]]]:
    """What the planes beside the main one show, once it is what is asked for."""
    return [(pane["meta"], np.array(pane["z"])) for pane in viewer.until(PANES)]


def position(viewer: Any) -> list[int]:
    at: list[int] = viewer.page.evaluate(POSITION)
    return at


def place(viewer: Any, pane: str, down: float, right: float) -> tuple[float, float]:
    """Where a share of the picture of a pane is in the window."""
    box = viewer.page.locator(f"{pane} .crosshair").bounding_box()
    return box["x"] + right * box["width"], box["y"] + down * box["height"]


def test_each_view_has_the_values_of_its_plane(scan: Any) -> None:
    values = scan.served.arrays["scan.h5", "/entry/data"]
    (right, right_z), (below, below_z) = planes(scan)
    assert right["selection"].replace("::1", ":") == ":,:,30"
    assert np.array_equal(right_z, values[:, :, 30].T)
    assert np.array_equal(below_z, values[:, 70, :])
    for meta, z in ((right, right_z.T), (below, below_z)):
        query = {"selection": meta["selection"], "pool": meta["pool"]}
        assert np.array_equal(z, scan.served.values(file="scan.h5", dataset="/entry/data", **query))
    assert np.array_equal(scan.trace["z"], values[20])
    scan.await_text("point-figures", str(values[20, 70, 30]))
    assert {mark["axis"] for mark in scan.painted} >= {0, 1, 2}


def test_a_click_moves_the_point_in_all_views(scan: Any) -> None:
    values = scan.served.arrays["scan.h5", "/entry/data"]
    planes(scan)
    scan.page.mouse.click(*scan.point(80, 40))
    assert position(scan) == [20, 40, 80]
    (_, right), (_, below) = planes(scan)
    assert np.array_equal(right, values[:, :, 80].T)
    assert np.array_equal(below, values[:, 40, :])
    # Neither the main picture nor its zoom.
    assert scan.trace["x"] == [-0.5, 99.5]
    x, y = place(scan, "#view-below", 0.5, 0.25)
    scan.page.mouse.click(x, y)
    depth, row, col = position(scan)
    assert row == 40
    assert depth == pytest.approx(values.shape[0] / 2, abs=1)
    assert col == pytest.approx(25, abs=1)
    scan.settled()
    assert np.array_equal(scan.trace["z"], values[depth])
    scan.address(f"views=3&point={depth},{row},{col}")
    scan.page.reload()
    scan.settled()
    assert position(scan) == [depth, row, col]
    assert np.array_equal(planes(scan)[1][1], values[:, row, :])


# The kinds of slices that are requested in the task that moves the point.
SENT = """(position) => {
  const { fetch } = window;
  const sent = [];
  window.fetch = (request, ...more) => {
    const { pathname, searchParams } = new URL(request.url || request, location.href);
    if (pathname.endsWith('/slice')) {
      sent.push(searchParams.get('beside') ? 'beside' : searchParams.get('ahead') ? 'ahead' : 'main');
    }
    return fetch(request, ...more);
  };
  lamella.viewer.setPoint(position);
  window.fetch = fetch;
  return sent;
}"""


def test_planes_are_asked_for_in_the_task_that_moves_the_point(scan: Any) -> None:
    planes(scan)
    scan.until("() => lamella.scrubber.isCached(21) && lamella.scrubber.inFlight() === 0")
    assert scan.page.evaluate(SENT, [21, 71, 31]) == ["beside", "beside"]
    planes(scan)


def test_keys_and_the_wheel_move_each_view(scan: Any) -> None:
    keys = scan.page.keyboard
    planes(scan)
    keys.press("Shift+ArrowRight")
    keys.press("Shift+ArrowDown")
    assert position(scan) == [20, 71, 31]
    keys.press("ArrowRight")
    assert position(scan) == [21, 71, 31]
    scan.page.focus("#view-right")
    keys.press("ArrowLeft")
    keys.press("PageUp")
    assert position(scan) == [21, 71, 20]
    keys.press("Shift+ArrowRight")
    assert position(scan) == [22, 71, 20]
    assert "at 20" in scan.page.get_attribute("#view-right", "aria-label")
    scan.page.mouse.move(*place(scan, "#view-below", 0.5, 0.5))
    scan.page.mouse.wheel(0, 130)
    scan.until("() => lamella.viewer.current().position[1] === 73")
    scan.page.fill("#point-figures input >> nth=2", "5")
    scan.page.keyboard.press("Enter")
    scan.until("() => lamella.viewer.current().position[2] === 5")
    planes(scan)


# Px for a voxel, across and down, of the main picture and of those beside it.
SCALES = """() => {
  const scale = ({ x, y, width, height }) => [width / Math.abs(x[1] - x[0]), height / Math.abs(y[1] - y[0])];
  return [lamella.plot.area(), ...lamella.views.panes().map((pane) => pane.area())].flatMap(scale);
}"""


def test_all_views_have_one_scale_and_fit_into_their_quarters(scan: Any) -> None:
    planes(scan)

    def one_scale() -> list[float]:
        scan.until(
            f"""() => {{
              const scales = ({SCALES})();
              return Math.max(...scales) < 1.01 * Math.min(...scales);
            }}"""
        )
        pixels: list[float] = scan.page.evaluate(SCALES)
        return pixels

    whole = one_scale()
    fits = """() => ['view-right', 'view-below'].every((id) => {
      const frame = document.querySelector(`#${id} .pane-frame`).getBoundingClientRect();
      const picture = document.querySelector(`#${id} .crosshair`).getBoundingClientRect();
      return picture.left >= frame.left && picture.right <= frame.right &&
        picture.top >= frame.top && picture.bottom <= frame.bottom;
    })"""
    assert scan.page.evaluate(fits)
    # The crosshair goes on from picture to picture.
    places = """(line) => ['#plot-frame', '#view-right', '#view-below']
      .map((id) => document.querySelector(`${id} .crosshair .${line[0]}`).getBoundingClientRect()[line[1]])"""
    main, right, _ = scan.page.evaluate(places, ["across", "top"])
    assert right == pytest.approx(main, abs=1.5)
    main, _, below = scan.page.evaluate(places, ["down", "left"])
    assert below == pytest.approx(main, abs=1.5)
    scan.page.evaluate("() => lamella.viewer.setZoom([20, 50], [40, 80])")
    scan.settled()
    zoomed = one_scale()
    assert min(zoomed) > 1.5 * max(whole)
    assert scan.page.evaluate(fits)
    titles = scan.page.locator("#view-below .pane-ticks [class^=title]").all_text_contents()
    assert titles == ["axis 2", "axis 0"]
    ticks = scan.page.locator(".pane-ticks [class^=tick]").all_text_contents()
    assert all(int(text) % 5 == 0 for text in ticks), ticks


def test_a_point_outside_is_answered(scan: Any) -> None:
    planes(scan)
    scan.page.fill("#point-figures input >> nth=2", "5000")
    scan.page.keyboard.press("Enter")
    scan.await_text("point-figures", "axis 2 goes from 0 to 99: this is 30.")
    assert position(scan) == [20, 70, 30]


def test_each_view_has_the_shapes_of_its_plane(scan: Any) -> None:
    scan.switch(f"{THREE}&tools=1,2/rect:10,10,40,50;0,1/point:20,70;0,2/line:5,10,100,90")
    planes(scan)
    count = "([id]) => document.querySelectorAll(`#view-${id} .pane-shapes path:not(.halo)`).length"
    assert [scan.page.evaluate(count, [name]) for name in ("right", "below")] == [1, 1]
    # The crosshair and the cross of a point at it have one middle.
    cross = scan.page.locator("#view-right .pane-shapes path:not(.halo)").bounding_box()
    for line, side, extent in (("across", "y", "height"), ("down", "x", "width")):
        box = scan.page.locator(f"#view-right .crosshair .{line}").bounding_box()
        assert cross[side] + cross[extent] / 2 == pytest.approx(
            box[side] + box[extent] / 2, abs=1.5
        )


def test_shapes_are_drawn_and_measured_in_each_view(scan: Any) -> None:
    values = scan.served.arrays["scan.h5", "/entry/data"]
    planes(scan)
    scan.page.keyboard.press("r")
    scan.until("() => document.querySelector('.plot-frame.with-tool')")
    mouse = scan.page.mouse
    mouse.move(*place(scan, "#view-below", 0.25, 0.2))
    mouse.down()
    mouse.move(*place(scan, "#view-below", 0.5, 0.6), steps=4)
    assert scan.page.locator("#view-below .pane-shapes .handle").count() == 4
    mouse.up()
    shape = scan.page.evaluate("() => lamella.viewer.current().tools")
    assert shape.startswith("0,2/rect:")
    top, left, bottom, right = (round(float(v) + 0.5) for v in shape[9:].split(","))
    assert [top, left, bottom, right] == pytest.approx([32.5, 20, 65, 60], abs=2)
    # The point stays where it is.
    assert position(scan) == [20, 70, 30]
    mean = f"{values[top:bottom, 70, left:right].mean():.7g}"
    scan.until("(text) => document.querySelector('#region-panel dd')?.textContent === text", mean)
    # By an arrow in the picture that has the focus, and on the next row.
    scan.page.focus("#view-below")
    scan.page.keyboard.press("Shift+ArrowRight")
    scan.page.keyboard.press("Escape")
    scan.page.keyboard.press("ArrowRight")
    mean = f"{values[top:bottom, 71, left + 10 : right + 10].mean():.7g}"
    scan.until("(text) => document.querySelector('#region-panel dd')?.textContent === text", mean)
    scan.address("tools=0,2/rect:")
    # Without a tool, a click moves the point.
    mouse.click(*place(scan, "#view-below", 0.75, 0.25))
    assert position(scan)[2] == pytest.approx(25, abs=1)
    scan.page.keyboard.press("Delete")
    assert scan.page.evaluate("() => lamella.viewer.current().tools") == ""


def test_each_slider_has_its_band(scan: Any) -> None:
    planes(scan)
    scan.until(
        "() => Array.from(document.querySelectorAll('.pane-band')).every((band) => band.querySelector('.cached'))"
    )


def test_zoom_is_linked(scan: Any) -> None:
    planes(scan)
    scan.page.mouse.move(*place(scan, "#view-right", 0.5, 0.5))
    scan.page.keyboard.down("Control")
    scan.page.mouse.wheel(0, -400)
    scan.page.keyboard.up("Control")
    scan.until("() => lamella.viewer.current().depth")
    scan.settled()
    view = scan.page.evaluate(
        "() => { const { x, y, depth } = lamella.viewer.current(); return { x, y, depth }; }"
    )
    assert view["y"][1] - view["y"][0] == pytest.approx(120 * np.exp(-0.88), rel=0.02)
    assert scan.trace["y"] == pytest.approx(view["y"][::-1], abs=0.5) or scan.trace[
        "y"
    ] == pytest.approx(view["y"], abs=0.5)
    scan.address("depth=")
    scan.page.click("#views-one")
    scan.until("() => !document.querySelector('.stage.three')")
    scan.until("() => !location.search.includes('views=')")
    scan.settled()
    scan.page.click("#views-three")
    planes(scan)
    scan.page.mouse.dblclick(*place(scan, "#view-right", 0.5, 0.5))
    scan.until("() => lamella.viewer.current().depth === null")


def test_colours_follow_the_main_picture(scan: Any) -> None:
    planes(scan)
    scan.page.evaluate("() => lamella.viewer.setColors({ window: [0, 1], colorscale: 'viridis' })")
    scan.until(
        "() => lamella.views.panes().every((pane) => pane.shown().mapping.hi === 1"
        " && pane.shown().mapping.colorscale === 'viridis')"
    )


def test_one_picture_has_no_three_views(viewer: Any) -> None:
    viewer.open("?file=scan.h5&dataset=/plane")
    viewer.page.click("#views-three")
    viewer.await_text("plot-note-text", "three dimensions")
    assert viewer.page.get_attribute("#views-one", "aria-pressed") == "true"


def test_fingers_move_the_point(phone: Any) -> None:
    viewer = phone.open(THREE)
    planes(viewer)
    viewer.page.locator("#view-below").scroll_into_view_if_needed()
    send = touching(viewer)
    x, y = place(viewer, "#view-below", 0.5, 0.75)
    send("touchStart", (x, y))
    send("touchEnd")
    viewer.until("() => Math.abs(lamella.viewer.current().position[2] - 75) < 2")
    # With a tool they draw.
    viewer.page.tap("#tool-line")
    viewer.until("() => document.querySelector('.plot-frame.with-tool')")
    viewer.page.locator("#view-below").scroll_into_view_if_needed()
    x, y = place(viewer, "#view-below", 0.25, 0.25)
    send("touchStart", (x, y))
    for step in range(1, 6):
        send("touchMove", (x + 12 * step, y + 12 * step))
    # The finger rests before it is lifted. Where `touch-action` is none, Chromium takes a quick lift for a
    # fling, and the next tap within a moment for its end, which is no click: on an empty page, too.
    viewer.page.wait_for_timeout(200)
    send("touchMove", (x + 60, y + 60))
    send("touchEnd")
    viewer.until("() => lamella.viewer.current().tools.startsWith('0,2/line:')")
    assert viewer.page.evaluate("() => lamella.viewer.current().position[2]") == pytest.approx(
        75, abs=2
    )
    viewer.page.tap("#tool-line")
    viewer.until("() => !document.querySelector('.plot-frame.with-tool')")
    viewer.page.locator("#view-below").scroll_into_view_if_needed()
    # Two fingers zoom all views.
    x, y = place(viewer, "#view-below", 0.5, 0.5)
    send("touchStart", (x - 20, y), (x + 20, y))
    for way in range(20, 61, 8):
        send("touchMove", (x - way, y), (x + way, y))
    send("touchEnd")
    viewer.until("() => lamella.viewer.current().depth")
    viewer.page.evaluate("() => scrollTo(0, 0)")
    viewer.settled()
    x, y = viewer.point(
        *(
            viewer.page.evaluate(
                "() => { const { x, y } = lamella.viewer.current(); return [(x[0] + x[1]) / 2, y[0] + 3]; }"
            )
        )
    )
    viewer.page.touchscreen.tap(x, y)
    viewer.until("() => lamella.viewer.current().position[1] < lamella.viewer.current().y[0] + 6")
