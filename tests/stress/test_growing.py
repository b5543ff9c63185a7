"""A file that its instrument still writes (SWMR): every slice is correct, and growth empties no cache."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.parts import make_children, parts

pytestmark = pytest.mark.stress

STEPS = 40

# Plane n holds n + 1 everywhere; a plane that is not flushed yet holds zeros.
WRITER = f"""
import sys, h5py, numpy as np
file = h5py.File(sys.argv[1], "w", libver="latest")
data = file.create_dataset(
    "x", (4, 300, 200), maxshape=(None, 300, 200), chunks=(4, 50, 50), dtype="u2", compression="gzip"
)
data[:] = np.arange(4)[:, None, None] + 1
file.swmr_mode = True
print("writing", flush=True)
for n in range({STEPS}):
    sys.stdin.readline()
    data.resize(5 + n, 0)
    data[4 + n] = 5 + n
    data.flush()
    print("grown", flush=True)
sys.stdin.readline()
"""


def test_every_slice_of_a_growing_file_is_right(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    path = data / "growing.h5"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    children = make_children([data], tmp_path / "empty")
    outcomes: Counter[tuple[str, str]] = Counter()
    try:
        assert writer.stdout.readline() == "writing\n"
        with parts({"data": data}, tmp_path / "home", children) as made:
            for step in range(STEPS):
                writer.stdin.write("\n")
                writer.stdin.flush()
                assert writer.stdout.readline() == "grown\n"
                last = made.library.volume("data/growing.h5", "/x").shape[0] - 1
                assert last == 4 + step
                for index in (1, last):
                    answer = made.frame("data/growing.h5", "/x", f"{index},:,:")
                    assert set(np.frombuffer(answer.frame.body, "<u2")) == {index + 1}
                    outcomes["first" if index == 1 else "last", answer.outcome] += 1
        # The first brick's chunks never move: it was decoded once while the file grew around it.
        assert outcomes["first", "miss"] == 1
        assert outcomes["last", "miss"] == STEPS
    finally:
        writer.communicate("\n" * STEPS)
        children.close()
