"""Figures of arbitrary datasets and selections are those of NumPy; chunks of a volume are counted once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dashboard.addressing.selection import parse
from tests import files
from tests.examples import examples
from tests.property.made import Made, datasets, looks
from tests.web import App

# By file, which voxels have been decoded.
DECODED: dict[str, NDArray[np.bool_]] = {}


def figures(app: App, what: str, file: str, **query: Any) -> dict[str, Any]:
    response = app.get(f"/api/v1/{what}", file=file, dataset="x", **query)
    assert response.status_code == 200, response.get_data(as_text=True)
    found: dict[str, Any] = response.get_json()
    return found


def check_counts(found: dict[str, Any], made: Made, stored: NDArray[Any]) -> None:
    """A histogram is that of these stored values, as they are shown."""
    shown, gone = valid(made, stored)
    kept = shown[~gone]
    edges = np.array(found["edges"])
    np.testing.assert_array_equal(found["counts"], np.histogram(kept, edges)[0])
    assert (found["n"], found["missing"]) == (kept.size, gone.sum())
    assert found["below"] == (kept < edges[0]).sum()
    assert found["above"] == (kept > edges[-1]).sum()
    ends = (kept.min().item(), kept.max().item()) if kept.size else (None, None)
    assert (found["min"], found["max"]) == ends


def valid(made: Made, stored: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values as they are shown, flat, and which of them are missing."""
    stored = stored.reshape(-1)
    shown = files.shown(stored)
    gone = ~np.isfinite(shown)
    return shown, gone if made.fill_value is None else gone | (stored == made.fill_value)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(datasets(files.DTYPES), st.data(), st.integers(1, 300))
def test_figures_are_those_of_numpy(
    app: App, folder: Path, made: Made, data: st.DataObject, bins: int
) -> None:
    file, whole = made.write(folder), made.values
    selection, index = data.draw(looks(made.shape))
    cells = whole[index]
    check_counts(figures(app, "histogram", file, selection=selection, bins=bins), made, cells)
    found = figures(app, "region", file, selection=selection, points="-1,-1,99,99")
    shown, gone = valid(made, cells)
    kept = shown[~gone]
    assert (found["n"], found["missing"]) == (kept.size, gone.sum())
    if kept.size:
        assert (found["min"], found["max"]) == (kept.min(), kept.max())
        wide = kept.astype("f8")
        np.testing.assert_allclose(found["mean"], wide.mean(), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found["median"], np.median(wide), rtol=1e-9)
        if kept.dtype.kind in "iu":
            assert found["sum"] == sum(kept.tolist())

    while app.services.loader.in_use:
        time.sleep(0.001)
    decoded = DECODED.setdefault(made.name, np.zeros(made.shape, bool))
    volume = app.services.metadata.volume(file, "x")
    for brick in volume.bricks(parse(selection, volume.shape)):
        decoded[tuple(map(slice, brick.start, brick.stop))] = True
    if made.how == "contiguous":
        decoded[...] = True
    for _ in range(3):
        found = figures(app, "histogram", file, scope="volume", bins=bins)
    assert found["seen"] == decoded.sum() / decoded.size
    check_counts(found, made, whole[decoded])
