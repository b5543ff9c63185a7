"""Windows: as text, of a slice, and of a volume, which is the same for all its slices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import errors
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.quantize import Norm
from dashboard.frames.window import parse_window, slice_window
from dashboard.hdf5.messages import SampleBoxes
from tests import files, reference
from tests.parts import Parts


@pytest.mark.parametrize(
    ("text", "norm", "window"),
    [
        ("volume", "log", "volume"),
        ("slice", "log", "slice"),
        ("0,1", "linear", (0.0, 1.0)),
        ("-5,-1.5e3", "linear", None),
        ("-1.5e3,-5", "linear", (-1500.0, -5.0)),
        (" 1 , 2 ", "linear", (1.0, 2.0)),
        ("0,1", "sqrt", (0.0, 1.0)),
        ("0.001,1", "log", (0.001, 1.0)),
        ("-1,1", "symlog", (-1.0, 1.0)),
        ("0,1", "log", None),
        ("-1,1", "log", None),
        ("-1,1", "sqrt", None),
        ("1,1", "linear", None),
        ("2,1", "linear", None),
        ("nan,1", "linear", None),
        ("1,nan", "linear", None),
        ("nan,nan", "linear", None),
        ("-inf,1", "linear", None),
        ("0,inf", "linear", None),
        ("0,1e999", "linear", None),
        ("", "linear", None),
        ("1", "linear", None),
        ("1,", "linear", None),
        (",1", "linear", None),
        ("1,2,3", "linear", None),
        ("a,b", "linear", None),
        ("0x1,0x2", "linear", None),
        ("1_0,2_0", "linear", None),
        ("\u0661,\u0662", "linear", None),
        (" 1, +2e1", "linear", (1.0, 20.0)),
        ("Volume", "linear", None),
        ("1;2", "linear", None),
    ],
)
def test_what_a_text_means(text: str, norm: str, window: Any) -> None:
    if window is None:
        with pytest.raises(errors.BadRequest) as caught:
            parse_window(text, Norm(norm))
        assert caught.value.message.endswith(".")
    else:
        assert parse_window(text, Norm(norm)) == window


@given(text=st.text(max_size=30), norm=st.sampled_from(list(Norm)))
def test_any_text_is_a_window_or_refused(text: str, norm: Norm) -> None:
    try:
        window = parse_window(text, norm)
    except errors.BadRequest:
        return
    if not isinstance(window, str):
        low, high = window
        assert -np.inf < low < high < np.inf


@given(
    dtype=st.sampled_from(["u1", "i2", "u4", "i8", "f2", "f4", "f8"]),
    norm=st.sampled_from(list(Norm)),
    seed=st.integers(0, 50),
    filled=st.booleans(),
)
def test_a_slice_s_own_window(dtype: str, norm: Norm, seed: int, filled: bool) -> None:
    values = files.made_up(dtype, (5, 6), seed)
    fill = values[2, 3] if filled else None
    assert slice_window(values, norm, fill) == reference.own_window(values, norm.value, fill)


@pytest.mark.parametrize("norm", list(Norm))
@pytest.mark.parametrize("values", [np.nan, np.inf, -np.inf])
def test_a_slice_without_any_value_has_a_window_all_the_same(norm: Norm, values: float) -> None:
    low, high = slice_window(np.full((3, 3), values), norm, None)
    assert 0 <= low < high


def window(
    here: Parts, dataset: str, norm: Norm = Norm.LINEAR, part: ComplexPart = ComplexPart.ABS
) -> Any:
    with here.open(here.library.volume("data/a.h5", dataset)) as file:
        return here.windows.window(file, part, norm)


@pytest.mark.parametrize("how", ["gzip", "blosc2", "contiguous"])
def test_a_small_volume_s_window_is_that_of_all_its_values(
    here: Parts, data: Path, how: str
) -> None:
    values = np.random.default_rng(1).normal(size=(6, 20, 30)).astype("f4")
    values[0, 0, :4] = np.nan, np.inf, -np.inf, 0
    stored = {} if how == "contiguous" else {"chunks": (4, 10, 10), **files.CHUNKED[how]}
    files.write(data / "a.h5", x=(values, stored))
    finite = values[np.isfinite(values)].astype("f8")
    assert window(here, "x") == pytest.approx(tuple(np.percentile(finite, [1, 99])))
    assert window(here, "x", Norm.SYMLOG) == window(here, "x")
    positive = finite[finite > 0]
    assert window(here, "x", Norm.LOG) == pytest.approx(tuple(np.percentile(positive, [1, 99])))
    natural = finite[finite >= 0]
    assert window(here, "x", Norm.SQRT) == pytest.approx(tuple(np.percentile(natural, [1, 99])))


def test_a_large_volume_s_window_is_that_of_a_sample(here: Parts, data: Path) -> None:
    values = np.random.default_rng(1).normal(100, 10, (40, 60, 60)).astype("f4")
    files.write(data / "a.h5", x=(values, {"chunks": (4, 10, 10), "compression": "gzip"}))
    low, high = window(here, "x")
    true = np.percentile(values, [1, 99])
    assert low == pytest.approx(true[0], abs=2)
    assert high == pytest.approx(true[1], abs=2)


def test_a_window_is_fixed_for_a_state_of_the_file(
    here: Parts, make_parts: Callable[..., Parts], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(1).normal(size=(40, 60, 60)).astype("f4")
    how = {"chunks": (4, 10, 10), "compression": "gzip"}
    path = files.write(data / "a.h5", x=(values, how))
    first = window(here, "x")
    # Another process that shares nothing, one that shares the cache, and this one again.
    assert window(make_parts("elsewhere"), "x") == first
    other = make_parts()
    with monkeypatch.context() as patch:
        for readers in (other.readers, here.readers):
            patch.setattr(readers, "of", lambda _: pytest.fail("it was sampled again"))
        assert window(other, "x") == first
        assert window(here, "x") == first
    files.write(path, x=(values * 2, how))
    assert window(here, "x") == pytest.approx((2 * first[0], 2 * first[1]))


def test_another_interpreter_finds_the_same_sample(here: Parts, data: Path) -> None:
    # The seed must not depend on hash randomisation or on the order of threads.
    values = np.random.default_rng(1).normal(size=(40, 60, 60)).astype("f4")
    files.write(data / "a.h5", x=(values, {"chunks": (4, 10, 10), "compression": "gzip"}))
    program = """
