"""The heatmap at rest: drawn by our painter, positioned by Plotly, and never waited for by a key."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from dashboard.frames.quantize import Norm, quantize_u8
from tests.nightly import mostly
from tests.page_scripts import script

pytestmark = pytest.mark.browser

SCAN = "?file=scan.h5&dataset=/entry/data"
LARGE = "?file=scan.h5&dataset=/large"
STACK = "?file=other.h5&dataset=/stack&selection=1,3,:,:&axis=1"

# The picture of a graph: where it lies, the kind of its address, and itself as the browser reads it.
READ = script("heatmap/read")

GRAPH = "document.querySelector('#slice-graph .js-plotly-plot')"

# The same figure on a graph that is none of the page's: Plotly draws it by itself.
PLAIN = f"() => ({script('heatmap/plain')})({READ})"


@dataclass(frozen=True)
class Picture:
    """`pixels` are (rows, cols, 4), `kind` is blob or data, `place` the attributes of the element."""

    place: list[str]
    kind: str
    pixels: NDArray[Any]


def picture(viewer: Any, script: str = f"() => ({READ})({GRAPH})") -> Picture:
    """The picture on the screen, or that of another graph by its script."""
    place, kind, text = viewer.page.evaluate(script)
    return Picture(place, kind, decoded(text))


def decoded(text: str) -> NDArray[Any]:
    """A PNG in base64 as (rows, cols, 4)."""
    found: NDArray[Any] = imagecodecs.png_decode(base64.b64decode(text)).astype(int)
    if found.shape[-1] == 4:
        return found
    return np.dstack([found, np.full(found.shape[:2], 255)])


def expected(viewer: Any, values: NDArray[Any], window: tuple[float, float], norm: Norm) -> Any:
    """The colours of values: (rows, cols, 4), gaps transparent black."""
    table = viewer.page.evaluate(script("heatmap/colors"))
    return np.array([*table, [0, 0, 0, 0]])[quantize_u8(values, window, norm)]


LOOKS = [
    (f"{SCAN}&axis=0&index=20", Norm.LINEAR),
    (f"{SCAN}&axis=1&index=20&colorscale=viridis_r", Norm.LINEAR),
    (f"{SCAN}&axis=0&index=20&window=10,2500&norm=log&colorscale=magma", Norm.LOG),
    (f"{SCAN}&axis=0&index=20&window=-900,2000&norm=symlog&colorscale=gray_r", Norm.SYMLOG),
    (f"{SCAN}&axis=0&index=20&window=-900,2000&norm=asinh&colorscale=vik&centre=100", Norm.ASINH),
    (f"{SCAN}&axis=0&index=20&x=20.3,61.2&y=30,75.5&colorscale=gray", Norm.LINEAR),
    (f"{LARGE}&axis=0&index=1", Norm.LINEAR),
    (f"{STACK}&window=50,150", Norm.LINEAR),
]
# Norms that every change is tried with in `test_motion`.
IN_MOTION = [one for one in LOOKS if one[1] in (Norm.LOG, Norm.SYMLOG)]


@pytest.mark.parametrize(("link", "norm"), mostly(LOOKS, IN_MOTION))
def test_the_picture_has_the_datas_colours_and_plotlys_place(
    viewer: Any, link: str, norm: Norm
) -> None:
    """Also after a key, when only values and picture are exchanged."""
    viewer.open(link)
    for keys in ([], ["ArrowRight"]):
        trace = viewer.press(*keys).trace
        ours = picture(viewer)
        assert ours.kind == "blob"
        window = (trace["zmin"], trace["zmax"])
        reference = expected(viewer, trace["z"].astype(np.float32), window, norm)
        # Rounding at the border of two codes may go either way.
        assert np.abs(ours.pixels - reference).max() <= 8
        assert (ours.pixels == reference).all(axis=-1).mean() > 0.99
        assert ((ours.pixels[..., 3] == 0) == np.isnan(trace["z"])).all()
        plain = picture(viewer, PLAIN)
        assert plain.kind == "data"
        assert ours.place == plain.place
        assert (ours.pixels[..., 3] == plain.pixels[..., 3]).all()
        # Plotly's stops are straight lines between 256 places of the values, ours of the norm.
        assert np.abs(ours.pixels - plain.pixels)[ours.pixels[..., 3] > 0].max() <= 8


def test_the_picture_follows_zoom_and_size(fresh_viewer: Any) -> None:
    viewer = fresh_viewer.open(f"{LARGE}&axis=0&index=1&window=0,4000")
    viewer.press("ArrowRight")
    whole = picture(viewer)
    viewer.page.evaluate(script("heatmap/record-places"))
    viewer.page.mouse.move(*viewer.point(300, 400))
    viewer.page.mouse.down()
    viewer.page.mouse.move(*viewer.point(500, 600), steps=5)
    viewer.page.mouse.up()
    (kind, width), *_ = viewer.until("() => window.places.length && window.places")
    assert kind == "blob"
    assert width > 3 * float(whole.place[2])
    viewer.settled(painted=3)
    for size in ({"width": 1280, "height": 800}, {"width": 1100, "height": 700}):
        viewer.page.set_viewport_size(size)
        viewer.until(
            script("heatmap/is-narrower"),
            size["width"],
        )
        ours, plain = picture(viewer), picture(viewer, PLAIN)
        assert ours.kind == "blob"
        assert ours.place == plain.place
        assert np.abs(ours.pixels - plain.pixels).max() <= 2


def exported(viewer: Any, places: list[tuple[int, int]]) -> list[NDArray[Any]]:
    """The pixels of cells (row, column) in Plotly's export of the graph."""
    text, points = viewer.page.evaluate(
        script("heatmap/export"),
        places,
    )
    image = decoded(text)
    return [image[y, x] for y, x in points]


