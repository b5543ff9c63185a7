"""The page's modules alone, in a blank page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from dashboard.assets_path import assets_folder
from dashboard.frames.quantize import Norm, quantize_u8

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A blank page with the scripts that need no page around them."""
    page = browser.new_page()
    for name in "scale address ring link flow painter play controls".split():
        page.add_script_tag(path=assets_folder() / f"{name}.js")
    yield page
    page.close()


def run(page: Page, script: str, *arguments: Any) -> Any:
    """The value of a function's body with the arguments `a`, `b` …"""
    names = ", ".join("abcd"[: len(arguments)])
    return page.evaluate(f"async ([{names}]) => {{ {script} }}", list(arguments))


RING = """
let now = 0;
const ring = lamella.makeRing(a, () => now);
const frame = (bytes, step) => ({codes: new Uint8Array(bytes), step: step || 1});
const kept = (name, count) => Array.from({length: count}, (_, i) => i)
  .filter((i) => ring.get(name, i, 99));
"""


def test_the_ring_keeps_what_is_near_and_ahead(page: Page) -> None:
    kept = run(
        page,
        RING
        + """
        ring.stand('s', 10, 1);
        for (let i = 0; i < 30; i += 1) ring.put('s', i, frame(10));
        return [kept('s', 30), ring.bytes()];
        """,
        100,
    )
    assert kept[1] == 100
    # Two ahead are worth one behind; the newest is never the one to go.
    assert kept[0][-1] == 29
    assert set(range(9, 16)) <= set(kept[0])


def test_the_ring_lets_other_series_go_first(page: Page) -> None:
    kept = run(
        page,
        RING
        + """
        ring.put('old', 1, frame(40));
        ring.put('new', 1, frame(40));
        ring.stand('new', 1, 1);
        ring.put('new', 500, frame(40));
        return [kept('old', 9), kept('new', 600), ring.bytes()];
        """,
        100,
    )
    assert kept == [[], [1, 500], 80]


def test_the_ring_takes_nothing_too_coarse_or_too_old(page: Page) -> None:
    found = run(
        page,
        RING
        + """
        ring.put('s', 1, frame(10, 3));
        const at = (step) => Boolean(ring.get('s', 1, step));
        const young = [at(2), at(3), at(4)];
        now = 1e6;
        const old = at(4);
        ring.put('s', 1, frame(20, 3));
        const size = ring.bytes();
        ring.drop();
        return [young, old, size, ring.bytes(), at(4)];
        """,
        100,
    )
    assert found == [[False, True, True], False, 20, 0, False]


FLOW = """
const log = [];
const open = new Map();
const timers = [];
const fetchFrame = (index, signal) => new Promise((resolve, reject) => {
  log.push('+' + index);
  open.set(index, {resolve, reject});
  signal.addEventListener('abort', () => {
    log.push('x' + index);
    reject(new DOMException('', 'AbortError'));
  });
});
const kept = new Set();
let room = a;
const flow = lamella.makeFlow(fetchFrame, (index) => { kept.add(index); log.push('=' + index); },
  (index) => kept.has(index), () => room, (job) => timers.push(job));
const turn = () => new Promise((next) => setTimeout(next));
"""


def test_no_more_is_under_way_than_the_link_carries(page: Page) -> None:
    log = run(
        page,
        FLOW
        + """
        flow.want([1, 2, 3, 4]);
        await turn();
        open.get(1).resolve({});
        await turn();
        room = 3;
        open.get(2).resolve({});
        await turn();
        return [log, flow.size()];
        """,
        2,
    )
    assert log == [["+1", "+2", "=1", "+3", "=2", "+4"], 2]


def test_what_is_no_longer_ahead_is_given_up(page: Page) -> None:
    log = run(
        page,
        FLOW
        + """
        flow.want([5, 6]);
        flow.want([6, 7]);
        open.get(5).resolve({});
        await turn();
        return [log, flow.running(6), flow.running(5)];
        """,
        2,
    )
    assert log == [["+5", "+6", "x5", "+7"], True, False]


def test_fetching_ahead_waits_while_a_demand_needs_the_link(page: Page) -> None:
    log = run(
        page,
        FLOW
        + """
        flow.want([1, 2]);
        flow.hold(true);
        flow.want([2, 3]);
        const during = log.slice();
        flow.hold(false);
        return [during, log];
        """,
        2,
    )
    assert log == [["+1", "+2", "x1", "x2"], ["+1", "+2", "x1", "x2", "+2", "+3"]]


