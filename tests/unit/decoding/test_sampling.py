"""Samples of a volume: whole chunks, the same each time, without what is damaged."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests import files
from tests.parts import Parts
from tests.unit.decoding.samples import taken


@pytest.mark.parametrize("rank", [2, 3, 5])
def test_a_sample_is_whole_chunks_and_the_same_each_time(
    here: Parts, data: Path, rank: int
) -> None:
    shape = (9, 10, 7, 3, 2)[:rank]
    values = np.arange(np.prod(shape), dtype=">u4").reshape(shape)
    chunks = (4, 3, 7, 2, 1)[:rank]
    files.write(data / "a.h5", x=(values, {"chunks": chunks, "compression": "gzip"}))
    volume = here.library.volume("data/a.h5", "/x")
    every = taken(here, volume, 10_000, 1)
    assert every.dtype == np.dtype("u4")
    assert sorted(every.tolist()) == list(range(values.size))
    some = taken(here, volume, 3, 1)
    assert some.tolist() == taken(here, volume, 3, 1).tolist()
    assert some.tolist() != taken(here, volume, 3, 2).tolist()
    assert len(set(some.tolist())) == len(some) < values.size


def test_a_sample_leaves_out_what_is_damaged_or_not_there(here: Parts, data: Path) -> None:
    values = np.arange(1, 65, dtype="u2").reshape(8, 8)
    path = files.write(data / "a.h5", x=(values, {"chunks": (4, 4), "compression": "gzip"}))
    files.damage(path, "x", (0, 4))
    files.write(data / "b.h5")
    with h5py.File(data / "b.h5", "a") as file:
        file.create_dataset("x", (8, 8), "i4", chunks=(4, 4), fillvalue=-3)
    damaged = here.library.volume("data/a.h5", "/x")
    assert sorted(taken(here, damaged, 99, 1).tolist()) == sorted(
        values[4:].ravel().tolist() + values[:4, :4].ravel().tolist()
    )
    never = here.library.volume("data/b.h5", "/x")
    assert taken(here, never, 99, 1).tolist() == [-3]
