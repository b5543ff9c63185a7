"""Projections: every reduction of every type against NumPy's, slabs at the ends, and how slices are counted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.selection import parse
from dashboard.frames import cell_reductions, plane_reader, projection, slab_reader
from dashboard.frames.cell_reductions import Reduction
from dashboard.frames.encode import Format
from dashboard.frames.pooling import PoolMode
from dashboard.frames.projection import Projection, parse_projection
from dashboard.frames.renderer import SliceAddress
from dashboard.frames.unpacking import Packing
from tests import files, reference
from tests.parts import Parts, requester
from tests.unit.frames.test_renderer import STORED, items

PLAIN = {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum, "sd": np.std}
SKIPPING = {
    "mean": np.nanmean,
    "max": np.nanmax,
    "min": np.nanmin,
    "sum": np.nansum,
    "sd": np.nanstd,
}


def expected(stack: Any, reduction: Reduction, *, skips: bool = False, axis: int = 0) -> Any:
    """NumPy's reduction in float64 where it is one of floats, in the type of a projection."""
    kind = stack.dtype
    how = (SKIPPING if skips else PLAIN)[reduction]
    wide = (
        stack.astype(np.float64)
        if kind.kind == "f" and reduction in ("mean", "sd", "sum")
        else stack
    )
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = how(wide, axis=axis)
        return found.astype(Projection(reduction, 1, 0).result_dtype(kind))


def reduced(stack: Any, reduction: Reduction, *, skips: bool = False, groups: int = 3) -> Any:
    parts = iter([list(stack[at : at + groups]) for at in range(0, len(stack), groups)])
    asked = Projection(reduction, len(stack), 0, skips)
    return asked.reduce(parts, stack.shape[1:], stack.dtype, lambda values: values)


def tolerance(dtype: np.dtype[Any]) -> dict[str, float]:
    return {"rtol": 8 * float(np.finfo(dtype).eps)} if dtype.kind == "f" else {"rtol": 0}


@pytest.mark.parametrize("reduction", list(Reduction))
@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("dtype", [d for d in files.DTYPES if "c" not in d])
def test_every_type_as_numpy(
    monkeypatch: pytest.MonkeyPatch, dtype: str, reduction: Reduction, skips: bool
) -> None:
    monkeypatch.setattr(projection, "STRIP_CELLS", 40)
    stack = files.shown(files.made_up(dtype, (7, 9, 13)))
    stack = stack.astype(stack.dtype.newbyteorder("="))
    if stack.dtype.kind == "f" and skips:
        stack[np.isinf(stack)] = np.nan
        stack[:, 0, 0] = np.nan
    found, right = reduced(stack, reduction, skips=skips), expected(stack, reduction, skips=skips)
    assert found.dtype == right.dtype
    np.testing.assert_allclose(found, right, **tolerance(found.dtype))


@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_sums_of_as_many_slices_as_may_be(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    """The largest and the smallest values of as many slices as sums of four bytes hold."""
    info = np.iinfo(dtype)
    stack = np.full((cell_reductions.MAX_SLICES, 1, 3), info.max, dtype)
    stack[:, 0, 1] = info.min
    stack[1::2, 0, 2] = info.min
    for reduction in Reduction:
        found = reduced(stack, reduction, groups=len(stack))
        np.testing.assert_allclose(found, expected(stack, reduction), rtol=2e-7)


def test_a_small_deviation_far_from_zero_keeps_its_digits() -> None:
    stack = 1e9 + np.random.default_rng(1).normal(size=(50, 4, 4))
    stack[0, 0, 0] = np.nan
    found = reduced(stack, Reduction.SD, skips=True)
    np.testing.assert_allclose(found, np.nanstd(stack, axis=0), rtol=1e-6)
    assert not reduced(np.full((5, 2, 2), 0.1), Reduction.SD).any()


@pytest.mark.parametrize(
    ("text", "index", "slab"),
    [
        ("mean:1", 4, range(4, 5)),
        ("mean:3", 4, range(3, 6)),
        ("mean:4", 4, range(2, 6)),
        ("mean:4", 0, range(2)),
        ("mean:9", 8, range(4, 9)),
        ("mean:9", 0, range(5)),
        ("mean:10", 0, range(5)),
        ("mean:19", 0, range(9)),
        ("mean:999999999", 8, range(9)),
    ],
)
def test_slabs_are_centred_and_cut(text: str, index: int, slab: range) -> None:
    assert parse_projection(text, 0, 9).slab(index, 9) == slab


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mean",
        "mean:",
        "mean:0",
        "mean:-1",
        "median:3",
        "mean:3:1",
        "max:²",
        "sum:1e3",
    ],
)
def test_malformed_projections_are_refused(text: str) -> None:
    with pytest.raises(errors.BadRequest):
        parse_projection(text, 0, 9)


