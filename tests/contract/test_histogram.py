"""Histograms over HTTP: of slices, and of volumes from what is cached, which are those of NumPy on the file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.client import Client
from tests import files
from tests.contract.test_analysis import PLANES, SHAPE, STORED, text
from tests.web import App, assert_error, listening, running

CHUNKS = (2, 8, 16)
# All but the types of 16 bits have fixed edges.
KINDS = [*files.DTYPES, "filled/i2", "filled/i8", "filled/c8"]
FILLED = {name: STORED.astype(name[7:]) for name in KINDS if name.startswith("filled")}


def stored(name: str) -> NDArray[Any]:
    if name in FILLED:
        return FILLED[name]
    return files.made_up(name, SHAPE, seed=files.DTYPES.index(name))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application over files with datasets of each type, chunked, plain and packed."""
    folder = tmp_path_factory.mktemp("histograms")
    path = folder / "types.h5"
    with h5py.File(path, "w") as file:
        for name in KINDS:
            values = stored(name)
            fill = {"fillvalue": values[0, 0, 0]} if name in FILLED else {}
            how = {"chunks": CHUNKS, "compression": "gzip", **fill}
            file.create_dataset(f"chunked/{name}", data=values, **how)
            file.create_dataset(f"counted/{name}", data=values, **how)
            file.create_dataset(f"plain/{name}", data=values, **fill)
        for name, dtype in (("packed_i2", ">i2"), ("packed_i4", "i4")):
            packed = file.create_dataset(name, data=STORED.astype(dtype), chunks=CHUNKS)
            packed.attrs["scale_factor"] = np.float32(0.5)
            packed.attrs["add_offset"] = np.float32(100)
            packed.attrs["_FillValue"] = packed.dtype.type(-1)
    with running(folder, path) as app:
        yield app


def ask(app: App, dataset: str, **query: Any) -> dict[str, Any]:
    """What the interface returns of a dataset; the sums are asserted."""
    asked = {"file": "types.h5", "dataset": dataset, **query}
    response = app.get("/api/v1/histogram", **asked)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = response.get_json()
    assert sum(found["counts"]) + found["below"] + found["above"] == found["n"]
    assert len(found["edges"]) == len(found["counts"]) + 1
    return found


def equals(
    found: dict[str, Any], values: NDArray[Any], missing: NDArray[Any] | None = None
) -> None:
    """A histogram is that of NumPy on the values, as they are shown."""
    gone = ~np.isfinite(values) if missing is None else ~np.isfinite(values) | missing
    kept = values[~gone]
    edges = np.array(found["edges"])
    np.testing.assert_array_equal(found["counts"], np.histogram(kept, edges)[0])
    assert found["below"] == (kept < edges[0]).sum()
    assert found["above"] == (kept > edges[-1]).sum()
    assert (found["n"], found["missing"]) == (kept.size, gone.sum())
    assert (found["min"], found["max"]) == (kept.min(), kept.max())


