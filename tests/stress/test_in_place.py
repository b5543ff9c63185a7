"""A file whose instrument writes uncompressed planes in place (SWMR): slices show the written values."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.parts import make_children, parts

pytestmark = pytest.mark.stress

# All planes are there from the start; for each line plane n gets the value n + 1, in a chunk of four.
WRITER = """
import sys, h5py, numpy as np
for first in (1, 101):
    with h5py.File(sys.argv[1], "w", libver="latest", locking=False) as file:
        how = {"chunks": (4, 20, 20), "dtype": "u2"}
        plain = file.create_dataset("plain", (8, 40, 40), **how)
        mixed = file.create_dataset("mixed", (8, 40, 40), shuffle=True, fletcher32=True, **how)
        file.swmr_mode = True
        for n in range(8):
            for data in (plain, mixed):
                data[n] = first + n
                data.flush()
            print("written", flush=True)
            sys.stdin.readline()
"""


def test_planes_that_are_written_in_place_are_seen(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    children = make_children([folder], tmp_path / "empty")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder / "a.h5")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    with writer, parts({"data": folder}, tmp_path / "home", children) as here:
        for first in (1, 101):
            for n in range(8):
                assert writer.stdout.readline() == "written\n"
                for name in ("plain", "mixed"):
                    for plane in range(8):
                        answer = here.frame("data/a.h5", name, f"{plane},:,:")
                        seen = set(np.frombuffer(answer.frame.body, "u2"))
                        assert seen == {first + plane if plane <= n else 0}, (name, plane, n)
                writer.stdin.write("\n")
                writer.stdin.flush()
    assert writer.returncode == 0
    children.close()
