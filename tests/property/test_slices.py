"""Any selection of any generated dataset over HTTP equals NumPy's result, cached or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import files
from tests.examples import examples
from tests.web import App, array

HOW: dict[str, dict[str, Any]] = {
    name: how for name, how in files.CHUNKED.items() if name not in files.BY_CHILD
}


def folder_of(app: App) -> Path:
    return app.services.catalog.roots[0]


@st.composite
def slices(draw: st.DrawFn, length: int) -> tuple[slice, str]:
    """A slice of an axis that is not empty, and how it may be written."""
    start = draw(st.integers(0, length - 1))
    stop = draw(st.integers(start + 1, length))
    step = draw(st.integers(1, 4))
    first = (
        ""
        if start == 0 and draw(st.booleans())
        else str(start - draw(st.sampled_from([0, length])))
    )
    last = "" if stop == length and draw(st.booleans()) else str(stop)
    third = "" if step == 1 and draw(st.booleans()) else f":{step}"
    return slice(start, stop, step), f"{first}:{last}{third}"


@st.composite
def looks(draw: st.DrawFn) -> tuple[Any, ...]:
    """(shape, chunks, dtype, storage, some selections as index and text)."""
    rank = draw(st.integers(2, 5))
    top = {2: 300, 3: 60, 4: 20, 5: 9}[rank]
    shape = tuple(draw(st.integers(1, top)) for _ in range(rank))
    stored = draw(st.sampled_from(["contiguous", *HOW]))
    chunks = None if stored == "contiguous" else tuple(draw(st.integers(1, n)) for n in shape)
    chosen = []
    for _ in range(3):
        plane = draw(st.permutations(range(rank)))[:2]
        index: list[Any] = []
        texts = []
        for dim, length in enumerate(shape):
            if dim in plane:
                part, text = draw(slices(length))
                index.append(part)
                texts.append(text)
            else:
                index.append(draw(st.integers(-length, length - 1)))
                texts.append(str(index[-1]))
        chosen.append((tuple(index), ",".join(texts)))
    return shape, chunks, draw(st.sampled_from(files.DTYPES)), stored, chosen


@settings(max_examples=examples(60), deadline=None)
@given(view=looks(), seed=st.integers(0, 9))
def test_a_slice_is_what_numpy_gives(app: App, view: Any, seed: int) -> None:
    shape, chunks, dtype, stored, chosen = view
    values = files.made_up(dtype, shape, seed)
    path = folder_of(app) / "made.h5"
    path.unlink(missing_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=values, chunks=chunks, **HOW.get(stored, {}))
    for index, text in chosen:
        reference = files.shown(values[index])
        for _ in range(2):
            found = app.values("data/made.h5", "x", text)
            assert found.dtype == reference.dtype
            assert np.array_equal(found, reference, equal_nan=reference.dtype.kind == "f")


@settings(max_examples=examples(30), deadline=None)
@given(
    dtype=st.sampled_from([d for d in files.DTYPES if np.dtype(d).kind in "iufb"]),
    shape=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    step=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    norm=st.sampled_from(["linear", "log", "symlog", "sqrt", "asinh"]),
    window=st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 1e5)),
    seed=st.integers(0, 9),
)
def test_pool_window_and_norm_are_what_numpy_gives(
    app: App,
    dtype: str,
    shape: tuple[int, int],
    step: tuple[int, int],
    norm: str,
    window: tuple[float, float],
    seed: int,
) -> None:
    values = files.made_up(dtype, shape, seed)
    path = folder_of(app) / "pooled.h5"
    path.unlink(missing_ok=True)
    files.write(
        path, x=(values, {"chunks": (min(16, shape[0]), min(16, shape[1])), "compression": "gzip"})
    )
    low, high = window[0], window[0] + window[1]
    text = f"::{step[0]},::{step[1]}"
    for pool in ("mean", "max"):
        pooled = app.values("data/pooled.h5", "x", text, pool=pool)
        reference = reference_pool(files.shown(values), step, pool)
        assert np.array_equal(pooled, reference, equal_nan=pooled.dtype.kind == "f")
        how = {"pool": pool, "format": "u8", "norm": norm, "window": f"{low!r},{high!r}"}
        codes = array(app.slice("data/pooled.h5", "x", text, **how))
        assert np.array_equal(codes, reference_codes(pooled.astype(np.float64), low, high, norm))


def reference_pool(values: Any, step: tuple[int, int], pool: str) -> Any:
    rows, cols = (-(-n // s) for n, s in zip(values.shape, step, strict=True))
    kind = np.float32 if pool == "mean" and step != (1, 1) else values.dtype
    out = np.empty((rows, cols), kind)
    for r, c in np.ndindex(rows, cols):
        block = values[r * step[0] : (r + 1) * step[0], c * step[1] : (c + 1) * step[1]]
        if block.dtype.kind == "f":
            block = block[~np.isnan(block)]
        if not block.size:
            out[r, c] = np.nan
        elif pool == "max":
            out[r, c] = block.max()
        elif step == (1, 1):
            out[r, c] = block[0] if block.ndim == 1 else block[0, 0]
        else:
            with np.errstate(invalid="ignore", over="ignore"):
                out[r, c] = block.astype(np.float64).mean()
    return out


def reference_codes(values: Any, low: float, high: float, norm: str) -> Any:
    linear = 0.01 * max(abs(low), abs(high))

    def normed(v: Any) -> Any:
        with np.errstate(all="ignore"):
            if norm == "log":
                return np.where(v > 0, np.log10(v), np.nan)
            if norm == "sqrt":
                return np.where(v >= 0, np.sqrt(v), np.nan)
            if norm == "symlog":
                outer = np.sign(v) * linear * (1 / (1 - 1 / 10) + np.log10(np.abs(v) / linear))
                return np.where(np.abs(v) <= linear, v / (1 - 1 / 10), outer)
            if norm == "asinh":
                return np.arcsinh(v / linear)
            return v

    with np.errstate(all="ignore"):
        ends = normed(np.array([low, high]))
        t = np.clip((normed(values) - ends[0]) / (ends[1] - ends[0]), 0, 1)
        codes = np.floor(254 * t + 0.5)
    codes[np.isnan(t)] = 0
    codes[np.isnan(values)] = 255
    return codes.astype(np.uint8)
