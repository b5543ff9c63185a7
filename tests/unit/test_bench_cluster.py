"""The arithmetic of `bench.cluster`: quantiles, what is void, controls, and where viewers look."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from itertools import pairwise
from operator import attrgetter
from typing import Final

import pytest

from bench.cluster.__main__ import added, section_of
from bench.cluster.figures import Phase, busiest_over_mean, ratio, used_share
from bench.cluster.ten import section
from bench.cluster.viewing import STAYS, target, wanderings
from bench.model import Section

QUIET = [float(n) for n in range(1, 102)]


def phase(name: str, times: float = 1.0, **more: object) -> Phase:
    given: dict[str, object] = {"busy": 0.5, "decoded": {"a": ["x", "y"], "b": ["z"]}}
    return Phase(name, [times * ms for ms in QUIET], [], **(given | more))  # type: ignore[arg-type]


THRICE: Final = {name: ["x", "y"] for name in "abc"}


def phases(**changed: Phase) -> dict[str, Phase]:
    found = {name: phase(name) for name in ("one", "ten", "slab")}
    found["slab"] = phase("slab", decoded={"a": ["x"], "b": []})
    found |= {"random": phase("random", 5.0, decoded=THRICE), "crowd": phase("crowd", 5.0)}
    return found | changed


def verdicts(found: Section) -> dict[str, str]:
    return {figure.what: figure.verdict for figure in found.figures if figure.floor is not None}


def test_lateness_counts_slices_that_nobody_answered() -> None:
    whole = phase("one")
    assert (whole.lateness(0.5), whole.p99_ms) == (51.0, 100.0)
    lost = replace(whole, given_up_ms=[4000.0] * 4)
    assert lost.p99_ms == 4000.0
    assert lost.lateness(0.5) == 53.0


def test_decodes_of_bricks_and_the_busiest_node() -> None:
    assert phase("ten").decodes_a_brick == 1.0
    assert phase("ten").busiest_over_mean == pytest.approx(4 / 3)
    twice = phase("ten", decoded={"a": ["x", "y"], "b": ["x"], "c": []})
    assert twice.decodes_a_brick == 1.5
    assert twice.busiest_over_mean == 2.0
    assert busiest_over_mean({"a": 0, "b": 0}) == 1.0


def test_processor_time_that_was_used() -> None:
    before = [100, 0, 100, 1000, 50, 0, 0, 0, 0, 0]
    # Half of it idle or waiting for a disk; guests are in the first of them.
    after = [130, 0, 115, 1040, 60, 0, 0, 5, 30, 0]
    assert used_share(before, after) == pytest.approx(0.5)
    assert used_share(before, before) == 0.0


def test_what_was_measured_on_a_busy_machine_is_void() -> None:
    busy = phase("ten", busy=0.71)
    assert busy.is_void
    assert not phase("ten", busy=0.7).is_void
    p99 = attrgetter("p99_ms")
    assert ratio(p99, busy, phase("one")) == ratio(p99, phase("one"), busy) == []
    assert ratio(p99, phase("one", 3.0), phase("one")) == [3.0]
    found = section(phases(ten=busy), 0.2, 2)
    assert set(verdicts(found).values()) == {"not measured", "reached"}
    assert sum(verdict == "reached" for verdict in verdicts(found).values()) == 1
    assert any(remark.startswith("Void: ten nodes") for remark in found.remarks)


def test_a_run_whose_controls_are_not_worse_shows_it() -> None:
    assert set(verdicts(section(phases(), 0.2, 2)).values()) == {"reached"}
    same = section(phases(random=phase("random", 2.9), crowd=phase("crowd", 2.9)), 0.2, 2)
    missed = [what for what, verdict in verdicts(same).items() if verdict == "**not reached**"]
    assert missed == [
        "control: decodes a brick when sent anywhere, over that",
        "control: p90 when sent anywhere, over that",
        "control: p99 when sent anywhere, over that",
        "control: p99 when all at one node, over that",
    ]
    slow = section(phases(ten=phase("ten", 1.3, decoded={"a": ["x"], "b": ["x"]})), 0.2, 2)
    assert [figure.missed for figure in slow.figures[:2]] == [True, True]


def test_sections_are_kept() -> None:
    found = section(phases(), 0.2, 2)
    assert section_of(asdict(found)) == found


def test_figures_of_several_runs_are_kept_together() -> None:
    once, again = (asdict(section(phases(ten=phase("ten", n)), 0.2, 2)) for n in (1.0, 1.2))
    both = section_of(added(once, again))
    assert both.figures[0].values == (1.0, pytest.approx(1.2))
    assert both.figures[0].headline == pytest.approx(1.1)
    assert both.tables == section_of(again).tables


def test_what_slices_waited_for_whose_brick_was_not_there() -> None:
    missed = [{"late": 10.0 * n, "read": 1.0, "decode": 8.0 * n} for n in range(1, 12)]
    found = phase("ten", missed=missed)
    assert found.waited(0.5, "late") == 60.0
    assert found.waited(0.5, "read", "decode") == 49.0
    assert found.waited(0.9, "wait") == phase("ten").waited(0.9, "late") == 0.0
    row = next(row for row in section(phases(ten=found), 0.2, 2).tables[1].rows if row[1] == "11")
    assert row[:3] == ["ten nodes, 80 viewers", "11", "60.0 and 100"]


def test_viewers_stay_in_a_brick_and_go_elsewhere() -> None:
    (way,) = wanderings(["a", "b"], 50, 8, 1, 400, 1)
    assert len(way) == 400
    assert {file for file, _ in way} == {"a", "b"}
    assert all(8 <= index < 400 for _, index in way)
    stays = [1]
    for (file, index), (other, following) in pairwise(way):
        if (file, index // 8) == (other, following // 8):
            stays[-1] += 1
            assert abs(following - index) <= 7
        else:
            stays.append(1)
    assert STAYS[0] <= min(stays[:-1])
    assert sum(stays) / len(stays) == pytest.approx(10, abs=2)
    assert wanderings(["a"], 50, 8, 2, 30, 1)[0] != wanderings(["a"], 50, 8, 2, 30, 1)[1]


def test_slices_of_a_brick_have_one_slab() -> None:
    slabs = [re.findall("slab=([0-9a-f]{8})", target("a.h5", n, 8, "v"))[0] for n in range(24)]
    assert [slabs.count(one) for one in dict.fromkeys(slabs)] == [8, 8, 8]
