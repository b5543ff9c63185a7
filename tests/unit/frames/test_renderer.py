"""Frames: their values for every storage layout, and requests that are refused before a read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.selection import parse
from dashboard.frames import plane_reader as module
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.encode import Format
from dashboard.frames.pooling import PoolMode
from dashboard.frames.quantize import Norm
from dashboard.frames.renderer import SliceAddress
from dashboard.meter import recording
from tests import files, reference
from tests.parts import Parts

CASES = [
    "0,:,:",
    "-1,:,:",
    "4,3:17,5:30",
    "4,3:17:2,5:30:3",
    "8,19:,30:",
    "2,::100,::100",
    ":,0,:",
    "1:8:3,-1,2:29:5",
    ":,:,0",
    "::4,::7,-1",
    "3:4,5,6:7",
]


def items(text: str) -> tuple[int | slice, ...]:
    return tuple(
        slice(*(int(n) if n else None for n in field.split(":"))) if ":" in field else int(field)
        for field in text.split(",")
    )


STORED = [
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
]


@pytest.mark.parametrize("max_brick_bytes", [2**26, 2500])
@pytest.mark.parametrize("name", STORED)
def test_however_it_is_stored(
    make_parts: Callable[..., Parts], values: Any, name: str, max_brick_bytes: int
) -> None:
    here = make_parts(max_brick_bytes=max_brick_bytes)
    for text in CASES:
        expected = values[items(text)]
        for _ in range(2):
            answer = here.frame("data/a.h5", name, text)
            assert answer.frame.body == expected.tobytes(), text
            assert answer.frame.shape == expected.shape
            assert answer.frame.dtype == "uint16"
            assert answer.frame.window is None
        # To store what lies in the file as it is shown takes longer than to render it.
        volume = here.library.volume("data/a.h5", name)
        direct = volume.reads_planes_directly(parse(text, volume.shape))
        assert answer.frame_cache_hit is not direct
        assert answer.outcome == "hit"


@pytest.mark.parametrize("dtype", files.DTYPES)
def test_every_type_and_every_part(here: Parts, data: Path, dtype: str) -> None:
    stored = files.made_up(dtype, (4, 9, 10))
    files.write(data / "t.h5", x=(stored, {"chunks": (2, 4, 5), "compression": "gzip"}), y=stored)
    for name in "xy":
        for part in ComplexPart:
            answer = here.frame("data/t.h5", name, "3,:,1:", part=part)
            expected = files.shown(stored[3, :, 1:], part.value)
            assert answer.frame.body == expected.tobytes(), (name, part)
            assert answer.frame.dtype == expected.dtype.name


@pytest.mark.parametrize("name", ["gzip", "contiguous", "blosc2"])
@pytest.mark.parametrize("strip", [1, 60, 10**6])
@pytest.mark.parametrize("pool", [PoolMode.MEAN, PoolMode.MAX])
def test_pooling_in_strips(
    make_parts: Callable[..., Parts],
    values: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    strip: int,
    pool: PoolMode,
) -> None:
    monkeypatch.setattr(module, "STRIP_CELLS", strip)
    here = make_parts(max_brick_bytes=2500)
    for text in CASES:
        chosen = items(text)
        steps = [item.step or 1 for item in chosen if isinstance(item, slice)]
        whole = tuple(slice(i.start, i.stop) if isinstance(i, slice) else i for i in chosen)
        expected = reference.pooled(values[whole], *steps, pool.value)
        answer = here.frame("data/a.h5", name, text, pool=pool)
        assert answer.frame.dtype == expected.dtype.name
        found = np.frombuffer(answer.frame.body, expected.dtype).reshape(answer.frame.shape)
        np.testing.assert_allclose(found, expected, rtol=3e-7)


@pytest.mark.parametrize("norm", list(Norm))
@pytest.mark.parametrize("window", ["slice", (5.0, 50000.0)])
@pytest.mark.parametrize("pool", list(PoolMode))
def test_codes(here: Parts, values: Any, norm: Norm, window: Any, pool: PoolMode) -> None:
    answer = here.frame(
        "data/a.h5", "gzip", "4,::2,::3", Format.U8, window=window, norm=norm, pool=pool
    )
    cells = reference.pooled(values[4], 2, 3, pool.value)
    ends = reference.own_window(cells, norm.value) if window == "slice" else window
    assert answer.frame.window == pytest.approx(ends)
    assert answer.frame.dtype == "uint8"
    expected, near = reference.codes(cells, answer.frame.window, norm.value)
    found = np.frombuffer(answer.frame.body, np.uint8).reshape(answer.frame.shape)
    reference.check_codes(found, expected, near)


@pytest.mark.parametrize("name", ["float", "integer", "contiguous"])
def test_fill_values_are_gaps(here: Parts, data: Path, name: str) -> None:
    with h5py.File(data / "f.h5", "w") as file:
        for key, dtype in (("float", "f4"), ("integer", "i2")):
            chunks = (2, 5, 5)
            made = file.create_dataset(key, (4, 10, 10), dtype, chunks=chunks, fillvalue=-9)
            made[1, 2:8, 2:8] = np.arange(36).reshape(6, 6) - 18
        made = file.create_dataset("contiguous", (4, 10, 10), "f8", fillvalue=-9)
        made[1, 2:8, 2:8] = np.arange(36).reshape(6, 6) - 18
        stored = made[()]
    answer = here.frame("data/f.h5", name, "1,:,:", Format.U8, window="slice")
    assert answer.frame.window == (-18.0, 17.0)
    expected, near = reference.codes(stored[1], (-18.0, 17.0), "linear", -9)
    assert (expected == 255).sum() == 65
    found = np.frombuffer(answer.frame.body, np.uint8).reshape(10, 10)
    reference.check_codes(found, expected, near)
    raw = here.frame("data/f.h5", name, "1,:,:")
    assert -9 in np.frombuffer(raw.frame.body, raw.frame.dtype)


def test_the_library_s_own_zero_is_no_gap(here: Parts, data: Path) -> None:
    files.write(data / "f.h5", x=(np.zeros((2, 4, 4), "u2"), {"chunks": (1, 4, 4)}))
    answer = here.frame("data/f.h5", "x", "1,:,:", Format.U8, window=(-1.0, 1.0))
    assert set(answer.frame.body) == {127}


def test_a_complex_fill_value_is_no_gap_elsewhere(here: Parts, data: Path) -> None:
    nan = complex(np.nan, np.nan)
    stored = np.array([[[-1, 1, 1j, nan], [-1, -1, 2, -1j]]], "c8")
    files.write(data / "c.h5", x=(stored, {"chunks": (1, 2, 2), "fillvalue": -1 + 0j}))
    gaps = {
        part: [
            code == 255
            for code in here.frame(
                "data/c.h5", "x", "0,:,:", Format.U8, window=(-4.0, 4.0), part=part
            ).frame.body
        ]
        for part in ComplexPart
    }
    assert set(map(tuple, gaps.values())) == {(True, False, False, True, True, True, False, False)}
    raw = here.frame("data/c.h5", "x", "0,:,:")
    np.testing.assert_array_equal(np.frombuffer(raw.frame.body, "f4"), np.abs(stored).ravel())


def test_what_is_too_large_is_refused_before_anything_is_read(
    make_parts: Callable[..., Parts], values: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make_parts(max_cells=600)

    def decode(*_: Any) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(here.loader, "load", decode)
    with pytest.raises(errors.TooLarge, match="620 cells and one answer at most 600"):
        here.frame("data/a.h5", "gzip", "0,:,:")
    with pytest.raises(errors.TooLarge, match="620 cells"):
        here.frame("data/a.h5", "contiguous", "0,:,:")
    small = SliceAddress(here.library.volume("data/a.h5", "gzip"), parse("0,:,:", (9, 20, 31)))
    with pytest.raises(errors.TooLarge, match="620 cells"):
        here.reader.check_cells(small)
    with pytest.raises(errors.TooLarge, match="pooled from 620 voxels"):
        here.frame("data/a.h5", "gzip", "0,::20,::31", pool=PoolMode.MAX)
    monkeypatch.setattr(module, "MAX_DECODED_BYTES", 100)
    with pytest.raises(errors.TooLarge, match="GiB decoded"):
        here.frame("data/a.h5", "gzip", "0,0:2,0:2")
    monkeypatch.undo()
    assert here.frame("data/a.h5", "gzip", "0,::2,:", pool=PoolMode.MAX).frame.shape == (10, 31)


def test_small_files_with_huge_planes_are_refused_at_once(
    make_parts: Callable[..., Parts], data: Path
) -> None:
    here = make_parts()
    files.declare(
        data / "bomb.h5",
        {
            "wide": ((10, 10**7, 10**7), "f8", (1, 1000, 1000)),
            "grains": ((2, 2**18, 2**18), "u1", (1, 1, 1)),
        },
    )
    for name in ("wide", "grains"):
        for pool in PoolMode:
            for text in ("0,:,:", "0,::10000,::10000"):
                with pytest.raises(errors.TooLarge):
                    here.frame("data/bomb.h5", name, text, pool=pool)
        answer = here.frame("data/bomb.h5", name, "0,5:7,5:8")
        assert answer.frame.shape == (2, 3)
        assert set(answer.frame.body) == {0}


def test_a_damaged_chunk_hurts_only_who_looks_at_it(here: Parts, values: Any, data: Path) -> None:
    files.damage(data / "a.h5", "gzip", (4, 7, 8))
    with pytest.raises(errors.CannotShow) as caught:
        here.frame("data/a.h5", "gzip", "5,:,:")
    assert caught.value.message.startswith(
        "The chunk at [4, 7, 8] of '/gzip' in 'data/a.h5' is damaged: its bytes cannot be decoded"
    )
    with pytest.raises(errors.CannotShow):
        here.frame("data/a.h5", "gzip", "5,7:8,15:16")
    for text in ("5,:7,:", "5,14:,:", "5,:,:8", "5,:,16:", "3,:,:", "8,:,:", ":,6,:", ":,:,16"):
        answer = here.frame("data/a.h5", "gzip", text)
        assert answer.frame.body == values[items(text)].tobytes(), text


def test_the_stages_of_a_frame_add_up(here: Parts, values: Any) -> None:
    here.index(here.library.volume("data/a.h5", "gzip"))
    with recording("cache") as record:
        here.frame("data/a.h5", "gzip", "1,:,:", Format.U8, window="slice")
    assert {"read", "decode", "index", "scale", "encode"} <= set(record.seconds)
    assert sum(record.seconds.values()) == pytest.approx(record.total_s, rel=0.05)


def test_a_file_that_is_replaced_again_and_again_never_gives_old_values(
    here: Parts, data: Path
) -> None:
    how = {"chunks": (1, 8, 8), "compression": "gzip"}
    path = data / "r.h5"
    for n in range(12):
        if n % 3:
            files.write(path, x=(np.full((3, 16, 16), n), how), y=np.full((3, 16, 16), n))
        else:
            path.unlink(missing_ok=True)
            files.write(
                data / "new.h5", x=(np.full((3, 16, 16), n), how), y=np.full((3, 16, 16), n)
            )
            (data / "new.h5").rename(path)
        for name in "xy":
            for text in ("1,:,:", ":,:,3"):
                answer = here.frame("data/r.h5", name, text)
                assert set(np.frombuffer(answer.frame.body, "i8")) == {n}


def test_a_file_that_changes_between_two_bricks_gives_no_mixture(
    make_parts: Callable[..., Parts], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = make_parts(max_brick_bytes=600)
    how = {"chunks": (1, 8, 8), "compression": "gzip"}
    path = files.write(data / "m.h5", x=(np.full((3, 40, 40), 1), how))
    fetch = here.loader.get_or_decode
    seen: list[Any] = []

    def meddling(*arguments: Any, **options: Any) -> Any:
        seen.append(arguments)
        if len(seen) == 3:
            files.write(path, x=(np.full((3, 40, 40), 2), how))
        return fetch(*arguments, **options)

    monkeypatch.setattr(here.loader, "get_or_decode", meddling)
    mixed = None
    with suppress(errors.Changed):
        mixed = here.frame("data/m.h5", "x", "1,:,:").frame.body
    assert mixed is None
    assert len(seen) == 3
    again = here.frame("data/m.h5", "x", "1,:,:").frame.body
    assert set(np.frombuffer(again, "i8")) == {2}
