"""`GET /api/v1/slice`: values, headers, formats, windows, norms and pools, by the contract's words."""

from __future__ import annotations

import gzip
import io
import math
import time
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from werkzeug.test import TestResponse

from dashboard.telemetry.stages import SERVER_STAGES
from tests import files
from tests.contract.conftest import FILL, FLOATS, VOLUME
from tests.waits import WITHIN_S
from tests.web import App, array, timing

FILE = "data/volume.h5"


def window_of(response: Any) -> tuple[float, float]:
    low, high = response.headers["X-Slice-Window"].split(",")
    return float(low), float(high)


def reference_u8(
    values: NDArray[Any],
    window: tuple[float, float],
    norm: str = "linear",
    gap: float | None = None,
) -> NDArray[np.uint8]:
    """The contract's sentence on `u8`, cell by cell."""

    def place(value: float) -> float:
        if norm == "log":
            return math.log10(value)
        return math.sqrt(value) if norm == "sqrt" else value

    out = np.empty(values.shape, np.uint8)
    low, high = place(window[0]), place(window[1])
    for at, stored in np.ndenumerate(values):
        value = float(stored)
        if math.isnan(value) or value == gap:
            out[at] = 255
        elif (norm == "log" and value <= 0) or (norm == "sqrt" and value < 0):
            out[at] = 0
        else:
            t = min(max((place(value) - low) / (high - low), 0.0), 1.0)
            out[at] = math.floor(254 * t + 0.5)
    return out


@pytest.mark.parametrize(
    "name",
    [
        *files.CHUNKED,
        "contiguous",
        "contiguous-big-endian",
        "gzip-big-endian",
        "one-plane-chunks",
        "one-chunk",
        "unlimited",
        "compact",
        "virtual",
        "soft",
    ],
)
@pytest.mark.parametrize("text", ["4,:,:", ":,7,:", ":,:,30", "-1,2:19:3,1:31:7"])
def test_every_storage_gives_the_values(app: App, name: str, text: str) -> None:
    values = files.made_up("<u2", (9, 20, 31))
    index = eval(f"np.s_[{text}]")
    assert np.array_equal(app.values("data/below/storages.h5", name, text), values[index])


def test_unusual_types_give_the_values(app: App, data: Path) -> None:
    with h5py.File(data / "types.h5") as file:
        for name in file:
            stored = file[name][()]
            lead = ",".join(["0"] * (stored.ndim - 2))
            text = f"{lead},:,:" if lead else ":,:"
            found = app.values("data/types.h5", name, text)
            reference = files.shown(stored[(0,) * (stored.ndim - 2)])
            assert found.dtype == reference.dtype, name
            assert np.array_equal(found, reference), name


def test_headers_describe_the_answer(app: App) -> None:
    response = app.slice(FILE, "/volume", "3,:,10:40:2")
    assert response.headers["X-Slice-Shape"] == "40,15"
    assert response.headers["X-Slice-Dtype"] == "uint16"
    assert "X-Slice-Window" not in response.headers
    assert response.headers["ETag"].startswith('"')
    assert response.content_type == "application/octet-stream"
    assert len(response.get_data()) == 40 * 15 * 2


def test_the_stages_add_up_to_the_total(app: App) -> None:
    for index in range(0, 24, 3):
        times = timing(app.slice(FILE, "/volume", f"{index},:,:", format="u8", viewer="t"))
        total = times.pop("total")
        assert set(times) <= set(SERVER_STAGES)
        assert sum(times.values()) == pytest.approx(total, rel=0.05, abs=0.02)


def test_datasets_go_with_and_without_a_slash(app: App) -> None:
    assert np.array_equal(app.values(FILE, "volume", "0,:,:"), VOLUME[0])
    assert np.array_equal(app.values(FILE, "/group/floats", "0,:,:"), FLOATS[0], equal_nan=True)


def test_more_dimensions_and_fewer(app: App) -> None:
    many = VOLUME.reshape(4, 6, 40, 50)
    assert np.array_equal(app.values(FILE, "many", "3,-1,:,:"), many[3, -1])
    assert np.array_equal(app.values(FILE, "many", ":,2,:,7"), many[:, 2, :, 7])
    assert np.array_equal(app.values(FILE, "flat", ":,::2"), VOLUME[0][:, ::2])


def test_npy_and_png(app: App) -> None:
    body = app.slice(FILE, "volume", "5,:,:", format="npy").get_data()
    assert np.array_equal(np.load(io.BytesIO(body), allow_pickle=False), VOLUME[5])
    response = app.slice(FILE, "volume", "5,:,:", format="png", window="100,3000")
    assert response.content_type == "image/png"
    assert np.array_equal(
        imagecodecs.png_decode(response.get_data()), reference_u8(VOLUME[5], (100, 3000))
    )