def test_fetching_ahead_pauses_after_an_error(page: Page) -> None:
    log = run(
        page,
        FLOW
        + """
        flow.want([1, 2]);
        open.get(1).reject(new Error('busy'));
        await turn();
        const before = log.slice();
        timers[0]();
        return [before, log];
        """,
        1,
    )
    assert log == [["+1"], ["+1", "+1"]]


LINK = """
const link = lamella.makeLink();
for (let i = 0; i < 6; i += 1) {
  link.note({bytes: 200000, wait: a, begin: 1000 * i, end: 1000 * i + b});
}
"""


def test_a_fast_link_carries_several_frames_and_a_slow_one_two(page: Page) -> None:
    measure = LINK + "return [link.carries(200000), link.travel(200000), link.cells(30)];"
    carries, travel, cells = run(page, measure, 12, 4)
    assert (carries, travel) == (4, 4)
    assert cells > 1_000_000
    carries, travel, cells = run(page, measure, 30, 400)
    assert (carries, travel) == (2, 400)
    assert cells == pytest.approx(200_000 / 0.4 * 0.8 / 30)
    assert run(page, "return lamella.makeLink().carries(200000);") == 2


def test_bodies_that_travel_together_share_the_link(page: Page) -> None:
    notes = """
        const link = lamella.makeLink();
        link.note({bytes: 100000, wait: 5, begin: 0, end: 100});
        link.note({bytes: 100000, wait: 5, begin: 0, end: 110});
        link.note({bytes: 100000, wait: 5, begin: 90, end: 200});
        link.note({bytes: 500, wait: 5, begin: 300, end: 900});
        return link.rate();
    """
    assert run(page, notes) == pytest.approx(300_000 / 200)


@pytest.mark.parametrize("norm", list(Norm))
def test_codes_are_those_of_the_server(page: Page, norm: Norm) -> None:
    window = (3.0, 900.0) if norm in (Norm.LOG, Norm.SQRT) else (-200.0, 900.0)
    values = np.random.default_rng(3).normal(300, 400, (20, 30)).astype(np.float32)
    values[3, 4:9] = np.nan
    values[5, :4] = [np.inf, -np.inf, *window]
    rows = [[None if np.isnan(v) else str(v) for v in row] for row in values]
    codes = run(
        page,
        """
        const z = a.map((row) => Float32Array.from(row, (v) => (v === null ? NaN
          : Number(v.replace('inf', 'Infinity')))));
        return Array.from(lamella.painter.codes({z: z, rows: 20, cols: 30},
          {norm: b, lo: c[0], hi: c[1]}));
        """,
        rows,
        norm.value,
        window,
    )
    expected = quantize_u8(values, window, norm).reshape(-1).astype(int)
    assert np.abs(np.array(codes) - expected).max() <= 1
    assert (np.array(codes) == expected).mean() > 0.99
    assert ((np.array(codes) == 255) == np.isnan(values).reshape(-1)).all()


def test_the_table_of_colours_has_both_ends_and_the_gap(page: Page) -> None:
    script = """
        const table = lamella.painter.table({colorscale: 'viridis', reverse: a}, b);
        return [0, 254, 255].map((code) => Array.from(new Uint8Array(table.buffer, 4 * code, 4)));
        """
    low, high = [0x44, 1, 0x54, 255], [0xFD, 0xE7, 0x25, 255]
    assert run(page, script, False, "#c9d0d4") == [low, high, [0xC9, 0xD0, 0xD4, 255]]
    assert run(page, script, True, "#000000") == [high, low, [0, 0, 0, 255]]


def test_the_step_is_the_smallest_with_no_more_cells_than_pixels(page: Page) -> None:
    ports = run(
        page,
        """
        const view = {shape: [9, 1360, 1360], rows: 1, cols: 2, x: null, y: null};
        const zoomed = {shape: [9, 1360, 1360], rows: 1, cols: 2, x: [99.5, 499.5], y: [10, 610]};
        return [[view, 479 * 479], [view, 680 * 680], [view, 2e6], [zoomed, 479 * 479]].map(
          ([v, limit]) => lamella.address.port(v, limit));
        """,
    )
    assert [port["step"] for port in ports] == [3, 2, 1, 2]
    assert (ports[3]["row0"], ports[3]["row1"]) == (10, 612)


