"""A small volume for the tests of the brick loader, and its bricks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests import files
from tests.parts import Parts

SHAPE = (12, 30, 30)
VALUES = files.made_up("<u2", SHAPE)
HOW = {"chunks": (4, 10, 10), "compression": "gzip"}
NBYTES = 4 * 30 * 30 * 2


def brick(here: Parts, plane: int, dataset: str = "x") -> Any:
    """The brick that contains a plane."""
    (address,) = here.bricks("data/a.h5", dataset, f"{plane},:,:")
    return address


def same(found: Any, first: int) -> None:
    """Assert that a loaded brick has four planes from `first` on."""
    for number in range(4):
        np.testing.assert_array_equal(found.brick.plane(number), VALUES[first + number])
