"""`decode=1` and `channels`: values as the attributes of a file mean them, held against xarray."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard.client import Client
from tests import files
from tests.web import App, assert_error, listening, running

netCDF4 = import_module("netCDF4")  # noqa: N816  # its own name
xarray = import_module("xarray")

SHAPE = (3, 40, 50)
STORED = np.random.default_rng(7).integers(-100, 100, SHAPE).astype("i2")

# Type and attributes of a variable; a float `scale_factor` is a float64 attribute.
PACKED: dict[str, tuple[str, dict[str, Any]]] = {
    "scaled_64": ("i2", {"scale_factor": 0.01, "add_offset": 280.0, "_FillValue": np.int16(-99)}),
    "scaled_32": ("i2", {"scale_factor": np.float32(0.01), "add_offset": np.float32(280)}),
    "scaled_32_of_i4": ("i4", {"scale_factor": np.float32(0.5), "add_offset": np.float32(3)}),
    "only_scale_32": ("i4", {"scale_factor": np.float32(0.1), "missing_value": np.int32(7)}),
    "only_offset": ("i1", {"add_offset": np.float32(0.1)}),
    "filled_i2": ("i2", {"_FillValue": np.int16(7)}),
    "filled_i4": ("i4", {"_FillValue": np.int32(7), "missing_value": np.int32(8)}),
    "filled_f4": ("f4", {"_FillValue": np.float32(7)}),
    "filled_f8": ("f8", {"missing_value": 7.0}),
    "unsigned": ("i1", {"_Unsigned": "true"}),
    "unsigned_filled": ("i1", {"_Unsigned": "true", "_FillValue": np.int8(-7)}),
    "unsigned_scaled": (
        "i1",
        {"_Unsigned": "true", "scale_factor": 0.5, "_FillValue": np.int8(-7)},
    ),
    "nothing": ("i2", {}),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application over files of netCDF and in colours."""
    data = tmp_path_factory.mktemp("decode") / "data"
    data.mkdir()
    with netCDF4.Dataset(data / "packed.nc", "w") as file:
        for name, length in zip("tyx", SHAPE, strict=True):
            file.createDimension(name, length)
        for name, (dtype, attrs) in PACKED.items():
            fill = attrs.get("_FillValue", False)
            made = file.createVariable(name, dtype, ("t", "y", "x"), fill_value=fill, zlib=True)
            made.set_auto_maskandscale(False)
            made.setncatts({k: v for k, v in attrs.items() if k != "_FillValue"})
            made[:] = STORED.astype(dtype)
        time = file.createVariable("t", "f8", ("t",))
        time.units, time.calendar, time[:] = "hours since 2001-02-28", "standard", [0, 24, 48.5]
        flags = file.createVariable("flags", "u1", ("y", "x"))
        flags.flag_values, flags.flag_meanings = np.arange(3, dtype="u1"), "air water bone"
        flags[:] = np.arange(40 * 50).reshape(40, 50) % 3
        ranged = file.createVariable("ranged", "i2", ("y", "x"))
        ranged.set_auto_maskandscale(False)
        ranged.setncatts({"valid_range": np.array([-50, 50], "i2"), "units": "K"})
        ranged[:] = STORED[0]
    with h5py.File(data / "colors.h5", "w") as file:
        file.create_dataset("pixels", data=COLORS, chunks=(2, 16, 16, 3), compression="gzip")
        file["planes"] = np.moveaxis(COLORS, -1, 1)
        file["complex"] = np.full((20, 20), 3 + 4j, "c8")
        write_elements(file)
    write_detector(data / "detector.h5")
    with running(tmp_path_factory.mktemp("home"), data) as made:
        yield made


COLORS = np.random.default_rng(8).integers(0, 256, (5, 40, 50, 3)).astype("u1")
DEEP = np.random.default_rng(9).integers(0, 2**16, (40, 50, 4)).astype("u2")


def write_elements(file: h5py.File) -> None:
    """Colours that are elements: an array, in chunks too, and compounds whose first field need not be red."""
    kind = h5py.h5t.array_create(h5py.h5t.NATIVE_UINT8, (3,))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((16, 16))
    plist.set_shuffle()
    plist.set_deflate(4)
    for name, how in (("array", None), ("chunked_array", plist)):
        space = h5py.h5s.create_simple(COLORS.shape[1:3])
        made = h5py.h5d.create(file.id, name.encode(), kind, space, how)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(COLORS[0]), mtype=kind)
    for name, fields in (("fields", "RGBA"), ("bgr", "bgr")):
        pixels = np.empty(DEEP.shape[:2], [(field, "<u2") for field in fields])
        for field in fields:
            pixels[field] = DEEP[..., "rgba".index(field.lower())]
        file[name] = pixels
    file["pairs"] = np.zeros((20, 20), [("r", "u1"), ("x", "u1")])
    file.create_dataset("vectors", (30,), np.dtype((np.float32, (3,))))