@pytest.mark.parametrize("max_brick_bytes", [2**26, 2500])
@pytest.mark.parametrize("name", STORED)
def test_however_it_is_stored(
    make_parts: Callable[..., Parts],
    monkeypatch: pytest.MonkeyPatch,
    values: Any,
    name: str,
    max_brick_bytes: int,
) -> None:
    monkeypatch.setattr(slab_reader, "GROUP_BYTES", 2000)
    here = make_parts(max_brick_bytes=max_brick_bytes)
    for text, axis, count in [
        ("4,:,:", 0, 9),
        ("-1,3:17:2,5:30:3", 0, 3),
        ("2:7,11,:", 1, 6),
        (":,:,30", 2, 8),
    ]:
        chosen = list(items(text))
        middle = range(values.shape[axis])[chosen[axis]]
        for reduction in (Reduction.MEAN, Reduction.MAX):
            asked = Projection(reduction, count, axis)
            slab = asked.slab(middle, values.shape[axis])
            chosen[axis] = slice(slab.start, slab.stop)
            right = expected(values[tuple(chosen)], reduction, axis=axis)
            answer = here.frame("data/a.h5", name, text, projection=asked)
            assert answer.frame.dtype == right.dtype.name
            assert answer.frame.body == right.tobytes(), (text, reduction)
        assert here.frame("data/a.h5", name, text, projection=asked).frame_cache_hit


@pytest.mark.parametrize("strip", [1, 10**6])
def test_blocks_are_pooled_after_the_projection(
    make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch, values: Any, strip: int
) -> None:
    monkeypatch.setattr(plane_reader, "STRIP_CELLS", strip)
    here = make_parts(max_brick_bytes=2500)
    asked = Projection(Reduction.SD, 5, 0)
    answer = here.frame("data/a.h5", "gzip", "4,::3,::4", pool=PoolMode.MEAN, projection=asked)
    right = reference.pooled(expected(values[2:7], Reduction.SD), 3, 4, "mean")
    found = np.frombuffer(answer.frame.body, "f4").reshape(answer.frame.shape)
    np.testing.assert_allclose(found, right, rtol=3e-7)


def test_parts_and_missing_values(here: Parts, data: Path) -> None:
    stored = files.made_up("c8", (5, 6, 7))
    packed = files.made_up("i2", (5, 6, 7))
    packed[:, 0, :3] = -9
    packed[2, 1, 1] = -9
    files.write(data / "m.h5", c=(stored, {"chunks": (2, 3, 3)}), p=(packed, {"chunks": (2, 3, 3)}))
    asked = Projection(Reduction.MEAN, 5, 0)
    answer = here.frame("data/m.h5", "c", "2,:,:", projection=asked)
    np.testing.assert_allclose(
        np.frombuffer(answer.frame.body, "f4"), np.abs(stored).mean(0).ravel(), rtol=1e-6
    )
    packing = Packing(False, "float32", 0.5, 3.0, (-9,), (None, None))
    decoded = packing.unpack(packed)
    for reduction in Reduction:
        skipping = Projection(reduction, 5, 0, skips_missing=True)
        answer = here.frame("data/m.h5", "p", "2,:,:", projection=skipping, packing=packing)
        found = np.frombuffer(answer.frame.body, "f4").reshape(6, 7)
        right = expected(decoded, reduction, skips=True)
        np.testing.assert_allclose(found, right, rtol=1e-6)


def test_the_mean_of_gaps_is_no_gap(here: Parts, data: Path) -> None:
    """A mean that equals the fill value is drawn, a largest value that is the fill value is not."""
    with h5py.File(data / "f.h5", "w") as file:
        made = file.create_dataset("x", (2, 4, 4), "i2", chunks=(1, 4, 4), fillvalue=2)
        made[0], made[1] = 1, 3
        made[1, 0, 0] = 2
    how = {"form": Format.U8, "window": (0.0, 4.0)}
    mean = here.frame("data/f.h5", "x", "1,:,:", projection=Projection(Reduction.MEAN, 2, 0), **how)
    assert 255 not in mean.frame.body
    most = here.frame("data/f.h5", "x", "1,:,:", projection=Projection(Reduction.MAX, 2, 0), **how)
    assert most.frame.body.count(255) == 1


def test_windows_of_the_volume(here: Parts, values: Any) -> None:
    plain = here.frame("data/a.h5", "gzip", "4,:,:", Format.U8).frame.window
    assert plain is not None
    found = {
        one: here.frame(
            "data/a.h5", "gzip", "4,:,:", Format.U8, projection=Projection(one, 5, 0)
        ).frame.window
        for one in Reduction
    }
    assert found["mean"] == found["max"] == found["min"] == plain
    assert found["sum"] == (5 * plain[0], 5 * plain[1])
    assert found["sd"] == (0.0, (plain[1] - plain[0]) / 2)