def test_an_exported_image_shows_the_slice_that_is_seen(viewer: Any, served: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20&window=0,3000")
    viewer.press("ArrowRight")
    values = served.arrays["scan.h5", "/entry/data"][21]
    reference = expected(viewer, values, (0, 3000), Norm.LINEAR)
    places = [(10, 20), (60, 50), (110, 90)]
    for (row, col), pixel in zip(places, exported(viewer, places), strict=True):
        assert np.abs(pixel[:3] - reference[row, col, :3]).max() <= 2


def test_an_exported_image_has_gaps_where_the_fill_value_is(viewer: Any, served: Any) -> None:
    viewer.open("?file=other.h5&dataset=/zfilled&axis=0&index=1&window=-100,4000")
    values = served.arrays["other.h5", "/zfilled"][1]
    places = [(5, 20), (15, 20), (12, 29), (25, 20)]
    gaps = [values[place] == -7 for place in places]
    assert gaps == [False, True, True, False]
    # The ground shows through, a grey that is none of the scale's.
    ground = [201, 208, 212]
    assert [pixel[:3].tolist() == ground for pixel in exported(viewer, places)] == gaps


def test_addresses_of_pictures_do_not_pile_up(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    counts = viewer.page.evaluate(script("heatmap/counts"))
    assert counts[0] >= 20
    assert counts[1] <= 2
    assert counts[2] == 1


@pytest.mark.parametrize(
    ("place", "name"),
    mostly(
        [("patch", "buildImage"), ("plot", "draw"), ("patch", "replaceImage")], [("plot", "draw")]
    ),
)
def test_a_key_while_the_heatmap_is_drawn_is_painted(
    viewer: Any, served: Any, place: str, name: str
) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20")
    drawn = viewer.page.evaluate(script("heatmap/press-during"), [place, name])
    assert [mark["index"] for mark in viewer.painted] == [20, 21, 22]
    # What was not yet drawn when the key came is not drawn before it is painted.
    assert drawn == ([] if name == "buildImage" else ["21,:,:"])
    viewer.settled()
    assert viewer.page.evaluate("window.drawn")[-1] == "22,:,:"
    trace = viewer.trace
    values = served.arrays["scan.h5", "/entry/data"][22]
    assert_array_equal(trace["z"], values)
    reference = expected(viewer, values, (trace["zmin"], trace["zmax"]), Norm.LINEAR)
    assert np.abs(picture(viewer).pixels - reference).max() <= 1


def test_hover_tells_of_the_slice_that_took_the_place(viewer: Any) -> None:
    """Also over gaps, which Plotly has as no value at all."""
    viewer.open(STACK)
    viewer.page.mouse.move(*viewer.point(10, 7))
    label = "() => document.querySelector('#slice-graph .hoverlayer').textContent"
    viewer.until(f"() => ({label})().includes('[1, 3, 7, 10]')")
    assert "NaN" in viewer.page.evaluate(label)
    viewer.press("ArrowRight")
    viewer.until(f"() => ({label})().includes('[1, 4, 7, 10]')")


def test_the_readout_tells_of_the_slice_under_a_resting_pointer(viewer: Any) -> None:
    """Also where the whole figure is drawn anew, as with another window for each slice."""
    viewer.open(f"{SCAN}&axis=0&index=64&window=slice")
    x, y = viewer.point(30, 40)
    viewer.page.mouse.move(x + 1, y)
    viewer.page.mouse.move(x, y)
    viewer.await_text("readout", "[64, 40, 30]")
    for index in (65, 66):
        viewer.press("ArrowRight")
        viewer.await_text("readout", f"[{index}, 40, 30]")


def forget_plotly(viewer: Any) -> None:
    """Plotly's module for heatmaps is not the one that the page knows."""
    known = "module.name!=='heatmap'"  # as it is sent, without white space

    def alter(route: Any) -> None:
        text = route.fetch().text()
        assert known in text
        route.fulfill(
            body=text.replace(known, "module.name!=='another'"), content_type="text/javascript"
        )

    viewer.page.route("**/bundles/main.mjs*", alter)


def spoil_pictures(viewer: Any) -> None:
    """The browser cannot read the pictures that the page makes."""
    viewer.page.add_init_script(script("heatmap/spoil-pictures"))


@pytest.mark.parametrize("spoil", [forget_plotly, spoil_pictures])
def test_plotly_draws_what_cannot_be_drawn_for_it(
    make_viewer: Callable[..., Any], served: Any, spoil: Callable[[Any], None]
) -> None:
    viewer = make_viewer()
    spoil(viewer)
    viewer.open(f"{SCAN}&axis=0&index=20&window=0,3000")
    viewer.press("ArrowRight")
    plain = picture(viewer)
    assert plain.kind == "data"
    values = served.arrays["scan.h5", "/entry/data"][21]
    assert_array_equal(viewer.trace["z"], values)
    reference = expected(viewer, values, (0, 3000), Norm.LINEAR)
    assert np.abs(plain.pixels - reference).max() <= 2


def test_the_picture_is_turned_round_with_its_axis(fresh_viewer: Any) -> None:
    viewer = fresh_viewer.open(f"{SCAN}&axis=0&index=20&window=0,3000")
    before = picture(viewer)
    viewer.page.evaluate(script("heatmap/reverse-axis"))
    after = picture(viewer)
    assert (before.kind, after.kind) == ("blob", "blob")
    assert_array_equal(before.pixels, after.pixels)
    image = viewer.page.locator("#slice-graph .heatmaplayer image")
    assert (image.get_attribute("transform") or "").endswith("scale(-1,1)")


def test_the_installed_plotly_has_what_the_picture_needs(viewer: Any) -> None:
    viewer.open(f"{SCAN}&axis=0&index=20&window=0,2000")
    assert viewer.page.evaluate("() => lamella.patch.isInstalled()")
    # Plotly draws the frame of a zoom dark on bright pictures.
    bright = viewer.page.evaluate(f"() => {GRAPH}._hmlumcount / {GRAPH}._hmpixcount")
    mean = np.clip(viewer.trace["z"], 0, 2000).mean() / 2000
    assert math.isclose(bright, ((mean + 0.055) / 1.055) ** 2.4, rel_tol=0.1)
