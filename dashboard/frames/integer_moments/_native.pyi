from typing import Any

import numpy as np
from numpy.typing import NDArray

def add(
    kind: str,
    planes: list[NDArray[Any]],
    sign: int,
    sums: NDArray[Any],
    squares: NDArray[np.float64] | None,
    /,
) -> None: ...
def deviations(
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    planes: float,
    out: NDArray[np.float32],
    /,
) -> None: ...