def write_detector(path: Path) -> None:
    """A NeXus detector with a mask, an infinite fill value, and times as values."""
    with h5py.File(path, "w") as file:
        detector = file.create_group("detector")
        detector.attrs["NX_class"] = "NXdetector"
        made = detector.create_dataset("data", data=COUNTS, chunks=(2, 16, 16), compression="gzip")
        made.attrs["units"] = "counts"
        detector["pixel_mask"] = MASK
        file["unbounded"] = np.where(COUNTS[0] > 900, np.inf, COUNTS[0]).astype("f4")
        file["unbounded"].attrs["_FillValue"] = np.float32("inf")
        file["times"] = COUNTS[0].astype("i8") * 86_400 * 10**9
        file["times"].attrs["units"] = "nanoseconds since 2000-01-01"


COUNTS = np.random.default_rng(10).integers(0, 1000, (6, 40, 50)).astype("u2")
MASK = np.random.default_rng(11).integers(0, 4, (40, 50)).astype("u4") // 3


def values(app: App, file: str, dataset: str, selection: str, **query: Any) -> NDArray[Any]:
    """The values of a slice."""
    response = app.slice(file, dataset, selection, **query)
    assert response.status_code == 200, response.get_data(as_text=True)
    shape = tuple(map(int, response.headers["X-Slice-Shape"].split(",")))
    return np.frombuffer(response.data, response.headers["X-Slice-Dtype"]).reshape(shape)


@pytest.mark.filterwarnings("ignore:variable .* has multiple fill values")
@pytest.mark.parametrize("name", PACKED)
def test_values_are_those_of_xarray(app: App, name: str) -> None:
    path = app.services.catalog.path("data/packed.nc")
    with xarray.open_dataset(path, engine="netcdf4", decode_times=False) as opened:
        expected = opened[name][1].to_numpy()
    found = values(app, "data/packed.nc", name, "1,:,:", decode=1)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    strided = values(app, "data/packed.nc", name, "1,::3,5::2", decode=1)
    np.testing.assert_array_equal(strided, expected[::3, 5::2])
    stored = values(app, "data/packed.nc", name, "1,:,:")
    assert stored.dtype == PACKED[name][0]
    np.testing.assert_array_equal(stored, STORED[1].astype(stored.dtype))
    described = app.get(
        "/api/v1/value", file="data/packed.nc", dataset=name, index="1,3,4", decode=1
    )
    text = described.get_json()["text"]
    assert np.array_equal(
        expected.dtype.type(text), expected[3, 4], equal_nan=expected.dtype.kind == "f"
    )


def test_windows_and_means_are_of_the_unpacked_values(app: App) -> None:
    expected = values(app, "data/packed.nc", "scaled_64", "1,:,:", decode=1)
    how = {"window": "slice", "format": "u8", "decode": 1}
    response = app.slice("data/packed.nc", "scaled_64", "1,:,:", **how)
    low, high = map(float, response.headers["X-Slice-Window"].split(","))
    assert (low, high) == (np.nanmin(expected), np.nanmax(expected))
    codes = np.frombuffer(response.data, "u1").reshape(expected.shape)
    assert np.array_equal(codes == 255, np.isnan(expected))
    volume = app.slice("data/packed.nc", "scaled_64", "1,:,:", format="u8", decode=1)
    assert 279 < float(volume.headers["X-Slice-Window"].split(",")[0]) < 280
    means = values(app, "data/packed.nc", "scaled_64", "1,::2,::2", pool="mean", decode=1)
    blocks = expected.reshape(20, 2, 25, 2)
    np.testing.assert_allclose(means, np.nanmean(blocks, axis=(1, 3)), rtol=1e-6)


def test_the_client_unpacks(app: App) -> None:
    expected = values(app, "data/packed.nc", "scaled_64", "1,:,:", decode=1)
    with listening(app.client.application) as address:
        volume = Client(address).volume("data/packed.nc", "/scaled_64")
        np.testing.assert_array_equal(volume.slice((1, ...), decode=True), expected)
        np.testing.assert_array_equal(volume.slice((1, ...)), STORED[1])


def test_what_is_not_valid_is_missing(app: App) -> None:
    found = values(app, "data/packed.nc", "ranged", ":,:", decode=1)
    outside = np.abs(STORED[0].astype(int)) > 50
    assert np.array_equal(np.isnan(found), outside)
    assert np.array_equal(found[~outside], STORED[0][~outside])


