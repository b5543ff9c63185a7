"""What a decoder raises, and what it decodes from and into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class CorruptChunk(ValueError):
    """A chunk's bytes are not what its filters write."""
