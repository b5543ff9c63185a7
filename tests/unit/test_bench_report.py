"""How `make bench` judges and reports its figures; the measurements are not tested here."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.context import Volume, pick_bricks
from bench.model import Figure, Section, Table, ratios
from bench.report import number, page
from dashboard.benchmarking.volume import DatasetInfo


@pytest.mark.parametrize(
    ("figure", "verdict", "missed"),
    [
        (Figure("f", (3.0, 7.0, 7.0), floor=4, aim=6), "aim reached", False),
        (Figure("f", (5.0,), floor=4, aim=6), "reached", False),
        (Figure("f", (5.0,), floor=4), "reached", False),
        (Figure("f", (3.0, 9.0, 3.9), floor=4, aim=6), "**not reached**", True),
        (Figure("f", (9.0, 3.0, 9.0), floor=4, judge="worst"), "**not reached**", True),
        (Figure("f", (1.0, 2.0, 9.0), floor=3, aim=2, more=False), "aim reached", False),
        (Figure("f", (1.0, 9.0), floor=3, more=False, judge="worst"), "**not reached**", True),
        (Figure("f", (), floor=4), "not measured", False),
        (Figure("f", (1.0,)), "", False),
    ],
)
def test_verdicts(figure: Figure, verdict: str, missed: bool) -> None:
    assert (figure.verdict, figure.missed) == (verdict, missed)


def test_the_page() -> None:
    fast = Section("fast", "Fast", "How.")
    fast.add("times as fast", [10.0, 20.0, 12.5], floor=4, aim=6)
    fast.add("left out", [])
    slow = Section("slow", "Slow", "How else.", remarks=["Nobody | else.", "Nobody | else."])
    slow.add("milliseconds", [1234.5], "ms", floor=400, more=False, judge="worst")
    slow.add("not measured", [], floor=1)
    slow.tables.append(Table("Rows", ("a", "b"), [("1|2", "3")]))
    text = page([fast, slow], {"cores": "2"}, {"h5py": "3"}, "a volume", {}, quick=True)
    assert "| Fast: times as fast | 4 × | 6 × | 12.5 × (10.0 … 20.0, 3) | aim reached |" in text
    assert "| Slow: milliseconds (the worst counts) | 400 ms | – | 1,234 ms (1) |" in text
    assert "- **Slow** (milliseconds): Not explained yet." in text
    assert "**A quick run**" in text
    assert "left out" not in text
    assert "| 1\\|2 | 3 |" in text
    assert text.count("Nobody") == 1
    explained = page([slow], {}, {}, "", {"slow": "It is raining."}, quick=False)
    assert "(milliseconds): It is raining." in explained
    assert "quick" not in explained
    assert "Every floor is reached." in page([fast], {}, {}, "", {}, quick=False)


def test_numbers_have_three_digits() -> None:
    assert [number(v) for v in (0.123, 1.0, 12.34, 123.4, 12345.6)] == [
        "0.12",
        "1.00",
        "12.3",
        "123",
        "12,346",
    ]
    assert ratios([4.0, 9.0], [2.0, 3.0]) == [2.0, 3.0]


def test_each_pick_is_in_a_brick_of_its_own() -> None:
    volume = Volume(Path("v.h5"), DatasetInfo("/v", (100, 50, 50), 2, (8, 50, 7)))
    picks = pick_bricks(volume, 0, 20, random.Random(1))
    assert len({index // 8 for index in picks}) == len(picks) == 12
    assert all(8 <= index < 100 for index in picks)
    assert len(pick_bricks(volume, 1, 5, random.Random(1))) == 1
    assert len(pick_bricks(volume, 2, 5, random.Random(1))) == 5
