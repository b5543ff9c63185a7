"""Bricks of an invented volume that has no file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from dashboard.addressing.addresses import BrickAddress, Fingerprint, VolumeAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks.brick import FileBrick
from dashboard.bricks.pending_file import file_bytes
from dashboard.bricks.store import BrickStore

VOLUME = VolumeAddress("data/a.h5", "/x", Fingerprint(1, 2, 3, 4))
DTYPE = np.dtype("u2")
SIDE = 20


def brick_at(plane: int) -> BrickAddress:
    """A brick of four planes of 20 × 20."""
    return BrickAddress(VOLUME, 1, 2, (plane, 0, 0), (plane + 4, SIDE, SIDE))


def values_of(address: BrickAddress) -> Any:
    first = address.start[0] * 1000
    return np.arange(first, first + 4 * SIDE * SIDE, dtype=DTYPE).reshape(4, SIDE, SIDE)


DATA_BYTES = 4 * SIDE * SIDE * 2
FILE_BYTES = file_bytes(brick_at(0), DTYPE.itemsize)


def put(
    store: BrickStore, address: BrickAddress, purpose: Purpose = Purpose.DEMAND, **how: Any
) -> FileBrick:
    """Write a brick as a decoder would."""
    partial = store.begin(address, DTYPE.itemsize, purpose)
    assert partial is not None
    os.pwrite(partial.fd, values_of(address).tobytes(), 0)
    brick = store.commit(partial, DTYPE, how.pop("damaged", ()))
    assert brick is not None
    return brick