@pytest.mark.parametrize("max_brick_bytes", [2**26, 2500])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4"])
def test_a_slab_that_moves_is_updated(
    make_parts: Callable[..., Parts],
    monkeypatch: pytest.MonkeyPatch,
    data: Path,
    dtype: str,
    max_brick_bytes: int,
) -> None:
    """The values are those of NumPy, and few planes are read for them."""
    stack = files.made_up(dtype, (40, 9, 13))
    files.write(data / "m.h5", x=(stack, {"chunks": (8, 4, 5), "compression": "gzip"}))
    here = make_parts(max_brick_bytes=max_brick_bytes)
    added: list[int] = []
    reduce = Projection.reduce

    def counted(self: Projection, groups: Any, *args: Any) -> Any:
        groups = [group for group in groups if group]
        removed = args[4] if len(args) > 4 else ()
        added.append(sum(map(len, groups)) + len(removed))
        return reduce(self, iter(groups), *args)

    monkeypatch.setattr(Projection, "reduce", counted)
    for index, planes in ((12, 20), (13, 2), (11, 4), (34, 16), (33, 1), (0, 10), (20, 20)):
        for one in (Reduction.MEAN, Reduction.SUM, Reduction.SD, Reduction.MAX):
            asked = Projection(one, 20, 0)
            slab = asked.slab(index, len(stack))
            added.clear()
            answer = here.frame("data/m.h5", "x", f"{index},:,::2", projection=asked)
            right = expected(stack[slab.start : slab.stop, :, ::2], one)
            found = np.frombuffer(answer.frame.body, right.dtype).reshape(right.shape)
            np.testing.assert_allclose(found, right, **tolerance(right.dtype))
            is_kept = cell_reductions.can_subtract(one, stack.dtype)
            assert set(added) == {planes if is_kept else len(slab)}


def test_one_demand_for_each_brick(here: Parts, values: Any) -> None:
    asked = Projection(Reduction.MAX, 9, 0)
    assert here.frame("data/a.h5", "gzip", "4,:,:", projection=asked).outcome == "miss"
    bricks = {
        one.key: one for n in range(9) for one in here.bricks("data/a.h5", "gzip", f"{n},:,:")
    }
    assert here.ledger.counted["bricks.first_wanted"] == len(bricks) == 3
    # The planes that were only reduced were not seen yet.
    assert here.frame("data/a.h5", "gzip", "4,:,:").provenance.seen
    assert not here.frame("data/a.h5", "gzip", "5,:,:").provenance.seen
    again = Projection(Reduction.MIN, 9, 0)
    assert here.frame("data/a.h5", "gzip", "4,:,:", projection=again).outcome == "hit"


def test_too_much_is_refused_before_it_is_decoded(
    here: Parts, values: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = 4 * 20 * 31 * 2
    monkeypatch.setattr(plane_reader, "MAX_DECODED_BYTES", 2 * layer)
    for name in ("gzip", "contiguous"):
        here.frame("data/a.h5", name, "4,:,:", projection=Projection(Reduction.MAX, 5, 0))
        with pytest.raises(errors.TooLarge):
            here.frame("data/a.h5", name, "4,:,:", projection=Projection(Reduction.MAX, 9, 0))
    assert here.ledger.counted["bricks.decoded"] == 2


def test_damage_anywhere_in_the_slab(here: Parts, values: Any, data: Path) -> None:
    with h5py.File(data / "a.h5") as file:
        at = file["gzip"].id.get_chunk_info_by_coord((4, 0, 0)).byte_offset
    with (data / "a.h5").open("r+b") as raw:
        raw.seek(at + 2)
        raw.write(b"\xff" * 8)
    with pytest.raises(errors.CannotShow, match="damaged"):
        here.frame("data/a.h5", "gzip", "2,:,:", projection=Projection(Reduction.MEAN, 5, 0))
    here.frame("data/a.h5", "gzip", "1,:,:", projection=Projection(Reduction.MEAN, 3, 0))


def test_every_projection_has_its_key(here: Parts, values: Any) -> None:
    volume = here.library.volume("data/a.h5", "gzip")
    chosen = parse("4,:,:", volume.shape)
    asked = [
        None,
        Projection(Reduction.MEAN, 3, 0),
        Projection(Reduction.MAX, 3, 0),
        Projection(Reduction.MEAN, 4, 0),
        Projection(Reduction.MEAN, 3, 1),
        Projection(Reduction.MEAN, 3, 0, skips_missing=True),
    ]
    assert len({SliceAddress(volume, chosen, projection=one).key for one in asked}) == len(asked)


def test_a_frame_that_the_page_has_is_demanded_once(here: Parts, values: Any) -> None:
    asked = Projection(Reduction.MAX, 9, 0)
    here.frame("data/a.h5", "gzip", "4,:,:", counted=False, projection=asked)
    volume = here.library.volume("data/a.h5", "gzip")
    address = SliceAddress(volume, parse("4,:,:", volume.shape), projection=asked)
    assert here.reader.cached(address, requester()).outcome == "hit"
    assert here.ledger.counted["bricks.first_wanted"] == 3
    here.reader.cached(address, requester())
    assert here.ledger.counted["bricks.first_wanted"] == 3
