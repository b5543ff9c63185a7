"""The error that decoders raise, and the types of their buffers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class CorruptChunk(ValueError):
    """The bytes of a chunk cannot be the output of its filters."""


def as_buffer(data: Any) -> Any:
    """The same object, for functions that accept arrays although their type hints say bytes."""
    return data