@pytest.mark.parametrize("norm", ["linear", "log", "sqrt"])
@pytest.mark.parametrize("window", ["volume", "slice", "100,3000", "0.5,10.25"])
def test_u8_is_what_the_contract_says(app: App, norm: str, window: str) -> None:
    for name, values, gap in (
        ("volume", VOLUME[7], None),
        ("group/floats", FLOATS[2], None),
        ("filled", FILL[1], -3),
    ):
        response = app.slice(
            FILE,
            name,
            f"{ {'volume': 7, 'group/floats': 2, 'filled': 1}[name] },:,:".replace(" ", ""),
            format="u8",
            window=window,
            norm=norm,
        )
        stored = values.copy()
        if name == "filled":
            stored[:8, :8] = -3
        assert response.status_code == 200
        assert response.headers["X-Slice-Dtype"] == "uint8"
        used = window_of(response)
        if window[0].isdigit():
            assert used == tuple(map(float, window.split(",")))
        assert np.array_equal(array(response), reference_u8(stored, used, norm, gap))


def test_raw_values_name_the_fill_value_that_the_author_set(app: App) -> None:
    response = app.slice(FILE, "filled", "1,:,:")
    assert np.array_equal(array(response)[:8, :8], np.full((8, 8), -3))
    assert float(response.headers["X-Slice-Fill"]) == -3
    pooled = app.slice(FILE, "filled", "1,::2,::2", pool="mean")
    assert pooled.headers["X-Slice-Dtype"] == "float32"
    assert float(pooled.headers["X-Slice-Fill"]) == -3
    for name in ("zeros", "complex"):
        assert "X-Slice-Fill" not in app.slice(FILE, name, "1,:,:").headers
    assert "X-Slice-Fill" not in app.slice(FILE, "filled", "1,:,:", format="u8").headers


def test_symlog_is_linear_within_one_percent_and_monotonic(app: App) -> None:
    response = app.slice(
        FILE, "group/floats", "1,:,:", format="u8", norm="symlog", window="-100,100"
    )
    codes, values = array(response).astype(int), FLOATS[1].astype(float)
    whole = ~np.isnan(values)
    order = np.argsort(values[whole])
    assert (np.diff(codes[whole][order]) >= 0).all()
    inner = whole & (np.abs(values) <= 1.0)
    slope = np.polyfit(values[inner], codes[inner], 1)
    assert np.abs(np.polyval(slope, values[inner]) - codes[inner]).max() <= 1.0
    assert (codes[~whole] == 255).all()


def test_asinh_is_numpys_over_one_percent_of_the_window(app: App) -> None:
    asked = {"norm": "asinh", "window": "-50,100"}
    codes = array(app.slice(FILE, "group/floats", "1,:,:", format="u8", **asked))
    values = FLOATS[1].astype(np.float64)
    low, high = np.arcsinh([-50.0, 100.0])
    t = np.clip((np.arcsinh(values) - low) / (high - low), 0, 1)
    whole = ~np.isnan(values)
    # One per cent of the larger end is 1.
    np.testing.assert_array_equal(codes[whole], np.floor(254 * t[whole] + 0.5))
    assert (codes[~whole] == 255).all()
    png = app.slice(FILE, "group/floats", "1,:,:", format="png", **asked).get_data()
    np.testing.assert_array_equal(imagecodecs.png_decode(png), codes)


def test_the_window_of_a_slice_is_its_own_range(app: App) -> None:
    assert window_of(app.slice(FILE, "volume", "7,:,:", format="u8", window="slice")) == (
        VOLUME[7].min(),
        VOLUME[7].max(),
    )
    low, high = window_of(app.slice(FILE, "group/floats", "2,:,:", format="u8", window="slice"))
    assert (low, high) == (np.nanmin(FLOATS[2]), np.nanmax(FLOATS[2]))


def test_the_window_of_the_volume_is_fixed_and_near_its_percentiles(app: App) -> None:
    found = {window_of(app.slice(FILE, "volume", f"{n},:,:", format="u8")) for n in range(0, 24, 5)}
    assert len(found) == 1
    low, high = found.pop()
    assert (low, high) == pytest.approx(np.percentile(VOLUME, (1, 99)), abs=60)


def test_a_constant_volume_has_a_window(app: App) -> None:
    response = app.slice(FILE, "zeros", "0,:,:", format="u8")
    low, high = window_of(response)
    assert low < high
    assert set(array(response).ravel().tolist()) == {0}


