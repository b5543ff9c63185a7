"""Natural order."""

from __future__ import annotations

import random

from dashboard.files.natural_order import natural_key, natural_path_key


def test_numbers_go_by_their_value() -> None:
    names = ["a", "scan", "scan_1", "scan_2", "Scan_3", "scan_10", "scan_010", "scan_10b", "x2y10"]
    shuffled = names[:]
    random.Random(1).shuffle(shuffled)
    found = sorted(shuffled, key=natural_key)
    assert found.index("scan_2") < found.index("Scan_3") < found.index("scan_10")
    assert found.index("scan_10") < found.index("scan_10b") < found.index("x2y10")
    assert found == sorted(names, key=natural_key)


def test_paths_go_folder_by_folder() -> None:
    paths = ["d/10/a", "d/9/z", "d.x/1", "d/9"]
    assert sorted(paths, key=natural_path_key) == ["d/9", "d/9/z", "d/10/a", "d.x/1"]


def test_any_name_has_a_place() -> None:
    names = ["", "7" * 10_000, "7" * 9_999 + "8", "٣", "²", "é", "e\u0301", "\udcff", "00", "0"]
    assert len(set(map(natural_key, names))) == len(names)
    found = sorted(names, key=natural_key)
    assert found.index("7" * 10_000) < found.index("7" * 9_999 + "8")
