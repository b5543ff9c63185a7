from typing import Any

from numpy.typing import NDArray

from dashboard.codecs.errors import Bytes

def lzf(jobs: list[tuple[Bytes, Bytes, int, int, bool]], /) -> list[tuple[int, int, int]]: ...
def ramp(
    kind: str,
    values: NDArray[Any],
    codes: Bytes,
    low: int,
    high: int,
    shift: float,
    slope: float,
    half: float,
    /,
) -> None: ...
def unshuffle(chunks: list[Bytes], outputs: list[Bytes], width: int, /) -> None: ...