@pytest.mark.parametrize("part", ["abs", "real", "imag", "phase"])
def test_parts_of_complex_values(app: App, part: str) -> None:
    stored = files.made_up("c8", (3, 20, 20))
    found = app.values(FILE, "complex", "1,:,:", part=part)
    assert found.dtype == np.float32
    assert np.array_equal(found, files.shown(stored[1], part), equal_nan=True)


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (2, 2), (3, 5), (7, 4), (40, 50), (100, 3)])
@pytest.mark.parametrize("name", ["volume", "group/floats"])
def test_pools(app: App, name: str, rows: int, cols: int) -> None:
    values = VOLUME[3] if name == "volume" else FLOATS[3]
    region = values[1:29, 2:41]
    text = f"3,1:29:{rows},2:41:{cols}"
    nearest = app.values(FILE, name, text, pool="nearest")
    assert np.array_equal(nearest, region[::rows, ::cols], equal_nan=name != "volume")
    for pool in ("mean", "max"):
        found = app.values(FILE, name, text, pool=pool)
        for r, c in np.ndindex(found.shape):
            block = region[r * rows : (r + 1) * rows, c * cols : (c + 1) * cols].astype(np.float64)
            block = block[~np.isnan(block)]
            reference = (
                math.nan if not block.size else block.mean() if pool == "mean" else block.max()
            )
            assert found[r, c] == pytest.approx(reference, rel=1e-6, nan_ok=True)
        assert found.dtype == (
            np.float32 if pool == "mean" and (rows, cols) != (1, 1) else values.dtype
        )


def test_pooling_comes_before_the_window(app: App) -> None:
    asked = {"pool": "max", "window": "0,4000"}
    codes = app.values(FILE, "volume", "3,::4,::4", format="u8", **asked)
    values = app.values(FILE, "volume", "3,::4,::4", **asked)
    assert np.array_equal(codes, reference_u8(values, (0, 4000)))


def test_what_decides_the_bytes_decides_the_etag(app: App) -> None:
    asked: list[dict[str, Any]] = [
        {},
        {"format": "u8"},
        {"format": "u8", "window": "slice"},
        {"format": "u8", "window": "1,2"},
        {"format": "u8", "norm": "sqrt"},
        {"pool": "max"},
        {"format": "npy"},
    ]
    tags = [app.slice(FILE, "volume", "3,::2,::2", **query).headers["ETag"] for query in asked]
    assert len(set(tags)) == len(tags)
    other = app.slice(FILE, "volume", "-21,0:40:2,:50:2").headers["ETag"]
    assert other == tags[0]


@pytest.mark.parametrize("slab", ["", "00000000", "../x", "\0", "ü" * 200])
def test_a_slab_is_a_routing_key_and_nothing_else(app: App, slab: str) -> None:
    end = time.monotonic() + WITHIN_S
    # A frame is stored when the checksums of its chunks have matched.
    while not is_frame_hit(plain := app.slice(FILE, "volume", "3,:,:")):
        assert time.monotonic() < end
    routed = app.slice(FILE, "volume", "3,:,:", slab=slab)
    assert routed.status_code == 200
    assert routed.data == plain.data
    assert routed.headers["ETag"] == plain.headers["ETag"]
    assert is_frame_hit(routed)


def is_frame_hit(response: TestResponse) -> bool:
    return response.headers["Cache-Status"].startswith("frames; hit")


@pytest.mark.parametrize("format_", ["raw", "u8", "npy"])
def test_a_compressed_slice_is_the_same_slice(app: App, format_: str) -> None:
    # In codes of a wide window there are few different ones.
    shown = {"format": format_, "window": "0,1000000"}
    query = {**shown, "compress": 1}
    plain = app.slice(FILE, "volume", "1,:,:", **shown)
    unasked = app.slice(FILE, "volume", "1,:,:", {"Accept-Encoding": "br, gzip;q=0"}, **query)
    assert unasked.data == plain.data
    assert "Content-Encoding" not in unasked.headers
    assert "X-Slice-Shuffled" not in unasked.headers
    assert unasked.headers["Vary"] == "Accept-Encoding"
    answer = app.slice(FILE, "volume", "1,:,:", {"Accept-Encoding": "deflate, gzip"}, **query)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.data) < len(plain.data)
    size = int(answer.headers.get("X-Slice-Shuffled", 1))
    assert (size > 1) == (format_ == "raw")
    unpacked = np.frombuffer(gzip.decompress(answer.data), np.uint8)
    assert unpacked.reshape(size, -1).T.tobytes() == plain.data
    assert timing(answer)["encode"] > 0
    tag = answer.headers["ETag"]
    same = app.slice(FILE, "volume", "1,:,:", {"If-None-Match": tag}, **query)
    assert (same.status_code, same.data) == (304, b"")


def test_a_png_is_compressed_once(app: App) -> None:
    accepts = {"Accept-Encoding": "gzip"}
    answer = app.slice(FILE, "volume", "1,:,:", accepts, format="png", compress=1)
    assert "Content-Encoding" not in answer.headers
    plain = app.slice(FILE, "volume", "1,:,:")
    assert imagecodecs.png_decode(answer.data).shape == array(plain).shape