import sys
from pathlib import Path
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.quantize import Norm
from tests.parts import make_children, parts
data, home = Path(sys.argv[1]), Path(sys.argv[2])
children = make_children([data], home / "empty")
with parts({"data": data}, home, children, threads=3) as here:
    with here.open(here.library.volume("data/a.h5", "x")) as file:
        print(*(n.hex() for n in here.windows.window(file, ComplexPart.ABS, Norm.LINEAR)))
children.close()
"""
    found = subprocess.run(
        [sys.executable, "-c", program, str(data), str(data.parent / "other")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert tuple(map(float.fromhex, found.stdout.split())) == window(here, "x")


def test_what_was_never_written_and_what_is_filled_do_not_count(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        dataset = file.create_dataset("x", (8, 30, 30), "i2", chunks=(2, 10, 10), fillvalue=-999)
        dataset[2:4, 5:15, 5:15] = np.arange(200).reshape(2, 10, 10)
        file.create_dataset("y", (8, 30, 30), "f4", chunks=(2, 10, 10), fillvalue=-999)
        file.create_dataset("z", (8, 30, 30), "f4", chunks=(2, 10, 10))
    assert window(here, "x") == pytest.approx(tuple(np.percentile(np.arange(200), [1, 99])))
    for name in "yz":
        low, high = window(here, name)
        assert low < high
        assert window(here, name, Norm.LOG)[0] > 0


@pytest.mark.parametrize("value", [0.0, 7.0, -7.0])
def test_a_constant_volume_has_a_window_with_two_ends(
    here: Parts, data: Path, value: float
) -> None:
    files.write(data / "a.h5", x=np.full((4, 5, 6), value))
    low, high = window(here, "x")
    assert low == value < high


@pytest.mark.parametrize("value", [1.7e308, np.finfo("f8").max, -np.finfo("f8").max, 1e300, 5e-324])
@pytest.mark.parametrize("norm", list(Norm))
def test_a_constant_volume_of_huge_values_has_finite_ends(
    here: Parts, data: Path, value: float, norm: Norm
) -> None:
    files.write(data / "a.h5", x=np.full((4, 5, 6), value))
    low, high = window(here, "x", norm)
    assert -np.inf < low < high < np.inf
    if not (norm in (Norm.LOG, Norm.SQRT) and value < 0):
        assert low <= value <= high


def test_percentiles_further_apart_than_float64_reaches(here: Parts, data: Path) -> None:
    # The difference of two neighbours overflows as well where few values are given.
    values = np.array([[-1.7e308, 1.7e308], [-1.6e308, 1.5e308]])
    files.write(
        data / "a.h5", few=values, many=np.linspace(-1.7, 1.7, 1600).reshape(40, 40) * 1e308
    )
    quarter = np.percentile(values / 4, [1, 99])
    assert window(here, "few") == pytest.approx(tuple(quarter * 4))
    assert window(here, "many") == pytest.approx((-1.666e308, 1.666e308))


@pytest.mark.parametrize("norm", list(Norm))
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8"])
def test_a_volume_without_any_value_has_finite_ends(
    here: Parts, data: Path, dtype: str, norm: Norm
) -> None:
    files.write(data / "a.h5", x=np.full((4, 5, 6), np.nan, dtype))
    low, high = window(here, "x", norm)
    assert 0 <= low < high < np.inf


def test_the_parts_of_the_largest_complex_values(here: Parts, data: Path) -> None:
    largest = np.finfo("f4").max
    values = np.full((4, 5, 6), complex(largest, largest), "c8")
    values[0, 0] = complex(np.inf, np.nan)
    files.write(data / "a.h5", x=values)
    for part in ComplexPart:
        low, high = window(here, "x", part=part)
        assert -np.inf < low < high < np.inf


def test_a_mask_shows_both_its_values(here: Parts, data: Path) -> None:
    mask = np.zeros((4, 50, 50), bool)
    mask[2, 3, 4] = True
    files.write(data / "a.h5", x=(mask, {"chunks": (2, 25, 25)}))
    assert window(here, "x") == (0.0, 1.0)


def test_each_part_of_a_complex_volume_has_a_window(here: Parts, data: Path) -> None:
    values = files.made_up("c16", (4, 20, 20))
    files.write(data / "a.h5", x=(values, {"chunks": (2, 10, 10), "compression": "gzip"}))
    for part, shown in (
        (ComplexPart.ABS, np.abs(values)),
        (ComplexPart.REAL, values.real),
        (ComplexPart.IMAG, values.imag),
        (ComplexPart.PHASE, np.angle(values)),
    ):
        assert window(here, "x", part=part) == pytest.approx(tuple(np.percentile(shown, [1, 99])))


def test_a_complex_fill_value_does_not_take_others_with_it(here: Parts, data: Path) -> None:
    values = np.full((4, 10, 10), 1 + 0j)
    values[:, :, 5:] = 3
    values[:, :, :2] = -1
    files.write(data / "a.h5", x=(values, {"chunks": (2, 10, 10), "fillvalue": -1 + 0j}))
    assert window(here, "x") == (1.0, 3.0)


def test_a_file_that_changes_while_it_is_sampled(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.arange(400, dtype="u2").reshape(20, 20)
    stored = {"chunks": (20, 20), **files.CHUNKED["blosc2"]}
    path = files.write(data / "a.h5", x=(values, stored))
    volume = here.library.volume("data/a.h5", "x")
    ask = here.library.hdf5.call

    def meddling(request: Any, *arguments: Any, **more: Any) -> Any:
        if isinstance(request, SampleBoxes):
            files.write(path, x=values + 1000)
        return ask(request, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(here.library.hdf5, "call", meddling)
        with here.open(volume) as file, pytest.raises(errors.Changed):
            here.windows.window(file, ComplexPart.ABS, Norm.LINEAR)
    assert window(here, "x") == pytest.approx(tuple(np.percentile(values + 1000, [1, 99])))


@pytest.mark.parametrize("how", list(files.KEPT_BY_CHILD))
def test_a_sample_that_a_child_reads_leaves_out_what_is_damaged(
    here: Parts, data: Path, how: str
) -> None:
    values = np.arange(400, dtype="u2").reshape(20, 20)
    path = data / "a.h5"
    files.write_kept_by_child(path, how, values, (10, 20))
    files.damage(path, "x", (10, 0))
    assert window(here, "x") == pytest.approx(tuple(np.percentile(values[:10], [1, 99])))
