"""Files that change while they are viewed: no slice of an older version stays, and the view is kept."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.browser.conftest import serving
from tests.browser.viewer import DIMMED, Served, Viewer
from tests.browser.withheld import Withheld
from tests.page_scripts import script

pytestmark = pytest.mark.browser

NOTE = "() => document.getElementById('plot-note-text').textContent"
MESSAGE = "() => document.getElementById('plot-message-text').textContent"
CHANGED = "changed on disk"
# The value in the middle of what the heatmap has.
VALUE = script("replaced/value")


@dataclass(frozen=True)
class Changing(Served):
    """`data` is the folder that is served, `numbers` are for names of files."""

    data: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)


def write(
    path: Path,
    value: float,
    shape: tuple[int, ...] = (40, 60, 50),
    dtype: str = "u2",
    name: str = "volume",
) -> None:
    """A file that has `value` everywhere, but for a ramp along the first row; put in place at once."""
    new = path.with_suffix(".new")
    values = np.full(shape, value, dtype)
    if len(shape) > 1:
        values[..., 0, :] += np.arange(shape[-1]).astype(dtype)
    with h5py.File(new, "w") as file:
        made = file.create_dataset(name, data=values, chunks=True, compression="gzip")
        made.attrs["level"] = value
        file.create_dataset("other", data=np.full((6, 8, 9), 7, "u1"))
    new.replace(path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on the folder with the files of these tests."""
    folder = tmp_path_factory.mktemp("changing")
    data = folder / "data"
    data.mkdir()
    with serving(folder, [data], {}) as served:
        yield Changing(served.url, {}, data)


@pytest.fixture
def path(served: Changing) -> Path:
    """A file of the test's own, which may be replaced."""
    path = served.data / f"{next(served.numbers)}.h5"
    write(path, 100)
    return path


@pytest.fixture
def viewer(viewer: Viewer) -> Iterator[Viewer]:
    """The shared tab; requests that are refused are written to its console."""
    yield viewer
    refused(viewer)


@pytest.fixture
def fresh_viewer(fresh_viewer: Viewer) -> Iterator[Viewer]:
    """A tab in whose tree no other file is unfolded."""
    yield fresh_viewer
    refused(fresh_viewer)


def refused(viewer: Viewer) -> None:
    """Leave out what the console says of requests that were refused."""
    viewer.errors[:] = [error for error in viewer.errors if "Failed to load" not in error]


def link(path: Path, more: str = "") -> str:
    """The link to the volume of a file."""
    return f"?file=data/{path.name}&dataset=/volume{more}"


def poll(viewer: Any) -> None:
    """The page asks what is cached now, as it does every two seconds."""
    viewer.page.evaluate("() => lamella.residency.poll()")


def assert_shows(viewer: Any, value: float, index: int | None = None) -> None:
    """The picture is of the file that has this value, and so is everything around it."""
    viewer.until(f"(value) => ({VALUE})() === value", value)
    viewer.settled()
    trace = viewer.trace
    assert trace["z"][5:, :].min() == trace["z"][5:, :].max() == value
    if index is not None:
        assert viewer.index == index
        assert trace["meta"]["selection"].startswith(f"{index},")
        viewer.until(f"() => document.title.startsWith('{index} ·')")


