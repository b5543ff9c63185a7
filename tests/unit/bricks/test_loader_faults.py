"""Bricks are correct or refused when files change, chunks are damaged or disks are full."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks.brick import FileBrick, SinglePlaneBrick
from dashboard.bricks.loader import CacheFull
from dashboard.catalog.volume_file import VolumeFile
from dashboard.codecs import compiled
from dashboard.decoding import timed_read
from tests import database, files
from tests.parts import Parts
from tests.small_volume import HOW, NBYTES, SHAPE, VALUES, brick, same

pytestmark = pytest.mark.usefixtures("volume_file")


def test_a_brick_of_an_older_state_is_refused(here: Parts, data: Path) -> None:
    old = brick(here, 0)
    here.load(old)
    files.write(data / "a.h5", x=(VALUES + 1, HOW))
    with pytest.raises(errors.Changed):
        here.load(old)
    new = brick(here, 0)
    found = here.load(new)
    assert found.outcome == "miss"
    np.testing.assert_array_equal(found.brick.plane(0), VALUES[0] + 1)


@pytest.mark.parametrize("dataset", ["x", "b"])
def test_a_change_while_it_is_decoded_keeps_nothing(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch, dataset: str
) -> None:
    address = brick(here, 0, dataset)
    here.index(here.library.volume("data/a.h5", "x"))
    verify = VolumeFile.ensure_unchanged

    def meddling(file: VolumeFile) -> None:
        # Asked for after the read.
        os.utime(data / "a.h5")
        verify(file)

    monkeypatch.setattr(VolumeFile, "ensure_unchanged", meddling)
    with pytest.raises(errors.Changed):
        here.load(address)
    assert here.disk.totals() == (0, 0)
    assert list((here.home / "partial").iterdir()) == []
    assert list((here.home / "locks").iterdir()) == []


def test_a_damaged_chunk_is_kept_with_the_brick(here: Parts, data: Path) -> None:
    files.damage(data / "a.h5", "x", (4, 10, 20))
    first = here.load(brick(here, 4))
    again = here.load(brick(here, 4))
    assert [b.origin for b in first.brick.damaged_chunks] == [(4, 10, 20)]
    assert again.brick.damaged_chunks == first.brick.damaged_chunks


def test_without_space_demand_gets_its_plane_and_nothing_is_kept(
    make_parts: Callable[..., Parts],
) -> None:
    here = make_parts(floor=2**60)
    for dataset in ("x", "b"):
        address = brick(here, 6, dataset)
        found = here.load(address, plane=2, counted=True)
        assert isinstance(found.brick, SinglePlaneBrick)
        assert found.outcome == "miss"
        np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
        for purpose in (Purpose.PREFETCH_MOVING, Purpose.PREFETCH_IDLE, Purpose.WARMUP):
            with pytest.raises(CacheFull):
                here.load(address, purpose)
    assert here.disk.totals() == (0, 0)
    assert list((here.home / "partial").iterdir()) == []


def test_without_space_planes_of_more_dimensions_are_right(
    make_parts: Callable[..., Parts], data: Path
) -> None:
    here = make_parts(floor=2**60)
    values = files.made_up("<i2", (3, 4, 7, 5, 6))
    chunks = (2, 3, 7, 2, 6)
    how = {"chunks": chunks, **files.CHUNKED["blosc2"]}
    files.write(data / "deep.h5", fast=(values, {"chunks": chunks}), slow=(values, how))
    for dataset in ("fast", "slow"):
        answer = here.frame("data/deep.h5", dataset, "2,:,5,1,:")
        assert answer.frame.body == values[2, :, 5, 1, :].tobytes(), dataset


def test_a_brick_too_large_for_the_cache_is_shown_uncached(
    make_parts: Callable[..., Parts],
) -> None:
    here = make_parts(limit=NBYTES // 2)
    found = here.load(brick(here, 6), plane=2)
    np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
    assert here.disk.totals() == (0, 0)


@pytest.mark.parametrize("dataset", ["x", "b"])
def test_a_disk_that_fills_up_while_a_brick_is_written(
    here: Parts, monkeypatch: pytest.MonkeyPatch, dataset: str
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    address = brick(here, 6, dataset)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        patch.setattr(os, "posix_fallocate", full)
        found = here.load(address, plane=2)
    np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
    assert here.disk.totals() == (0, 0)
    assert list((here.home / "partial").iterdir()) == []
    # It rests for a while before it tries to write again.
    assert isinstance(here.load(address, plane=2).brick, SinglePlaneBrick)


def test_a_source_that_cannot_be_read_is_no_full_disk_and_no_damage(
    here: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int, offsets: list[int], buffers: Any) -> tuple[list[int], float, float]:
        return [-errno.EIO] * len(offsets), 0.0, 0.0

    address = brick(here, 0)
    with monkeypatch.context() as patch:
        patch.setattr(timed_read, "read_into", fail)
        # Chunks that are read together would be read elsewhere.
        patch.setattr(compiled, "available", lambda: False)
        with pytest.raises(errors.Busy, match="try again"):
            here.load(address)
    assert here.disk.totals() == (0, 0)
    found = here.load(address)
    assert isinstance(found.brick, FileBrick), "it took the disk for full"
    assert not found.brick.damaged_chunks


def test_a_cache_that_cannot_be_written_is_done_without(here: Parts) -> None:
    with database.unreachable(here.disk):
        found = here.load(brick(here, 6), plane=2)
        np.testing.assert_array_equal(found.brick.plane(2), VALUES[6])
    same(here.load(brick(here, 4)), 4)


def test_a_virtual_dataset_changes_with_its_sources(here: Parts, data: Path) -> None:
    with h5py.File(data / "v.h5", "w") as file:
        layout = h5py.VirtualLayout(SHAPE, "<u2")
        layout[...] = h5py.VirtualSource("a.h5", "x", SHAPE)
        file.create_virtual_dataset("v", layout)
    (old,) = here.bricks("data/v.h5", "v", "0,:,:")
    np.testing.assert_array_equal(here.load(old).brick.plane(0), VALUES[0])
    files.write(data / "a.h5", x=(VALUES + 1, HOW))
    with pytest.raises(errors.Changed):
        here.load(old)
    (new,) = here.bricks("data/v.h5", "v", "0,:,:")
    assert new.key != old.key
    np.testing.assert_array_equal(here.load(new).brick.plane(0), VALUES[0] + 1)


def test_an_address_made_up_is_refused(here: Parts) -> None:
    address = brick(here, 0)
    made_up = replace(address, volume=replace(address.volume, sources="x"))
    with pytest.raises(errors.Changed):
        here.load(made_up)
    assert here.disk.totals() == (0, 0)