@pytest.mark.parametrize(
    ("shape", "limit", "steps"),
    [
        ((8398, 2), 462400, (3, 1)),
        ((2, 8398), 462400, (1, 3)),
        ((1_000_000, 3), 462400, (245, 1)),
        ((2, 1_000_000), 462400, (1, 245)),
        ((1, 1), 462400, (1, 1)),
        ((500, 1), 462400, (1, 1)),
        ((10_000, 400), 462400, (3, 3)),
        ((1_000_000, 3), 6000, (500, 1)),
    ],
)
def test_each_direction_is_pooled_by_itself(
    page: Page, shape: tuple[int, int], limit: int, steps: tuple[int, int]
) -> None:
    port = run(
        page,
        "return lamella.address.port({shape: a, rows: 0, cols: 1, x: null, y: null}, b);",
        shape,
        limit,
    )
    assert (port["rowStep"], port["colStep"]) == steps
    cells = [-(-length // step) for length, step in zip(shape, steps, strict=True)]
    assert cells[0] * cells[1] <= limit


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (16777246, "uint32", "16777246"),
        (16777246, "float32", "16777246"),
        (float(np.float32(0.1)), "float32", "0.1"),
        (float(np.float16(1 / 7)), "float16", "0.1428"),
        (65504, "float16", "65504"),
        (1.000000000001, "float64", "1.000000000001"),
        (1e300, "float64", "1e300"),
        (-0.00001, "float64", "−1e-5"),
        (2**53, "int64", "9007199254740992"),
    ],
)
def test_a_value_has_all_its_digits(page: Page, value: float, dtype: str, text: str) -> None:
    assert run(page, "return lamella.scale.exact(a, b);", value, dtype) == text


@pytest.mark.parametrize(
    ("window", "texts", "offset"),
    [
        ((16777217.63, 16777279.37), ["16777220", "16777240", "16777260"], ""),
        ((2.0**53, 2.0**53 + 64), ["+0", "+20", "+40"], "9007199254741000"),
        ((-1.7e308, 1.7e308), ["−1e308", "0", "1e308"], ""),
        ((2.0**63, 2.0**63 + 2048), ["9.223e18"], ""),
        ((0.0, 5e-324), ["0", "4.941e-324"], ""),
    ],
)
def test_ticks_of_the_colour_bar_can_be_told_apart(
    page: Page, window: tuple[float, float], texts: list[str], offset: str
) -> None:
    found = run(
        page,
        "return lamella.scale.ticks({lo: Number(a), hi: Number(b), norm: 'linear'});",
        *map(repr, window),
    )
    assert (found["texts"], found["offset"]) == (texts, offset)
    assert all(0 <= place <= 1 for place in found["places"])


def test_codes_in_a_window_wider_than_a_double(page: Page) -> None:
    values = [-1.7e308, -0.85e308, 0.0, 0.85e308, 1.7e308]
    codes = run(
        page,
        """
        return Array.from(lamella.painter.codes({z: [Float64Array.from(a, Number)], rows: 1, cols: 5},
          {norm: 'linear', lo: -1.7e308, hi: 1.7e308}));
        """,
        [repr(value) for value in values],
    )
    # Rounding at the border of two codes may go either way.
    assert codes == pytest.approx(
        quantize_u8(np.array([values]), (-1.7e308, 1.7e308), Norm.LINEAR)[0], abs=1
    )


@pytest.mark.parametrize(
    ("index", "by", "end", "found"),
    [
        (3, 1, "loop", [4, 1]),
        (9, 1, "loop", [0, 1]),
        (0, -1, "loop", [9, 1]),
        (7, 25, "loop", [2, 1]),
        (9, 1, "stop", None),
        (7, 5, "stop", [9, 1]),
        (0, -1, "stop", None),
        (9, 1, "bounce", [8, -1]),
        (8, 3, "bounce", [7, -1]),
        (0, -1, "bounce", [1, -1]),
        (1, -3, "bounce", [2, -1]),
        (5, 3, "bounce", [8, 1]),
    ],
)
def test_playing_starts_again_turns_round_or_stops(
    page: Page, index: int, by: int, end: str, found: list[int] | None
) -> None:
    assert run(page, "return lamella.play.turn(a, b, 10, c);", index, by, end) == found


def test_an_echo_of_dash_is_not_taken_for_the_user_however_late(page: Page) -> None:
    found = run(
        page,
        """
        window.dash_clientside = { set_props: () => undefined };
        let now = 0;
        performance.now = () => now;
        const { put, heard } = lamella.controls;
        put('dial', 20);
        put('dial', 129);
        now = 5000;
        const echoes = [heard('dial', 20), heard('dial', 129)];
        const user = [heard('dial', 20), heard('dial', 20), heard('dial', 129)];
        delete performance.now;
        return [echoes, user];
        """,
    )
    assert found == [[False, False], [True, False, True]]
