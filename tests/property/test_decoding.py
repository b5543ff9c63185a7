"""Whatever is packed as CF says, values and types are those of `xarray.decode_cf`."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as made

from dashboard.frames.unpacking import Packing
from dashboard.meaning.reading import meaning_of
from tests.nodes import dataset

xarray = import_module("xarray")

NUMBERS = st.floats(-1e4, 1e4, width=32).filter(lambda number: number != 0)


@st.composite
def packed(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """Values, and the attributes that say how they are packed."""
    dtype = np.dtype(draw(st.sampled_from("i1 u1 i2 u2 i4 u4 f4 f8".split())))
    values = draw(made.arrays(dtype, st.integers(1, 8)))
    attrs: dict[str, Any] = {}
    for name in ("scale_factor", "add_offset"):
        # xarray looks for the missing ones of float64 among what it has made float32.
        kinds = [None, np.float64] if dtype == np.float64 else [None, np.float32, np.float64]
        kind = draw(st.sampled_from(kinds))
        if kind is not None:
            attrs[name] = kind(draw(NUMBERS))
    for name in ("_FillValue", "missing_value"):
        if draw(st.booleans()):
            # Mostly one that occurs.
            element = made.from_dtype(dtype)
            attrs[name] = dtype.type(draw(st.sampled_from(values.tolist()) | element))
    # With a missing one that is NaN, xarray forgets what an offset asks of the type.
    missing = [attrs[name] for name in ("_FillValue", "missing_value") if name in attrs]
    assume("add_offset" not in attrs or not any(np.isnan(value) for value in missing))
    if dtype.kind in "iu":
        other = draw(st.sampled_from([None, "true", "false"]))
        if other is not None:
            attrs["_Unsigned"] = other
            # Of these two, xarray takes the fill value alone in the other sign.
            if "missing_value" in attrs:
                attrs["missing_value"] &= np.iinfo(f"i{dtype.itemsize}").max
    return values, attrs


@pytest.mark.filterwarnings("ignore")
@given(packed())
def test_values_are_those_of_xarray(case: tuple[Any, dict[str, Any]]) -> None:
    values, attrs = case
    made_up = xarray.Dataset({"v": (("x",), values, dict(attrs))})
    expected = xarray.decode_cf(made_up, decode_times=False)["v"].to_numpy()
    found = values
    meaning = meaning_of(dataset(values.shape, values.dtype.str, **attrs))
    volume: Any = SimpleNamespace(dtype=values.dtype, fill_is_user_defined=False)
    packing = Packing.of(meaning["value"], volume)
    if packing is not None:
        found = packing.unpack(values)
        assert found.dtype == packing.result_dtype(values.dtype)
    if packing is not None or expected.dtype != found.dtype:
        assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