def test_the_address_of_a_frame_has_decode(app: App) -> None:
    tags = {
        app.slice("data/packed.nc", "scaled_64", "1,:,:", **how).headers["ETag"]
        for how in ({}, {"decode": 0}, {"decode": 1})
    }
    assert len(tags) == 2
    plain = {
        app.slice("data/packed.nc", "nothing", "1,:,:", **how).headers["ETag"]
        for how in ({}, {"decode": 1})
    }
    assert len(plain) == 1
    assert_error(app.slice("data/packed.nc", "nothing", "1,:,:", decode=2), 400)


def test_a_value_has_a_place_a_unit_and_a_name(app: App) -> None:
    def described(dataset: str, index: str, **query: Any) -> dict[str, Any]:
        asked = {"file": "data/packed.nc", "dataset": dataset, "index": index, **query}
        found: dict[str, Any] = app.get("/api/v1/value", **asked).get_json()
        return found

    found = described("scaled_64", "2,3,4", decode=1)
    assert found["coordinates"] == [{"name": "t", "text": "2001-03-02T00:30", "unit": None}]
    assert described("flags", "0,2")["name"] == "bone"
    assert described("ranged", "0,2", decode=1)["unit"] == "K"
    asked = {"file": "data/colors.h5", "dataset": "complex", "index": "0,0", "decode": 1}
    found = app.get("/api/v1/value", **asked).get_json()
    assert (found["text"], found["name"]) == ("3.0+4.0j", "5 ∠ 0.927295 rad")


@pytest.mark.parametrize(
    ("dataset", "selection", "channels"), [("pixels", "2,:,:,0", 3), ("planes", "2,1,:,:", 1)]
)
def test_colors_are_returned_together(
    app: App, dataset: str, selection: str, channels: int
) -> None:
    found = values(app, "data/colors.h5", dataset, selection, channels=channels)
    assert np.array_equal(found, COLORS[2])
    again = app.slice("data/colors.h5", dataset, selection, channels=channels)
    assert "frames; hit" in again.headers["Cache-Status"]
    other = app.slice(
        "data/colors.h5", dataset, selection.replace("0", "2").replace("1", "2"), channels=channels
    )
    assert other.headers["ETag"] == again.headers["ETag"]
    picture = app.slice("data/colors.h5", dataset, selection, channels=channels, format="png")
    assert picture.data[16:26] == (50).to_bytes(4, "big") + (40).to_bytes(4, "big") + b"\x08\x02"
    pooled = values(
        app, "data/colors.h5", dataset, selection.replace(":", "::2"), channels=channels
    )
    assert np.array_equal(pooled, COLORS[2, ::2, ::2])


@pytest.mark.parametrize("channels", ["0", "1", "-1", "x", "9", ""])
def test_channels_are_a_dimension_of_colors(app: App, channels: str) -> None:
    assert_error(app.slice("data/colors.h5", "pixels", "2,:,:,0", channels=channels), 400)


def test_a_mark_that_is_frequent_is_no_end_of_the_window(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    counts = np.random.default_rng(9).poisson(20, (4, 60, 60)).astype("u4")
    counts[:, 10:15] = 2**32 - 1
    mask = np.where(counts > 100, 255, 0).astype("u1")
    files.write(data / "a.h5", counts=counts, mask=mask)
    with running(tmp_path / "home", data) as app:
        window = app.slice("data/a.h5", "counts", "0,:,:", format="u8").headers["X-Slice-Window"]
        assert float(window.split(",")[1]) < 60
        window = app.slice("data/a.h5", "mask", "0,:,:", format="u8").headers["X-Slice-Window"]
        assert window == "0.0,255.0"


def test_elements_of_several_numbers_are_dimensions(app: App) -> None:
    listed = {
        one["dataset"]: one
        for one in app.get("/api/v1/datasets", file="data/colors.h5").get_json()["datasets"]
    }
    known = ("shape", "dtype", "element", "chunks", "browsable", "view")
    assert [[listed[name][key] for key in known] for name in ("/chunked_array", "/fields")] == [
        [[40, 50, 3], "uint8", "uint8[3]", [16, 16, 3], True, "slices"],
        [[40, 50, 4], "uint16", "{R, G, B, A} of uint16", None, True, "slices"],
    ]
    for name in ("/pairs", "/vectors"):
        assert (listed[name]["view"], listed[name]["element"]) == ("table", None)
    node = app.get("/api/v1/node", file="data/colors.h5", path="/bgr").get_json()
    assert node["type"] == "uint16 (elements: {r, g, b} of uint16)"
    meaning = node["meaning"]
    assert [meaning[key] for key in ("kind", "rows", "columns", "channels")] == ["color", 0, 1, 2]
    assert meaning["axes"][2]["coordinates"] == {"text": ["r", "g", "b"]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *[(one, COLORS[0]) for one in ("array", "chunked_array")],
        *[("fields", DEEP), ("bgr", DEEP[..., :3])],
    ],
)
def test_colors_of_elements_are_read(app: App, name: str, expected: NDArray[Any]) -> None:
    got = values(app, "data/colors.h5", name, ":,:,0", channels=2)
    assert np.array_equal(got, expected)
    part = values(app, "data/colors.h5", name, "3:37,20,:")
    assert np.array_equal(part, expected[3:37, 20])
    one = app.get("/api/v1/value", file="data/colors.h5", dataset=name, index="7,9,1").get_json()
    assert one["text"] == str(expected[7, 9, 1])


