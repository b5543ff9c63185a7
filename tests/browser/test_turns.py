"""The order in which the panels are updated, with an injected clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from dashboard.assets_path import assets_folder

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A blank page with this script alone."""
    page = browser.new_page()
    page.add_script_tag(path=assets_folder() / "turns.js")
    yield page
    page.close()


def run(page: Page, script: str) -> Any:
    """The value of a function's body."""
    return page.evaluate(f"() => {{ {script} }}")


TURNS = """
let now = 10000;
let moving = false;
const unseen = new Set();
const shown = [];
let jobs = [];
const turns = lamella.makeTurns(
  (id, props) => shown.push([id + props.x, now]), () => !moving, (id) => !unseen.has(id), () => now,
  (job, ms) => jobs.push({ job: job, at: now + ms }),
);
const names = () => shown.map(([name]) => name);
// One task: the first timer that is due by `end`. Says whether there was one.
const task = (end) => {
  jobs.sort((a, b) => a.at - b.at);
  if (!jobs.length || jobs[0].at > end) return false;
  const { job, at } = jobs.shift();
  now = Math.max(now, at);
  const before = shown.length;
  job();
  if (shown.length > before + 1) throw new Error('two parts in one task');
  return true;
};
const pass = (ms) => { const end = now + ms; while (task(end)); now = end; };
"""


def test_parts_are_shown_one_in_each_task_and_apart(page: Page) -> None:
    found = run(
        page,
        TURNS
        + """
        turns.put({a: {x: 1}, b: {x: 1}, c: {x: 1}});
        const atOnce = shown.length;
        pass(1000);
        return [atOnce, shown, jobs.length];
        """,
    )
    assert found == [0, [["a1", 10000], ["b1", 10050], ["c1", 10100]], 0]


def test_what_is_shown_already_is_not_shown_again(page: Page) -> None:
    found = run(
        page,
        TURNS
        + """
        turns.put({a: {x: 1}, b: {x: 1}});
        pass(1000);
        turns.put({a: {x: 1}, b: {x: 2}});
        pass(1000);
        return names();
        """,
    )
    assert found == ["a1", "b1", "b2"]


def test_a_part_that_is_back_as_it_was_is_not_shown(page: Page) -> None:
    found = run(
        page,
        TURNS
        + """
        turns.put({a: {x: 1}});
        pass(1000);
        moving = true;
        turns.put({a: {x: 2}});
        turns.put({a: {x: 1}});
        moving = false;
        pass(1000);
        return names();
        """,
    )
    assert found == ["a1"]


def test_in_a_movement_parts_are_put_off_and_then_come_behind_slices(page: Page) -> None:
    """Figures come every 2 s and slices every 33 ms; each part is shown within 2.5 s of the last time."""
    shown, slices = run(
        page,
        TURNS
        + """
        turns.put({a: {x: 0}, b: {x: 0}, c: {x: 0}});
        pass(500);
        moving = true;
        const slices = [];
        for (let i = 0; i < 300; i += 1) {
          if (i % 60 === 0) turns.put({a: {x: 1 + i / 60}, b: {x: 1 + i / 60}, c: {x: 1 + i / 60}});
          turns.painted();
          slices.push(now);
          pass(33);
        }
        return [shown, slices];
        """,
    )
    assert min(b - a for (_, a), (_, b) in itertools.pairwise(shown)) >= 50
    for part in "abc":
        times = [at for name, at in shown if name[0] == part]
        apart = [b - a for a, b in itertools.pairwise(times)]
        assert len(apart) >= 3
        assert all(2500 <= ms <= 2800 for ms in apart)
        assert set(times[1:]) <= set(slices)
    # The newest figures, not those that had to wait.
    assert [name for name, _ in shown if name[0] == "a"] == ["a0", "a2", "a3", "a4", "a5"]


def test_where_no_slice_is_painted_parts_come_all_the_same(page: Page) -> None:
    found = run(
        page,
        TURNS
        + """
        turns.put({a: {x: 1}});
        pass(0);
        moving = true;
        turns.put({a: {x: 2}});
        pass(2590);
        const early = names();
        pass(110);
        return [early, names()];
        """,
    )
    assert found == [["a1"], ["a1", "a2"]]


def test_after_a_movement_all_parts_are_shown_at_once(page: Page) -> None:
    found = run(
        page,
        TURNS
        + """
        turns.put({a: {x: 1}, b: {x: 1}});
        pass(500);
        moving = true;
        turns.put({a: {x: 2}, b: {x: 2}});
        pass(900);
        const during = names();
        moving = false;
        pass(200);
        return [during, names()];
        """,
    )
    assert found == [["a1", "b1"], ["a1", "b1", "a2", "b2"]]


def test_a_part_that_nobody_sees_waits_until_somebody_does(page: Page) -> None:
    found = run(
        page,
        TURNS
        + """
        unseen.add('a');
        turns.put({a: {x: 1}, b: {x: 1}});
        pass(5000);
        turns.put({a: {x: 2}});
        pass(5000);
        const before = [names(), jobs.length];
        unseen.clear();
        turns.wake();
        pass(0);
        return [before, names()];
        """,
    )
    assert found == [[["b1"], 0], ["b1", "a2"]]


def test_a_part_that_throws_does_not_hold_up_the_others(page: Page) -> None:
    script = TURNS.replace("shown.push([id + props.x, now])", "shown.push([id + props.x.y, now])")
    found = run(
        page,
        script.replace("  job();\n", "  try { job(); } catch (error) { thrown += 1; }\n").replace(
            "let now = 10000;", "let now = 10000; let thrown = 0;"
        )
        + """
        turns.put({ a: {}, b: { x: { y: 1 } }, c: { x: { y: 2 } } });
        pass(1000);
        return [names(), thrown];
        """,
    )
    assert found == [["b1", "c2"], 1]