def gaps(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Where the fill value is that the file's author has set."""
    return values == stored(name)[0, 0, 0] if name in FILLED else np.zeros(values.shape, bool)


@pytest.mark.parametrize("name", KINDS)
def test_a_slice_has_the_histogram_of_numpy(made: App, name: str) -> None:
    for storage, plane in product(("chunked", "plain"), PLANES):
        cells = stored(name)[plane]
        shown = files.shown(cells)
        dataset, selection = f"{storage}/{name}", text(plane)
        whole = ask(made, dataset, selection=selection)
        equals(whole, shown, gaps(name, cells))
        assert whole["seen"] == 1
        assert whole["below"] == whole["above"] == 0
        kept = shown[np.isfinite(shown) & ~gaps(name, cells)]
        if int(kept.max()) - int(kept.min()) >= 256 or kept.dtype.kind == "f":
            np.testing.assert_array_equal(whole["edges"], np.histogram(kept, 256)[1])
        low, high = (float(x) for x in np.quantile(kept.astype("f8"), [0.2, 0.7]))
        part = ask(made, dataset, selection=selection, bins="20", range=f"{low!r},{high!r}")
        equals(part, shown, gaps(name, cells))
        np.testing.assert_array_equal(part["edges"], np.histogram(kept, 20, (low, high))[1])


def test_a_region_has_a_histogram(made: App) -> None:
    rows, cols = np.mgrid[4:20:3, 2:29:2]
    inside = (rows >= 5) & (cols >= 3) & (rows + cols <= 30)
    for storage, name in product(("chunked", "plain"), ("<u2", "f4", "filled/i8")):
        cells = stored(name)[3, 4:20:3, 2:29:2][inside]
        found = ask(
            made,
            f"{storage}/{name}",
            selection="3,4:20:3,2:29:2",
            shape="polygon",
            points="5,3,5,25,27,3",
        )
        equals(found, files.shown(cells), gaps(name, cells))


def test_few_integers_have_a_bin_each(made: App) -> None:
    found = ask(made, "chunked/?", selection="1,:,:")
    assert found["edges"] == [-0.5, 0.5, 1.5]
    assert found["counts"][1] == stored("?")[1].sum()


def test_values_are_unpacked(made: App) -> None:
    unpacked = np.where(STORED == -1, np.nan, STORED * np.float32(0.5) + np.float32(100))
    for dataset in ("packed_i2", "packed_i4"):
        equals(ask(made, dataset, selection=":,3,:", decode="1"), unpacked[:, 3])
        equals(ask(made, dataset, selection=":,3,:"), STORED[:, 3])


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"selection": "2,:,:", "bins": "0"}, "whole number"),
        ({"selection": "2,:,:", "bins": "100000"}, "whole number"),
        ({"selection": "2,:,:", "bins": "1.5"}, "whole number"),
        ({"selection": "2,:,:", "range": "5,1"}, "below"),
        ({"selection": "2,:,:", "range": "5,5"}, "below"),
        ({"selection": "2,:,:", "range": "5"}, "two numbers"),
        ({"selection": "2,:,:", "range": "1,2,3"}, "two numbers"),
        ({"selection": "2,:,:", "range": "nan,5"}, "finite"),
        ({"selection": "2,:,:", "range": "0,inf"}, "finite"),
        ({"selection": "2,:,:", "scope": "file"}, "one of"),
        ({"scope": "volume", "range": "5,1"}, "below"),
        ({"selection": "2,:,:", "points": "99,0,120,9"}, "outside"),
        ({"selection": "2,:,:", "points": "1,2,3"}, "left over"),
        ({"scope": "volume", "points": "1,2,3,4"}, "on a slice"),
        ({}, "missing"),
        ({"selection": "2,2,:"}, "two slices"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(made: App, query: dict[str, str], word: str) -> None:
    response = made.get("/api/v1/histogram", file="types.h5", dataset="chunked/u1", **query)
    assert_error(response, 400)
    assert word in response.get_json()["error"]["message"]


def cached(app: App, dataset: str, selection: str, file: str = "types.h5") -> None:
    """Have the bricks of a slice in the cache."""
    assert app.slice(file, dataset, selection).status_code == 200
    while app.services.loader.in_use:
        time.sleep(0.005)


def volume(app: App, dataset: str, until: float | None = None, **query: Any) -> dict[str, Any]:
    """The histogram of a volume, asked for until it has seen as much (or nothing more comes)."""
    found = ask(app, dataset, scope="volume", **query)
    while True:
        more = ask(app, dataset, scope="volume", **query)
        if more["seen"] == (found["seen"] if until is None else until):
            return more
        found = more


@pytest.mark.parametrize("name", KINDS)
def test_a_volume_is_counted_from_what_is_cached(made: App, name: str) -> None:
    dataset, values = f"counted/{name}", stored(name)
    decoded = made.stats()["prefetch"]["decoded"]
    nothing = volume(made, dataset)
    assert (nothing["seen"], nothing["n"], nothing["min"], nothing["missing"]) == (0, 0, None, 0)
    # A layer along the first axis, one along the last which crosses it, then all.
    cached(made, dataset, "2,:,:")
    slab = values[2:4]
    found = volume(made, dataset)
    assert found["seen"] == pytest.approx(slab.size / values.size)
    equals(found, files.shown(slab), gaps(name, slab))
    cached(made, dataset, ":,:,20")
    both = np.zeros(SHAPE, bool)
    both[2:4] = both[:, :, 16:] = True
    found = volume(made, dataset)
    assert found["seen"] == pytest.approx(both.sum() / values.size)
    equals(found, files.shown(values[both]), gaps(name, values[both]))
    for selection in ("0,:,:", "4,:,:", ":,3,:"):
        cached(made, dataset, selection)
    found = volume(made, dataset, 1.0)
    equals(found, files.shown(values), gaps(name, values))
    # Exact where there are few different values, between fixed edges otherwise.
    kept = files.shown(values).astype("f8")
    low, high = (float(x) for x in np.quantile(kept[np.isfinite(kept)], [0.3, 0.6]))
    part = ask(made, dataset, scope="volume", bins="20", range=f"{low!r},{high!r}")
    equals(part, files.shown(values), gaps(name, values))
    assert len(part["counts"]) <= 20
    if values.itemsize <= 2:
        assert (part["edges"][0], part["edges"][-1]) == pytest.approx((low, high), rel=1e-3)
        assert found["below"] == found["above"] == 0
    else:
        assert part["edges"][0] <= low < high <= part["edges"][-1]
    assert made.stats()["prefetch"]["decoded"] == decoded


@pytest.mark.parametrize("name", ["u1", "<i2", "f4", "c8", "filled/i8"])
def test_a_contiguous_volume_is_read_from_the_file(made: App, name: str) -> None:
    found = volume(made, f"plain/{name}", 1.0)
    equals(found, files.shown(stored(name)), gaps(name, stored(name)))


@pytest.mark.parametrize("dataset", ["packed_i2", "packed_i4"])
def test_a_volume_is_unpacked(made: App, dataset: str) -> None:
    for selection in ("0,:,:", "2,:,:", "4,:,:"):
        cached(made, dataset, selection)
    unpacked = np.where(STORED == -1, np.nan, STORED * np.float32(0.5) + np.float32(100))
    equals(volume(made, dataset, 1.0, decode="1"), unpacked)
    equals(volume(made, dataset, 1.0), STORED)


def write_detector(file: h5py.File, name: str, dtype: str, how: dict[str, Any]) -> None:
    """A NeXus detector with a mask."""
    detector = file.create_group(name)
    detector.attrs["NX_class"] = "NXdetector"
    detector.create_dataset("data", data=STORED.astype(dtype), **how)
    detector["pixel_mask"] = MASK


MASK = np.random.default_rng(11).integers(0, 4, SHAPE[1:]).astype("u4") // 3


@pytest.fixture
def detectors(tmp_path: Path) -> Iterator[App]:
    """An application over a file with detectors."""
    path = tmp_path / "types.h5"
    with h5py.File(path, "w") as file:
        for dtype in ("i2", "i4"):
            write_detector(file, f"chunked_{dtype}", dtype, {"chunks": CHUNKS, "compression": 4})
            write_detector(file, f"plain_{dtype}", dtype, {})
    with running(tmp_path, path) as app:
        yield app


@pytest.mark.parametrize("name", ["chunked_i2", "chunked_i4", "plain_i2", "plain_i4"])
def test_masked_pixels_are_missing(detectors: App, name: str) -> None:
    dataset, shown = f"{name}/data", np.where(MASK, np.nan, STORED.astype("f4"))
    for plane in PLANES:
        asked = {"selection": text(plane), "decode": "1"}
        equals(ask(detectors, dataset, **asked), shown[plane])
        file = {"file": "types.h5", "dataset": dataset, "points": "-1,-1,99,99"}
        found = detectors.get("/api/v1/region", **file, **asked).get_json()
        assert (found["n"], found["missing"]) == region_counts(shown[plane])
    line = {"file": "types.h5", "dataset": dataset, "from": "5,0", "to": "5,30", "decode": "1"}
    found = detectors.get("/api/v1/profile", selection="2,:,:", **line).get_json()["values"]
    np.testing.assert_array_equal(np.array(found, float), shown[2, 5])
    # The same pixels of the mean of three slices.
    with np.errstate(invalid="ignore"):
        mean = shown[1:4].mean(axis=0)
    asked = {"selection": "2,:,:", "decode": "1", "project": "mean:3"}
    found = ask(detectors, dataset, bins="8", **asked)
    assert (found["n"], found["missing"]) == region_counts(mean)
    assert [found["min"], found["max"]] == pytest.approx([np.nanmin(mean), np.nanmax(mean)])
    file = {"file": "types.h5", "dataset": dataset, "points": "2,3,20,25", **asked}
    found = detectors.get("/api/v1/region", **file).get_json()
    part = mean[2:21, 3:26]
    assert (found["n"], found["missing"]) == region_counts(part)
    assert [found[name] for name in ("mean", "sd", "median")] == pytest.approx(
        [np.nanmean(part), np.nanstd(part), np.nanmedian(part)], rel=1e-5
    )
    # In addition to these planes across all axes, the rest of the chunks.
    for selection in ("0,:,:", ":,:,20"):
        cached(detectors, dataset, selection)
    equals(volume(detectors, dataset, 1.0, decode="1"), shown)
    equals(volume(detectors, dataset, 1.0), STORED)


def region_counts(values: NDArray[Any]) -> tuple[int, int]:
    """How many are valid, and how many missing."""
    missing = int(np.isnan(values).sum())
    return values.size - missing, missing


def test_a_part_of_complex_values(made: App) -> None:
    for selection in ("0,:,:", "2,:,:", "4,:,:"):
        cached(made, "chunked/c16", selection)
    for part in ("abs", "real", "imag", "phase"):
        found = volume(made, "chunked/c16", 1.0, part=part)
        equals(found, files.shown(stored("c16"), part))


def test_the_client_asks_for_slices_and_volumes(made: App) -> None:
    with listening(made.client.application) as address, Client(address) as client:
        found = client.histogram("types.h5", "chunked/u1", "2,:,:", bins=16, value_range=(0, 160))
        asked = {"selection": "2,:,:", "bins": "16", "range": "0,160"}
        assert found == ask(made, "chunked/u1", **asked)
        assert client.volume("types.h5", "plain/u1").histogram(decode=True)["seen"] == 1
        points = [(2, 3), (9, 3), (2, 20)]
        found = client.histogram("types.h5", "plain/f4", "2,:,:", shape="polygon", points=points)
        asked = {"selection": "2,:,:", "shape": "polygon", "points": "2,3,9,3,2,20"}
        assert found == ask(made, "plain/f4", **asked)
