from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from dashboard.codecs.errors import Bytes

STREAM_BYTES: int
GROUP_BYTES: int
SLACK_BYTES: int

class Stream:
    def __init__(self, codec: int, size: int) -> None: ...
    @property
    def fed(self) -> int: ...

def inflates() -> bool: ...
def decode(
    codec: int,
    width: int,
    checksum: bool,
    source: int | list[Bytes],
    offsets: NDArray[Any] | None,
    sizes: NDArray[Any] | None,
    outs: list[Bytes],
    streams: Sequence[Stream] | None,
    until: int,
    share: float,
    scratch: Bytes,
    /,
) -> tuple[list[int], int, float, float]: ...
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
def unshuffle(chunk: Bytes, output: Bytes, width: int, /) -> None: ...
