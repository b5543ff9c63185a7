"""The volumes of the load: small ones, whose slices are all cached before anything is measured."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import h5py
import numpy as np

from bench.volumes import slab

ROOT: Final = "load"
# A frame of 8 bits has 0.46 MB.
SHAPE: Final = (40, 680, 680)
CHUNKS: Final = (20, 85, 85)


def targets(volume: int, viewer: str, first: int = 0) -> list[str]:
    """The addresses of all slices across the first axis of a volume; a script's without `viewer`."""
    query = {"file": f"{ROOT}/{volume}.h5", "dataset": "volume", "format": "u8"}
    if viewer:
        query["viewer"] = viewer
    return [
        "/api/v1/slice?" + urlencode(query | {"selection": f"{(first + n) % SHAPE[0]},:,:"})
        for n in range(SHAPE[0])
    ]


def write(
    paths: list[Path], shape: tuple[int, ...] = SHAPE, chunks: tuple[int, ...] = CHUNKS
) -> None:
    """Volumes with equal values."""
    with h5py.File(paths[0], "w") as file:
        dataset = file.create_dataset("volume", shape, "u2", chunks=chunks, compression="gzip")
        for at in range(0, shape[0], chunks[0]):
            dataset[at : at + chunks[0]] = slab(shape, at, np.dtype("u2"))[: chunks[0]]
    for path in paths[1:]:
        shutil.copyfile(paths[0], path)