def test_opacity_is_not_scaled_by_the_window(app: App) -> None:
    query = {"format": "u8", "window": "0,1000"}
    shown = app.slice("data/colors.h5", "fields", ":,:,0", channels=2, **query)
    codes = np.frombuffer(shown.data, "u1").reshape(DEEP.shape)
    assert np.array_equal(codes[..., 3], (DEEP[..., 3] * (255 / 65535) + 0.5).astype("u1"))
    assert codes[..., :3].max() == 254


@pytest.mark.parametrize(
    ("selection", "index"),
    [
        ("2,:,:", np.s_[2, :, :]),
        ("2,3:37:5,4:50:3", np.s_[2, 3:37:5, 4:50:3]),
        ("1:5,7,2:40:2", np.s_[1:5, 7, 2:40:2]),
        (":,5:30,9", np.s_[:, 5:30, 9]),
    ],
)
def test_masked_pixels_are_missing(app: App, selection: str, index: Any) -> None:
    expected = np.where(MASK, np.nan, COUNTS.astype("f4"))[index]
    found = values(app, "data/detector.h5", "detector/data", selection, decode=1)
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found).any()
    stored = values(app, "data/detector.h5", "detector/data", selection)
    assert np.array_equal(stored, COUNTS[index])
    query = {"file": "data/detector.h5", "dataset": "detector/data", "selection": selection}
    sent = app.get("/api/v1/export", **query, format="npy", decode=1).data
    np.testing.assert_array_equal(np.load(io.BytesIO(sent)), expected)


def test_means_leave_masked_pixels_out(app: App) -> None:
    found = values(app, "data/detector.h5", "detector/data", "2,::4,::5", decode=1, pool="mean")
    left = np.where(MASK, np.nan, COUNTS[2].astype("f8")).reshape(10, 4, 10, 5)
    np.testing.assert_allclose(found, np.nanmean(left, axis=(1, 3)), rtol=1e-6)


def test_a_masked_pixel_says_so(app: App) -> None:
    row, column = map(int, np.argwhere(MASK)[0])
    query = {"file": "data/detector.h5", "dataset": "detector/data", "decode": 1}
    found = app.get("/api/v1/value", **query, index=f"1,{row},{column}").get_json()
    assert (found["text"], found["name"], found["unit"]) == ("nan", "masked", "counts")


@pytest.mark.parametrize("chunks", [None, (2, 16, 16)])
def test_masked_pixels_do_not_count_in_the_window_of_the_volume(
    tmp_path: Path, chunks: tuple[int, ...] | None
) -> None:
    hot = np.where(MASK, 60_000, COUNTS).astype("u2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        detector = file.create_group("detector")
        detector.attrs["NX_class"] = "NXdetector"
        detector.create_dataset("data", data=hot, chunks=chunks)
        detector["pixel_mask"] = MASK
    with running(tmp_path, tmp_path / "a.h5") as opened:
        query = {"format": "u8", "window": "volume", "decode": 1}
        sent = opened.slice("a.h5", "detector/data", "2,:,:", **query)
    found = [float(end) for end in sent.headers["X-Slice-Window"].split(",")]
    assert found == pytest.approx(np.percentile(hot[:, MASK == 0], [1, 99]).tolist())


def test_infinite_fills_are_missing_and_times_are_dates(app: App) -> None:
    found = values(app, "data/detector.h5", "unbounded", ":,:", decode=1)
    np.testing.assert_array_equal(found, np.where(COUNTS[0] > 900, np.nan, COUNTS[0]))
    node = app.get("/api/v1/node", file="data/detector.h5", path="/unbounded").get_json()
    assert node["meaning"]["value"]["fills"] == ["inf"]
    query = {"file": "data/detector.h5", "dataset": "times", "index": "3,4"}
    days = np.datetime64("2000-01-01") + int(COUNTS[0, 3, 4])
    assert app.get("/api/v1/value", **query).get_json()["name"] == str(days)
