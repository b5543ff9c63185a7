"""Names of groups."""

from __future__ import annotations

import re

import pytest

from dashboard.telemetry.aggregates import MAX_GROUP_NAME
from dashboard.telemetry.groups import volume_name


@pytest.mark.parametrize("length", [1, MAX_GROUP_NAME - 2])
def test_a_name_that_fits_is_whole(length: int) -> None:
    assert volume_name("f" * length, "/x") == f"{'f' * length}/x"
    assert volume_name("f" * length, "x") == f"{'f' * length}/x"


def test_long_names_that_end_alike_stay_apart() -> None:
    end = "d" * MAX_GROUP_NAME + ".h5"
    first, other = (volume_name(f"{folder}/{end}", "/x") for folder in ("monday", "tuesday"))
    assert first != other
    assert first == volume_name(f"monday/{end}", "/x")
    for name in (first, other):
        assert len(name) == MAX_GROUP_NAME
        assert re.fullmatch(r"…[0-9a-f]{8}…d+\.h5/x", name)


def test_bytes_of_a_name_that_are_no_text_are_replaced() -> None:
    name = volume_name("\udcff" + "d" * MAX_GROUP_NAME + "\udcff", "/x")
    assert len(name) == MAX_GROUP_NAME
    assert name.endswith("d?/x")
