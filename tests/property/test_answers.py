"""Responses for any view of any generated dataset: NumPy's values, the reference's codes, cached or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import files, reference
from tests.examples import examples
from tests.property.made import Made, datasets, looks
from tests.web import App, array

EXAMPLES = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=examples(40),
)
REAL = [t for t in files.DTYPES if "c" not in t]
PARTS = ["abs", "real", "imag", "phase"]


@given(data=st.data(), made=datasets(files.DTYPES))
@EXAMPLES
def test_any_type_stored_in_any_way(
    app: App, folder: Path, data: st.DataObject, made: Made
) -> None:
    name = made.write(folder)
    part = data.draw(st.sampled_from(PARTS))
    for _ in range(3):
        text, items = data.draw(looks(made.shape))
        expected = files.shown(made.values[items], part)
        for path in ("/x", "x"):
            response = app.slice(name, path, text, part=part, viewer="v")
            assert response.status_code == 200, response.get_data(as_text=True)
            assert response.get_data() == expected.tobytes()
            assert response.headers["X-Slice-Dtype"] == expected.dtype.name
            assert response.headers["X-Slice-Shape"] == "{},{}".format(*expected.shape)


@given(data=st.data(), made=datasets(files.DTYPES))
@EXAMPLES
def test_cached_and_uncached_are_the_same(
    app: App, uncached: App, folder: Path, data: st.DataObject, made: Made
) -> None:
    name = made.write(folder)
    text, _ = data.draw(looks(made.shape))
    query = {
        "format": data.draw(st.sampled_from(["raw", "u8", "npy", "png"])),
        "norm": data.draw(st.sampled_from(["linear", "log", "symlog", "sqrt", "asinh"])),
        "window": data.draw(st.sampled_from(["volume", "slice", "1,50"])),
        "pool": data.draw(st.sampled_from(["nearest", "mean", "max"])),
        "part": data.draw(st.sampled_from(PARTS)),
    }
    answers = [
        one.slice(name, "x", text, viewer=viewer, **query)
        for one, viewer in ((app, "a"), (app, "b"), (uncached, "a"), (uncached, "b"))
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.get_data() for answer in answers}) == 1
    all_headers = [
        {key: answer.headers.get(key) for key in ("ETag", "X-Slice-Shape", "X-Slice-Window")}
        for answer in answers
    ]
    assert all(headers == all_headers[0] for headers in all_headers)


@given(data=st.data(), made=datasets(REAL, (2, 3)))
@EXAMPLES
def test_codes_and_pools_are_the_contract_s(
    app: App, folder: Path, data: st.DataObject, made: Made
) -> None:
    name = made.write(folder)
    text, items = data.draw(looks(made.shape))
    norm = data.draw(st.sampled_from(["linear", "log", "symlog", "sqrt", "asinh"]))
    pool = data.draw(st.sampled_from(["nearest", "mean", "max"]))
    low = data.draw(st.floats(0.01, 50))
    window = data.draw(st.sampled_from(["slice", f"{low!r},{low + 30!r}"]))
    whole = tuple(slice(i.start, i.stop) if isinstance(i, slice) else i for i in items)
    steps = [i.step or 1 for i in items if isinstance(i, slice)]
    cells = reference.pooled(files.shown(made.values[whole]), *steps, pool)
    raw = app.slice(name, "x", text, pool=pool)
    found = array(raw)
    assert found.dtype == cells.dtype
    np.testing.assert_allclose(found, cells, rtol=3e-7, atol=1e-30)
    response = app.slice(name, "x", text, pool=pool, norm=norm, window=window, format="u8")
    ends = tuple(float(n) for n in response.headers["X-Slice-Window"].split(","))
    fill = made.fill_value
    if fill is not None:
        with np.errstate(over="ignore"):
            fill = np.asarray(fill).astype(found.dtype)
    expected_ends = reference.own_window(found, norm, fill)
    assert ends == pytest.approx(expected_ends if window == "slice" else (low, low + 30), rel=1e-12)
    expected, near = reference.codes(found, ends, norm, fill)
    reference.check_codes(array(response), expected, near)


@given(data=st.data(), made=datasets(["<u2", "f4"], (2, 4)))
@settings(EXAMPLES, max_examples=examples(25))
def test_what_the_page_has_is_what_the_server_has(
    app: App, folder: Path, data: st.DataObject, made: Made
) -> None:
    name = made.write(folder)
    text, _ = data.draw(looks(made.shape))
    first = app.slice(name, "x", text, ahead="1", viewer="v")
    again = app.slice(name, "x", text, viewer="v", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.get_data() == b""
    assert again.headers["ETag"] == first.headers["ETag"]
    fresh = app.slice(name, "x", text, viewer="w", headers={"If-None-Match": '"other"'})
    assert fresh.status_code == 200
    assert fresh.get_data() == first.get_data()
