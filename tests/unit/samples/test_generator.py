"""Sample volumes: complete, readable, reproducible, and never half written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.errors import SetupError
from dashboard.samples import generator
from dashboard.samples.generator import Chunks, to_dtype, write_sample
from dashboard.samples.phantom import Phantom


def read(path: Path) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    with h5py.File(path) as file:
        dataset = file[generator.DATASET]
        about = {
            "chunks": dataset.chunks,
            "gzip": dataset.compression_opts if dataset.compression == "gzip" else None,
            **dataset.attrs,
        }
        return dataset[...], about


@pytest.mark.parametrize(
    ("shape", "dtype", "chunks"),
    [
        ((40, 50, 60), "uint16", (16, 13, 7)),
        ((33, 44, 55), "uint8", "auto"),
        ((70, 90), "int16", (32, 32)),
        ((3, 20, 30, 40), "float32", (2, 8, 30, 16)),
        ((2, 2, 9, 10, 11), "uint16", (1, 2, 9, 10, 11)),
        ((20, 20, 20), "float16", (1, 20, 20)),
        ((20, 20, 20), ">u2", "auto"),
        ((20, 20, 20), "bool", (20, 20, 20)),
        ((1, 1), "uint16", (1, 1)),
    ],
)
def test_h5py_reads_what_was_computed(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, chunks: Chunks
) -> None:
    path = tmp_path / "s.h5"
    write_sample(path, shape, dtype, chunks)
    values, about = read(path)
    assert values.shape == shape
    assert values.dtype == np.dtype(dtype)
    assert about["gzip"] == generator.GZIP_LEVEL
    assert chunks in ("auto", about["chunks"])
    assert len(about["element_size_um"]) == len(shape)
    assert about["units"] == "counts"


def test_every_voxel_is_where_it_belongs(tmp_path: Path) -> None:
    """Small boxes, several threads and chunks that stick out at all edges, against one whole box."""
    shape = (30, 41, 37)
    write_sample(tmp_path / "s.h5", shape, "uint16", (7, 8, 9))
    values, _ = read(tmp_path / "s.h5")
    whole = Phantom(shape).density(slice(0, 30), slice(0, 41))
    # The noise depends on how the work was cut; the body does not.
    assert np.abs(values - to_dtype(whole, np.dtype("u2")).astype(float)).max() < 0.03 * 2**16


def test_it_looks_like_something() -> None:
    density = Phantom((64, 96, 96)).density(slice(32, 33), slice(0, 96))[0]
    assert density[0, 0] < 0.02
    assert density[48, 48] > 0.1
    assert 0.15 < density.mean() < 0.6
    assert np.isfinite(density).all()


def test_series_move(tmp_path: Path) -> None:
    write_sample(tmp_path / "s.h5", (2, 24, 32, 32), "float32")
    values, _ = read(tmp_path / "s.h5")
    assert np.abs(values[0] - values[1]).max() > 0.02  # ten times what the noise would make


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        write_sample(tmp_path / name, (20, 30, 40), "uint16", (8, 8, 8))
    first, second = (read(tmp_path / name)[0] for name in ("a.h5", "b.h5"))
    np.testing.assert_array_equal(first, second)


def test_about_half_stays_after_gzip(tmp_path: Path) -> None:
    write_sample(tmp_path / "s.h5", (64, 320, 320), "uint16", (32, 43, 43))
    share = (tmp_path / "s.h5").stat().st_size / (64 * 320 * 320 * 2)
    assert 0.45 < share < 0.65


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_sample(
        tmp_path / "s.h5", (20, 30, 40), "uint16", (8, 8, 8), lambda *step: seen.append(step)
    )
    assert seen[-1] == (48_000, 48_000)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("shape", "dtype", "chunks", "reason"),
    [
        ((10,), "uint16", "auto", "2 to 8 dimensions"),
        ((1,) * 9, "uint16", "auto", "2 to 8 dimensions"),
        ((10, 0), "uint16", "auto", "at least 1"),
        ((10, 10), "S4", "auto", "type of a sample"),
        ((10, 10), "complex64", "auto", "type of a sample"),
        ((10, 10), "no such type", "auto", "type of a sample"),
        ((10, 10), "uint16", (5,), "as many dimensions"),
        ((10, 10), "uint16", (11, 5), "at most the size"),
        ((10, 10), "uint16", (0, 5), "at least 1 voxel"),
    ],
)
def test_what_makes_no_volume_is_refused(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, chunks: Chunks, reason: str
) -> None:
    with pytest.raises(SetupError, match=reason):
        write_sample(tmp_path / "s.h5", shape, dtype, chunks)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SetupError, match="more than is free"):
        write_sample(tmp_path / "s.h5", (20, 30, 40))


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / "s.h5", (20, 30, 40), "uint16", (8, 8, 8), interrupt)
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot be written"):
        write_sample(tmp_path / "file" / "s.h5", (20, 30, 40))


def test_others_may_read_it(tmp_path: Path) -> None:
    write_sample(tmp_path / "s.h5", (10, 10))
    assert os.stat(tmp_path / "s.h5").st_mode & 0o777 == 0o644
