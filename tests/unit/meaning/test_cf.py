"""What CF and netCDF say: coordinates, dates, bounds, flags, packed and missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.meaning.model import Meaning
from dashboard.meaning.reading import meaning_of
from dashboard.meaning.telling import name_of_value
from tests.nodes import MadeNode, dataset


def test_cf_maps_go_up_where_latitudes_ascend() -> None:
    def map_(latitudes: Any) -> Meaning:
        lat = MadeNode(attrs={"units": "degrees_north"}, values=latitudes)
        lon = MadeNode(attrs={"units": "degrees_east"}, values=np.arange(0.0, 360, 5))
        node = dataset((36, 72))
        node.scaled_by = [[lat], [lon]]
        return meaning_of(node)

    assert map_(np.linspace(-87.5, 87.5, 36))["up"]
    assert not map_(np.linspace(87.5, -87.5, 36))["up"]
    assert map_(np.linspace(-87.5, 87.5, 36))["aspect"] == pytest.approx(1)


def test_cf_times_are_dates() -> None:
    time = MadeNode(
        attrs={"units": "days since 2001-01-01", "calendar": "noleap"},
        values=np.array([0, 0.25, 58, 59]),
    )
    node = dataset((4, 36, 72))
    node.scaled_by = [[time], [], []]
    axis = meaning_of(node)["axes"][0]
    assert axis["dates"]
    assert axis["coordinates"] == {
        "text": ["2001-01-01", "2001-01-01T06:00", "2001-02-28", "2001-03-01"]
    }


def bounded(latitudes: Any, edges: Any, **attrs: Any) -> Any:
    """The first axis of a dataset whose coordinates name their cells' edges."""
    lat = MadeNode(attrs={"bounds": "lat_bnds", **attrs}, values=np.array(latitudes))
    node = dataset((len(latitudes), 30))
    node.scaled_by = [[lat], []]
    bounds = MadeNode(values=np.array(edges))
    MadeNode(children={"lat": lat, "d": node, "lat_bnds": bounds})
    return meaning_of(node)["axes"][0]


def test_cf_bounds_are_the_edges_of_bins() -> None:
    uneven = bounded([10, 20, 40], [[5, 15], [15, 25], [25, 55]], units="m")
    assert uneven["edges"]
    assert uneven["unit"] == "m"
    assert uneven["coordinates"] == {"values": [5, 15, 25, 55]}
    falling = bounded([40, 20, 10], [[25, 55], [15, 25], [5, 15]])
    assert falling["coordinates"] == {"values": [55, 25, 15, 5]}
    even = bounded([10.1, 20.6, 29.9], [[5, 15], [15, 25], [25, 35]])
    assert (even["edges"], even["coordinates"]) == (False, {"start": 10, "step": 10})
    regular = bounded([0, 10, 20], [[0, 10], [10, 20], [20, 30]])
    assert regular["coordinates"] == {"start": 0, "step": 10}


@pytest.mark.parametrize(
    "edges",
    [
        [[5, 15], [16, 25], [25, 55]],  # apart
        [[5, 9], [9, 25], [25, 55]],  # not around their coordinates
        [[5, 15, 15], [15, 25, 25], [25, 55, 55]],
        [[5, np.nan], [15, 25], [25, 55]],
    ],
)
def test_cells_that_are_no_bins_are_left_aside(edges: Any) -> None:
    found = bounded([10, 20, 40], edges)
    assert (found["edges"], found["coordinates"]) == (False, {"values": [10, 20, 40]})


def test_values_that_are_dates_have_their_names() -> None:
    def named(value: Any, **attrs: Any) -> str | None:
        return name_of_value(meaning_of(dataset((9, 9), value.dtype.str, **attrs)), value)

    assert named(np.float32(0.5), units="days since 2001-02-28") == "2001-02-28T12:00"
    noleap = {"units": "days since 2004-02-28", "calendar": "NoLeap"}
    assert named(np.int16(1), **noleap) == "2004-03-01"
    nano = {"units": "nanoseconds since 1970-01-01"}
    assert named(np.int64(1_000_000_001), **nano) == "1970-01-01T00:00:01.000000001"
    assert named(np.int64(86_400 * 10**9), **nano) == "1970-01-02"
    missing = np.int64(np.iinfo(np.int64).min)
    assert named(missing, **nano) is None
    assert named(np.int64(86_400), CLASS="ARRAY", value_type="datetime64[s]") == "1970-01-02"
    assert named(np.int64(86_400), CLASS="ARRAY", value_type="int64") is None


def test_cf_flags_have_names() -> None:
    states = meaning_of(
        dataset((9, 9), "u1", flag_values=np.array([0, 1, 2], "u1"), flag_meanings="air water bone")
    )
    assert name_of_value(states, np.uint8(1)) == "water"
    assert name_of_value(states, np.uint8(7)) is None
    bits = meaning_of(
        dataset((9, 9), "u1", flag_masks=np.array([1, 2, 4], "u1"), flag_meanings="a b c")
    )
    assert name_of_value(bits, np.uint8(5)) == "a, c"
    wrong = meaning_of(
        dataset((9, 9), "u1", flag_masks=np.array([1, 2, 4], "u1"), flag_meanings="a b")
    )
    assert wrong["notes"] == ["The names of the flags are not as many as their values."]


@pytest.mark.parametrize(
    ("dtype", "attrs", "expected"),
    [
        ("i2", {"_FillValue": np.int16(-999)}, ([-999], None, False, "float32")),
        ("i4", {"missing_value": np.array([-1], "i4")}, ([-1], None, False, "float64")),
        (
            "f4",
            {"_FillValue": np.float64(-9999.9)},
            ([float(np.float32(-9999.9))], None, False, "float32"),
        ),
        (
            "f4",
            {"CodeMissingValue": "-9999.9"},
            ([float(np.float32(-9999.9))], None, False, "float32"),
        ),
        ("f4", {"_FillValue": np.float32("nan")}, (["nan"], None, False, None)),
        ("f4", {"_FillValue": np.float64("-inf")}, (["-inf"], None, False, "float32")),
        (
            "f8",
            {"missing_value": np.array([np.inf, np.nan, 7])},
            (["inf", "nan", 7.0], None, False, "float64"),
        ),
        ("i2", {"_FillValue": np.float32("inf")}, ([], None, False, None)),
        ("i1", {"_Unsigned": "true", "_FillValue": np.int8(-1)}, ([255], None, True, "float32")),
        ("u1", {"_Unsigned": "true"}, ([], None, False, None)),
        ("i2", {"valid_range": np.array([0, 99], "i2")}, ([], [0, 99], False, "float32")),
        ("i2", {"valid_min": np.int16(3)}, ([], [3, None], False, "float32")),
        ("u1", {"_FillValue": np.int16(300)}, ([], None, False, None)),
    ],
)
def test_cf_missing_values(dtype: str, attrs: dict[str, Any], expected: tuple[Any, ...]) -> None:
    value = meaning_of(dataset((9, 9), dtype, **attrs))["value"]
    assert (value["fills"], value["valid"], value["unsigned"], value["decoded_dtype"]) == expected


def test_what_is_malformed_is_noted() -> None:
    found = meaning_of(
        dataset((9, 9), "i2", scale_factor="ten", _FillValue="none", flag_values=np.array([1, 2]))
    )
    assert found["value"]["decoded_dtype"] is None
    assert len(found["notes"]) == 3