def test_at_rest_it_is_noticed(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=20"))
    assert_shows(viewer, 100, 20)
    viewer.await_text("node-details", "level100")
    write(path, 300)
    viewer.await_text("plot-note-text", CHANGED)
    assert_shows(viewer, 300, 20)
    viewer.await_text("node-details", "level300")
    # The window of the volume is the new one's.
    assert viewer.trace["zmin"] >= 299
    assert viewer.page.inner_text("#plot-note-text") == "This file changed on disk."
    viewer.page.click("#plot-note-close")
    assert not viewer.page.is_visible("#plot-note")


def test_a_curve_follows_its_file(viewer: Any, path: Path) -> None:
    write(path, 3, shape=(50,))
    viewer.load(link(path))
    value = "(value) => document.querySelector('.sheet-curve')?.data?.[0].y[5] === value"
    viewer.until(value, 3)
    # And back to what it was.
    for level in (4, 3):
        write(path, level, shape=(50,))
        poll(viewer)
        viewer.until(value, level)
    write(path, 100)
    poll(viewer)
    viewer.until("() => lamella.viewer.current()?.dataset === '/volume'")
    viewer.settled()


def test_with_the_times_set_back_too(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=20"))
    before = path.stat()
    write(path, 300)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    viewer.await_text("plot-note-text", CHANGED)
    assert_shows(viewer, 300, 20)


def test_slices_that_the_page_had_are_asked_for_again(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=20"))
    viewer.press("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft")
    viewer.until("() => lamella.scrubber.isCached(21) && lamella.scrubber.isCached(22)")
    write(path, 300)
    poll(viewer)
    viewer.await_text("plot-note-text", CHANGED)
    assert_shows(viewer, 300, 20)
    viewer.press("ArrowRight")
    assert_shows(viewer, 300, 21)
    viewer.press("ArrowLeft")
    assert_shows(viewer, 300, 20)
    # And again: what was of the second state is no more shown than what was of the first.
    write(path, 500)
    poll(viewer)
    viewer.until(f"(value) => ({VALUE})() === value", 500)
    viewer.press("ArrowRight")
    assert_shows(viewer, 500, 21)


def test_a_key_finds_the_new_file(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=20"))
    write(path, 300)
    viewer.page.keyboard.press("End")
    viewer.await_text("plot-note-text", CHANGED)
    assert_shows(viewer, 300, 39)


def test_keys_while_the_file_is_read_again_are_not_lost(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=20"))
    pending: list[Any] = []

    def hold(route: Any) -> None:
        pending.append(route)

    viewer.page.route(re.compile("/datasets[?]"), hold)
    write(path, 300)
    poll(viewer)
    viewer.await_text("plot-note-text", CHANGED)
    for _ in range(3):
        viewer.page.keyboard.press("ArrowRight")
    for route in pending:
        route.continue_()
    viewer.page.unroute_all()
    assert_shows(viewer, 300, 23)


@pytest.mark.parametrize(
    ("shape", "index", "sentence"),
    [
        ((10, 60, 50), 9, "40 × 60 × 50 and is 10 × 60 × 50"),
        ((90, 20, 12), 39, "is 90 × 20 × 12"),
    ],
)
def test_another_shape(
    viewer: Any, path: Path, shape: tuple[int, ...], index: int, sentence: str
) -> None:
    viewer.open(link(path, "&axis=0&index=39&x=5,30&y=8,40"))
    write(path, 300, shape)
    poll(viewer)
    viewer.await_text("plot-note-text", sentence)
    assert_shows(viewer, 300, index)
    assert viewer.page.inner_text("#crumb").replace("\n", " ").count(" × ".join(map(str, shape)))
    assert viewer.page.inner_text("#index-last") == f"of 0–{shape[0] - 1}"
    left, right = viewer.page.evaluate("() => lamella.viewer.current().x || [-0.5, 11.5]")
    assert -0.5 <= left < right <= shape[2] - 0.5
    viewer.press("End")
    assert_shows(viewer, 300, shape[0] - 1)
    viewer.press("Home")
    assert_shows(viewer, 300, 0)


def test_another_type_and_another_rank(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=20&window=90,110"))
    write(path, 0.5, dtype="f4")
    poll(viewer)
    viewer.await_text("plot-note-text", "Its type was uint16 and is float32")
    assert_shows(viewer, 0.5, 20)
    write(path, 8, (60, 50))
    poll(viewer)
    viewer.await_text("plot-note-text", "and is 60 × 50")
    assert_shows(viewer, 8)
    assert viewer.trace["meta"]["selection"] == ":,:"
    # Of two dimensions it is noticed as well.
    write(path, 9, (60, 50))
    assert_shows(viewer, 9)
    write(path, 3, (4, 5, 60, 50))
    poll(viewer)
    viewer.await_text("plot-note-text", "and is 4 × 5 × 60 × 50")
    assert_shows(viewer, 3)
    viewer.press("ArrowRight")


def test_while_playing_it_plays_on(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=0"))
    viewer.page.evaluate(
        "() => lamella.player.configure({speed: 30, end: 'loop', timing: 'every'})"
    )
    viewer.page.keyboard.press("Space")
    # All slices are in the page's own memory: nothing is asked for but what is cached.
    viewer.await_painted(50)
    write(path, 300, (30, 60, 50))
    viewer.await_text("plot-note-text", CHANGED)
    count = len(viewer.painted)
    viewer.await_painted(count + 40)
    assert viewer.page.get_attribute("#slice-play", "aria-pressed") == "true"
    viewer.page.keyboard.press("Space")
    viewer.settled()
    assert_shows(viewer, 300)
    assert max(mark["index"] for mark in viewer.painted[-30:]) <= 29


def test_while_a_slice_is_awaited(viewer: Any, path: Path) -> None:
    withheld = Withheld(viewer)
    viewer.open(link(path, "&axis=0&index=20"))
    viewer.page.keyboard.press("End")
    viewer.until(DIMMED)
    write(path, 300)
    for route in withheld.end():
        route.continue_()
    viewer.await_text("plot-note-text", CHANGED)
    assert_shows(viewer, 300, 39)


def test_a_late_answer_of_the_old_file_is_not_shown(fresh_viewer: Any, path: Path) -> None:
    viewer, withheld = fresh_viewer, Withheld(fresh_viewer)
    viewer.open(link(path, "&axis=0&index=20"))
    viewer.page.keyboard.press("End")
    viewer.until(DIMMED)
    late = [(route, route.fetch()) for route in withheld.end()]
    write(path, 300)
    poll(viewer)
    viewer.await_text("plot-note-text", CHANGED)
    assert_shows(viewer, 300, 39)
    for route, response in late:
        route.fulfill(response=response)
    viewer.press("ArrowLeft", "ArrowRight")
    assert_shows(viewer, 300, 39)


def test_a_dataset_that_vanished_says_so_and_comes_back(fresh_viewer: Any, path: Path) -> None:
    viewer = fresh_viewer
    viewer.open(link(path, "&axis=0&index=20"))
    write(path, 300, name="renamed")
    # At rest the picture stays, with a note.
    poll(viewer)
    viewer.await_text("plot-note-text", "as it was read last")
    assert not viewer.page.is_visible("#plot-message")
    viewer.page.keyboard.press("End")
    text = viewer.until(MESSAGE)
    assert f"This file changed on disk. data/{path.name} has no dataset /volume" in text
    viewer.until("() => document.getElementById('plot-offer').getClientRects().length > 0")
    assert f"of data/{path.name}" in viewer.page.inner_text("#plot-offer")
    assert "renamed" in viewer.page.inner_text("#dataset-tree")
    write(path, 400)
    poll(viewer)
    viewer.await_text("plot-message-text", "")
    assert_shows(viewer, 400, 39)


def test_a_deleted_file_says_so_and_comes_back(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=20"))
    path.unlink()
    viewer.await_text("plot-note-text", "as it was read last")
    viewer.page.keyboard.press("End")
    assert path.name in viewer.until(MESSAGE)
    # Back to the picture, which is what it was.
    viewer.page.keyboard.press("Escape")
    viewer.await_text("plot-message-text", "")
    assert_shows(viewer, 100, 20)
    viewer.page.keyboard.press("End")
    viewer.until(MESSAGE)
    write(path, 300)
    viewer.await_text("plot-message-text", "")
    assert_shows(viewer, 300, 39)
    viewer.until(f"() => !({NOTE})().includes('as it was read last')")


def test_looking_for_new_files_finds_it_at_once(fresh_viewer: Any, path: Path) -> None:
    viewer = fresh_viewer
    viewer.open(link(path, "&axis=0&index=20"))
    # With nothing else that would notice.
    viewer.page.evaluate(script("replaced/stop-polling"))
    write(path, 300)
    viewer.page.click("#tree-reload")
    viewer.await_text("plot-note-text", CHANGED)
    assert_shows(viewer, 300, 20)


def test_a_listing_from_before_does_not_shape_what_is_opened_now(
    fresh_viewer: Any, path: Path
) -> None:
    viewer = fresh_viewer
    viewer.open(link(path).replace("/volume", "/other"))
    write(path, 300, (90, 60, 50))
    viewer.page.locator("#dataset-tree").get_by_text("volume", exact=True).click()
    viewer.address("dataset=/volume")
    assert_shows(viewer, 300)
    assert viewer.page.inner_text("#index-last") == "of 0–89"
    assert "90 × 60 × 50" in viewer.page.inner_text("#crumb")


def test_back_to_a_dataset_seen_before_is_what_it_is_now(fresh_viewer: Any, path: Path) -> None:
    viewer = fresh_viewer
    viewer.open(link(path, "&axis=0&index=20"))
    viewer.page.locator("#dataset-tree").get_by_text("other", exact=True).click()
    viewer.address("dataset=/other")
    viewer.settled()
    write(path, 300)
    viewer.page.go_back()
    viewer.address("dataset=/volume")
    assert_shows(viewer, 300, 20)


def test_a_file_that_is_read_again_slowly_can_be_left_as_it_was(viewer: Any, path: Path) -> None:
    viewer.open(link(path, "&axis=0&index=20"))
    stop: Callable[[str], bool] = lambda url: "/datasets?" in url  # noqa: E731
    viewer.page.route(stop, lambda route: None)
    write(path, 300)
    viewer.page.locator("#plot-cancel").wait_for(state="visible")
    viewer.page.click("#plot-cancel")
    viewer.await_text("plot-note-text", "as it was before")
    viewer.settled()
    assert viewer.page.evaluate(VALUE) == 100
    viewer.page.unroute(stop)
    # It is left alone until something is asked for.
    poll(viewer)
    poll(viewer)
    assert viewer.settled().page.evaluate(VALUE) == 100
    viewer.page.click("#plot-note-action")
    assert_shows(viewer, 300, 20)
