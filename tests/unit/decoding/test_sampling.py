"""Samples of a volume: whole chunks, the same each time, without what is damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard.decoding.sampling import RUN_VALUES, SAMPLE_VALUES
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


@pytest.mark.parametrize("shape", [(300, 90, 70), (6, 500, 3000), (2000, 5, 7, 11), (900, 1500)])
def test_a_sample_of_contiguous_values_is_runs_of_the_file(
    here: Parts, data: Path, shape: tuple[int, ...]
) -> None:
    numbers = np.arange(np.prod(shape), dtype=">u4").reshape(shape)
    files.write(data / "a.h5", x=numbers)
    volume = here.library.volume("data/a.h5", "x")
    with here.open(volume) as file:
        found, again = (here.readers.of(volume).sample(file, 1) for _ in range(2))
    assert found.dtype == np.dtype("u4")
    assert found.tobytes() == again.tobytes()
    assert len(np.unique(found)) == len(found)
    assert SAMPLE_VALUES / 2 < len(found) < 1.1 * SAMPLE_VALUES
    runs = np.count_nonzero(np.diff(found.astype(np.int64)) != 1) + 1
    assert runs < 2 * SAMPLE_VALUES / RUN_VALUES + 1
    # They are from everywhere.
    thirds = np.histogram(found, 3, (0, numbers.size))[0]
    assert thirds.min() > 0.2 * len(found)


def test_a_sample_is_chosen_without_numpys_random_numbers() -> None:
    """Their import takes longer than a sample, and they stay in memory."""
    script = (
        "import sys\n"
        "from dashboard.addressing.chunk_grid import ChunkGrid\n"
        "from dashboard.decoding.sampling import sample_boxes, sample_runs\n"
        "grid = ChunkGrid((90, 80, 70), (9, 8, 7), 2, 10**6)\n"
        "assert sample_boxes(grid, 1) and sample_runs(grid, 1)\n"
        "assert 'numpy.random' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
