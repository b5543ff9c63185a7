"""Codes of a colour scale equal the contract's formula, for every norm and type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.codecs import compiled
from dashboard.frames import quantize
from dashboard.frames.quantize import Norm, in_domain, quantize_u8
from tests import files, reference

INTEGERS = ["u1", "i1", "u2", "i2", "u4", "i4", "i8", "u8"]
FLOATS = ["f2", "f4", "f8"]


@pytest.mark.parametrize(
    ("window", "norm", "value", "code"),
    [
        ((0, 254), "linear", 0, 0),
        ((0, 254), "linear", 0.49, 0),
        ((0, 254), "linear", 0.5, 1),
        ((0, 254), "linear", 127, 127),
        ((0, 254), "linear", 253.49, 253),
        ((0, 254), "linear", 253.5, 254),
        ((0, 254), "linear", 254, 254),
        ((0, 254), "linear", 1e300, 254),
        ((0, 254), "linear", -1e300, 0),
        ((0, 254), "linear", np.inf, 254),
        ((0, 254), "linear", -np.inf, 0),
        ((0, 254), "linear", np.nan, 255),
        ((-3, 5), "linear", 1, 127),
        ((1, 100), "log", 10, 127),
        ((1, 100), "log", 0, 0),
        ((1, 100), "log", -5, 0),
        ((1, 100), "log", 0.5, 0),
        ((1, 100), "log", np.inf, 254),
        ((1, 100), "log", np.nan, 255),
        ((0, 4), "sqrt", 1, 127),
        ((0, 4), "sqrt", -1, 0),
        ((0, 4), "sqrt", 4, 254),
        ((-100, 100), "symlog", 0, 127),
        ((-100, 100), "symlog", -100, 0),
        ((-100, 100), "symlog", 100, 254),
        # 1 % of 100 is where the linear part ends: 1/0.9 of 1/0.9 + 2 decades.
        ((-100, 100), "symlog", 1, 127 + round(127 * (1 / 0.9) / (1 / 0.9 + 2))),
        ((-100, 100), "symlog", 10, 127 + round(127 * (1 / 0.9 + 1) / (1 / 0.9 + 2))),
        ((-100, 100), "symlog", -np.inf, 0),
        ((-100, 100), "asinh", 0, 127),
        ((-100, 100), "asinh", -100, 0),
        ((-100, 100), "asinh", 100, 254),
        ((-100, 100), "asinh", 1, 127 + round(127 * math.asinh(1) / math.asinh(100))),
        ((0, 100), "asinh", 10, round(254 * math.asinh(10) / math.asinh(100))),
        ((0, 100), "asinh", np.inf, 254),
        ((0, 100), "asinh", np.nan, 255),
        ((-1.7e308, 1.7e308), "asinh", 0, 127),
        ((0, 5e-324), "asinh", 5e-324, 254),
        ((0, 5e-324), "asinh", 1e308, 254),
        ((5, 5), "linear", 5, 0),
        ((5, 5), "linear", 6, 254),
        ((5, 5), "linear", 4, 0),
        ((0, 0), "symlog", 0, 0),
        # Ends that are further apart than float64 reaches.
        ((-1.7e308, 1.7e308), "linear", -1.7e308, 0),
        ((-1.7e308, 1.7e308), "linear", -0.85e308, 64),
        ((-1.7e308, 1.7e308), "linear", 0, 127),
        ((-1.7e308, 1.7e308), "linear", 1.7e308, 254),
        ((-1.7e308, 1.7e308), "linear", np.inf, 254),
        ((-1.7e308, 1.7e308), "linear", np.nan, 255),
        ((-1.7e308, 1.7e308), "symlog", -1.7e308, 0),
        ((-1.7e308, 1.7e308), "symlog", 0, 127),
        ((-1.7e308, 1.7e308), "symlog", 1.7e308, 254),
        ((1e-300, 1.7e308), "log", 1.7e308, 254),
        ((0, 1.7e308), "sqrt", 1.7e308, 254),
        # Ends of which one per cent is less than the smallest number.
        ((0, 5e-324), "linear", 5e-324, 254),
        ((0, 5e-324), "symlog", 5e-324, 254),
        ((0, 5e-324), "symlog", 1e308, 254),
    ],
)
def test_single_values(window: tuple[float, float], norm: str, value: float, code: int) -> None:
    found = quantize_u8(np.array([[value]], np.float64), window, Norm(norm))
    assert found.dtype == np.uint8
    assert found.tolist() == [[code]]


@st.composite
def windows(draw: st.DrawFn, norm: str) -> tuple[float, float]:
    least = {"log": 1e-3, "sqrt": 0.0}.get(norm, -1e6)
    low = draw(st.floats(least, 1e6, allow_subnormal=False))
    return low, low + draw(st.floats(1e-2, 1e6))


@given(
    data=st.data(),
    norm=st.sampled_from([n.value for n in Norm]),
    dtype=st.sampled_from([*INTEGERS, *FLOATS]),
)
def test_any_values_in_any_window(data: st.DataObject, norm: str, dtype: str) -> None:
    window = data.draw(windows(norm))
    values = files.made_up(dtype, (7, 9), data.draw(st.integers(0, 99)))
    if dtype in INTEGERS and data.draw(st.booleans()):
        values = values // 7
    fill = values[3, 4] if data.draw(st.booleans()) else None
    expected, near = reference.codes(values, window, norm, fill)
    reference.check_codes(quantize_u8(values, window, Norm(norm), fill), expected, near)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "?"])
@pytest.mark.parametrize("norm", list(Norm))
def test_the_table_and_the_formula_agree(dtype: str, norm: Norm) -> None:
    window = (1.0, 3000.0) if np.dtype(dtype).itemsize == 2 else (1.0, 90.0)
    values = files.made_up(dtype, (300, 300))
    fill = values.ravel()[5]
    whole = quantize_u8(values, window, norm, fill)
    rows = [quantize_u8(row[np.newaxis], window, norm, fill) for row in values[:, :20]]
    np.testing.assert_array_equal(whole[:, :20], np.concatenate(rows))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize(
    ("window", "straight"),
    [
        ((8000.0, 35000.0), True),
        ((-5.0, 90.0), True),
        ((0.0, 65535.0), True),
        ((8000.3, 35000.7), None),
        ((0.2, 0.8), None),
        ((5.0, 5.0), False),
        ((-1e9, 1e300), None),
        ((0.0, 5e-324), False),
        ((60000.0, 60100.0), None),
        ((1e20, 1.1e20), None),
        ((-1e308, 1e308), None),
    ],
)
def test_the_line_gives_every_value_its_code(
    dtype: str, window: tuple[float, float], straight: bool | None
) -> None:
    kind = np.dtype(dtype)
    info = np.iinfo(kind)
    every = np.arange(info.min, info.max + 1).astype(kind)
    line = quantize.exact_ramp(kind, window)
    if straight is not None:
        assert (line is not None) is straight
    found = quantize_u8(every, window, Norm.LINEAR)
    np.testing.assert_array_equal(found, quantize_u8(every.astype("f8"), window, Norm.LINEAR))


def test_the_table_of_a_fill_value_is_not_another_s() -> None:
    values = np.arange(256, dtype="u1").reshape(16, 16)
    plain = quantize_u8(values, (0.0, 255.0), Norm.LINEAR)
    some = quantize_u8(values, (0.0, 255.0), Norm.LINEAR, np.uint8(7))
    assert plain[0, 7] == 7
    assert some[0, 7] == 255
    assert quantize_u8(values, (0.0, 255.0), Norm.LINEAR)[0, 7] == 7


@pytest.mark.parametrize(
    "cells",
    [
        quantize.BLOCK - 1,
        quantize.BLOCK,
        quantize.BLOCK + 1,
        3 * quantize.BLOCK,
        quantize.RAMP_BLOCK + 1,
    ],
)
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_blocks_have_no_seams(cells: int, dtype: str) -> None:
    values = np.arange(cells).astype(dtype).reshape(1, cells)
    window = (0.0, float(values.max()))
    found = quantize_u8(values, window, Norm.LINEAR)
    expected = np.floor(254 * (values.astype("f8") / window[1]) + 0.5).astype("u1")
    np.testing.assert_array_equal(found, expected)


def test_views_that_are_not_contiguous(  # such as planes across the last axis
) -> None:
    values = files.made_up("u2", (40, 50)).T[::3, ::2]
    expected, near = reference.codes(values, (5.0, 60000.0), "linear")
    reference.check_codes(quantize_u8(values, (5.0, 60000.0), Norm.LINEAR), expected, near)


def test_the_values_stay_as_they_were() -> None:
    values = files.made_up("f4", (30, 30))
    before = values.copy()
    values.setflags(write=False)
    quantize_u8(values, (0.0, 1.0), Norm.SYMLOG, values[2, 2])
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("fill", [np.nan, np.inf, -np.inf, -7.0])
def test_any_fill_value_of_a_float(fill: float) -> None:
    values = np.array([[fill, 1.0, 2.0, np.nan]], np.float32)
    assert quantize_u8(values, (0.0, 2.0), Norm.LINEAR, np.float32(fill)).tolist() == [
        [255, 127, 254, 255]
    ]


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ("linear", [True, True, True, False, False, False]),
        ("symlog", [True, True, True, False, False, False]),
        ("sqrt", [False, True, True, False, False, False]),
        ("log", [False, False, True, False, False, False]),
    ],
)
def test_the_domain_of_each_norm(norm: str, expected: list[bool]) -> None:
    values: Any = np.array([-1.0, 0.0, 1.0, np.nan, np.inf, -np.inf])
    assert in_domain(values, Norm(norm)).tolist() == expected


@pytest.mark.skipif(not compiled.available(), reason="not compiled on this machine")
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize("window", [(3.0, 90.0), (-20.5, 100.25), (0.0, 60_000.0)])
def test_the_ramp_in_c_is_numpys(
    dtype: str, window: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = quantize.exact_ramp(np.dtype(dtype), window)
    assert line is not None
    values = files.made_up(dtype, (70_001,))
    found = quantize.apply_ramp(line, values)
    monkeypatch.setattr(compiled, "available", lambda: False)
    np.testing.assert_array_equal(found, quantize.apply_ramp(line, values))


@pytest.mark.skipif(not compiled.available(), reason="not compiled on this machine")
def test_values_that_do_not_fit_their_codes_are_refused() -> None:
    nine, eight = np.zeros(9, "<u2"), np.zeros(8, np.uint8)
    for values in (nine, nine.astype("<f4"), eight[:7]):
        with pytest.raises(ValueError, match="a byte for the code"):
            compiled.ramp(values, eight, (0, 9), 0.0, 1.0, 0.0)
