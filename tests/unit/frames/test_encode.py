"""Encoded bytes of slices, and frames packed for the cache."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dashboard.frames.encode import Format, Frame, compress, encode
from dashboard.storage.bytes_cache import HeadedBytes
from tests import files

FRAME = Frame(b"body\n{}\0", (2, 3), "uint8", (0.25, 1e300), True)


@pytest.mark.parametrize("dtype", [t for t in files.DTYPES if "c" not in t])
def test_raw_is_little_endian_row_by_row(dtype: str) -> None:
    values = files.made_up(dtype, (5, 7))
    little = values.astype(values.dtype.newbyteorder("<"))
    assert encode(values, Format.RAW) == little.tobytes()
    assert encode(values.T[::2], Format.RAW) == little.T[::2].tobytes()


@pytest.mark.parametrize("dtype", [t for t in files.DTYPES if "c" not in t])
def test_npy_is_read_by_numpy(dtype: str) -> None:
    values = files.made_up(dtype, (5, 7))
    found = np.load(io.BytesIO(encode(values.T, Format.NPY)), allow_pickle=False)
    np.testing.assert_array_equal(found, values.T)
    assert found.dtype == values.dtype.newbyteorder("<")


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (37, 50)])
def test_png_is_read_by_others(shape: tuple[int, int]) -> None:
    codes = files.made_up("u1", shape)
    with Image.open(io.BytesIO(encode(codes, Format.PNG))) as image:
        assert image.mode == "L"
        assert image.size == shape[::-1]
        np.testing.assert_array_equal(np.asarray(image), codes)


@pytest.mark.parametrize(
    ("form", "scaled", "kind"),
    [
        ("raw", False, "application/octet-stream"),
        ("npy", False, "application/octet-stream"),
        ("u8", True, "application/octet-stream"),
        ("png", True, "image/png"),
    ],
)
def test_formats(form: str, scaled: bool, kind: str) -> None:
    assert Format(form).scaled is scaled
    assert Format(form).content_type == kind


@given(
    body=st.binary(max_size=100),
    shape=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
    window=st.none() | st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
    recorded=st.booleans(),
)
def test_a_frame_survives_packing(body: bytes, shape: Any, window: Any, recorded: bool) -> None:
    frame = Frame(body, shape, "float32", window, recorded)
    assert Frame.unpack(frame.pack()) == frame


@pytest.mark.parametrize("length", range(0, len(FRAME.pack().head), 3))
def test_a_frame_whose_head_was_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"^not a frame$"):
        Frame.unpack(HeadedBytes(FRAME.pack().head[:length], FRAME.body))


def test_a_frame_of_another_length_is_refused() -> None:
    for body in (b"", FRAME.body[:-1], FRAME.body + b"x"):
        with pytest.raises(ValueError, match="cut short"):
            Frame.unpack(HeadedBytes(FRAME.pack().head, body))


@pytest.mark.parametrize(
    "head",
    [
        [],
        3,
        None,
        "text",
        {},
        {"shape": [1, 2, 5], "dtype": "u1", "window": None, "demand_recorded": True, "bytes": 0},
        {"shape": None, "dtype": "u1", "window": None, "demand_recorded": True, "bytes": 0},
        {"shape": ["a", 2], "dtype": "u1", "window": None, "demand_recorded": True, "bytes": 0},
        {"shape": [1, 2], "dtype": "u1", "window": [], "demand_recorded": True, "bytes": 0},
        {"shape": [1, 2], "dtype": "u1", "window": 5, "demand_recorded": True, "bytes": 0},
        {"shape": [1, 2], "dtype": "u1", "window": None, "demand_recorded": True},
    ],
    ids=str,
)
def test_what_is_no_frame_is_refused(head: Any) -> None:
    with pytest.raises(ValueError, match="not a frame"):
        Frame.unpack(HeadedBytes(json.dumps(head).encode(), b""))


@pytest.mark.parametrize("head", [b"", b"\n", b"\xff\xfe\n", b"[" * 100_000], ids=len)
def test_noise_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="not a frame"):
        Frame.unpack(HeadedBytes(head, b""))


@pytest.mark.parametrize("dtype", ["u1", "<u2", "<f4", "<f8"])
@pytest.mark.parametrize("format_", [Format.RAW, Format.NPY])
def test_what_is_compressed_is_the_body_sorted_by_bytes(dtype: str, format_: Format) -> None:
    values = np.add.outer(np.arange(50), np.arange(70)).astype(dtype)
    frame = Frame(encode(values, format_), (50, 70), values.dtype.name, None, False)
    packed = compress(frame, format_)
    assert packed is not None
    body, size = packed
    assert size == (values.itemsize if format_ is Format.RAW else 1)
    unpacked = np.frombuffer(gzip.decompress(body), np.uint8)
    assert unpacked.reshape(size, -1).T.tobytes() == frame.body
    assert len(body) < len(frame.body) / 2


def test_what_cannot_be_compressed_is_left_as_it_is() -> None:
    noise = np.random.default_rng(3).bytes(6000)
    assert compress(Frame(noise, (50, 60), "uint16", None, False), Format.RAW) is None
