"""Hostile files, each an example of one kind of fault."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import h5py
import numpy as np

# Name of the root in the catalogue.
ROOT: Final = "load"
# Below that folder.
WIDTH: Final = "hostile/width.h5"
SZIP: Final = "hostile/szip.h5"
BUSY: Final = "hostile/busy.h5"
VICTIM: Final = "hostile/victim.h5"
DATASET: Final = "/x"

# Number of sources of a virtual dataset that keeps an HDF5 worker busy for seconds.
SOURCES = 9_900
SHAPES: Final = ((40, 64, 64), (9, 30, 20, 10), (64, 40), (7, 7, 7))


def write_all(folder: Path) -> None:
    """Write all of them below `folder`."""
    below = folder / "hostile"
    below.mkdir(exist_ok=True)
    _write_shuffle_width(below / "width.h5")
    _write_szip_options(below / "szip.h5")
    _write_busy(below)
    replace(folder, 0)


def replace(folder: Path, number: int) -> None:
    """Replace `VICTIM` by a file of another shape, or by one that is truncated."""
    path = folder / VICTIM
    part = path.with_suffix(".part")
    shape = SHAPES[number % len(SHAPES)]
    with h5py.File(part, "w") as file:
        values = np.full(shape, number % 200, "u2")
        file.create_dataset("x", data=values, chunks=(4,) * len(shape), compression="gzip")
    if number % 5 == 4:
        os.truncate(part, 700)
    os.replace(part, path)


def _write_shuffle_width(path: Path) -> None:
    """A shuffle filter with an element width of 2³² - 1 instead of 8."""
    with h5py.File(path, "w") as file:
        values = np.arange(4 * 64 * 64, dtype="f8").reshape(4, 64, 64)
        file.create_dataset("x", data=values, chunks=(1, 64, 64), shuffle=True, compression="lzf")
    content = bytearray(path.read_bytes())
    at = content.index(b"shuffle\0") + len(b"shuffle\0")
    assert content[at : at + 4] == (8).to_bytes(4, "little")
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)


def _write_szip_options(path: Path) -> None:
    """An szip filter with the upper bits of its options mask set."""
    with h5py.File(path, "w") as file:
        values = np.arange(4 * 64 * 64, dtype="u2").reshape(4, 64, 64)
        dataset = file.create_dataset(
            "x", data=values, chunks=(1, 64, 64), compression="szip", compression_opts=("nn", 16)
        )
        options = dataset.id.get_create_plist().get_filter(0)[2]
    content = bytearray(path.read_bytes())
    at = content.index(b"".join(int(n).to_bytes(4, "little") for n in options))
    content[at + 1 : at + 4] = b"\xff\xff\xff"
    path.write_bytes(content)


def _write_busy(folder: Path) -> None:
    """A virtual dataset that is slow to open, with any number of names, since a group contains itself."""
    with h5py.File(folder / "sources.h5", "w", libver="latest") as file:
        dataset = file.create_dataset("x", data=np.zeros((4,), "u1"))
        for number in range(SOURCES):
            file[f"h{number}"] = dataset
    with h5py.File(folder / "busy.h5", "w", libver="latest") as file:
        file["c"] = file["/"]
        layout = h5py.VirtualLayout((SOURCES, 4), "u1")
        for number in range(SOURCES):
            layout[number] = h5py.VirtualSource("sources.h5", f"h{number}", (4,))
        file.create_virtual_dataset("v", layout)
