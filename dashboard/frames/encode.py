"""Encoding of frames for transfer and for the frame cache."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dashboard.frames.quantize import Window
from dashboard.storage.bytes_cache import HeadedBytes

# No page asks for more at rest; compressing takes a copy, and a second for some 150 MB.
MOST_COMPRESSED_BYTES = 64 * 2**20


class Format(StrEnum):
    """Encoding of a slice."""

    RAW = "raw"
    U8 = "u8"
    NPY = "npy"
    PNG = "png"

    @property
    def scaled(self) -> bool:
        """Whether the values are mapped through window and norm."""
        return self in (Format.U8, Format.PNG)

    @property
    def content_type(self) -> str:
        """The media type."""
        return "image/png" if self is Format.PNG else "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Frame:
    """An encoded slice: its bytes and the values of its headers.

    `shape` has rows, columns and, in colours, channels. `demand_recorded` says that it was rendered for a viewer's
    demand, which its bricks' usage records have.
    """

    body: bytes
    shape: tuple[int, ...]
    dtype: str
    window: Window | None
    demand_recorded: bool

    def pack(self) -> HeadedBytes:
        """For the frame cache: the body with a head of JSON."""
        head = {
            "shape": self.shape,
            "dtype": self.dtype,
            "window": self.window,
            "demand_recorded": self.demand_recorded,
            "bytes": len(self.body),
        }
        return HeadedBytes(json.dumps(head).encode(), self.body)

    @classmethod
    def unpack(cls, packed: HeadedBytes) -> Frame:
        """Parse the output of `pack`; `ValueError` for anything else."""
        try:
            head = json.loads(packed.head)
            rows, cols, *channels = map(int, head["shape"])
            window = head["window"]
            frame = cls(
                packed.body,
                (rows, cols, *channels),
                str(head["dtype"]),
                None if window is None else (float(window[0]), float(window[1])),
                bool(head["demand_recorded"]),
            )
            nbytes = head["bytes"]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise ValueError("not a frame") from error
        if channels not in ([], [3], [4]):
            raise ValueError("not a frame")
        if nbytes != len(packed.body):
            raise ValueError("a frame that was cut short")
        return frame


def encode(values: NDArray[Any], format_: Format) -> bytes:
    """Encode rows, columns and, in colours, channels from the top, little-endian; PNG needs uint8."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    if format_ is Format.PNG:
        # Level 1: a third of the time of level 6 for a tenth more bytes.
        return bytes(imagecodecs.png_encode(little, level=1))
    if format_ is Format.NPY:
        head = io.BytesIO()
        header = np.lib.format.header_data_from_array_1_0(little)
        np.lib.format.write_array_header_1_0(head, header)
        # One copy of the values, where NumPy's own function makes three.
        return b"".join((head.getvalue(), little.data))
    return little.tobytes()


def compress(frame: Frame, format_: Format) -> tuple[bytes, int] | None:
    """The body in gzip, and the bytes of a value by which it was shuffled (1: it was not).

    Shuffled are raw values of several bytes: all their first bytes, then all their second ones. None where the
    body gets no shorter, or has more than `MOST_COMPRESSED_BYTES`.
    """
    if len(frame.body) > MOST_COMPRESSED_BYTES:
        return None
    size = np.dtype(frame.dtype).itemsize if format_ is Format.RAW else 1
    body = frame.body
    if size > 1:
        body = np.frombuffer(body, np.uint8).reshape(-1, size).T.tobytes()
    # Level 6 takes twice as long for at most 3 % fewer bytes.
    packed = bytes(imagecodecs.gzip_encode(body, level=1))
    return (packed, size) if len(packed) < len(frame.body) else None
