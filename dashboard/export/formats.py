"""The file formats of exported parts: what stands before and after the values, and how these are written.

The formats but CSV have the values as one block of bytes, so that a file is streamed without being on a disk, and
its size is known before.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import CannotShow

# Below 4 GiB by the size of a large TIFF's directories, as in tifffile.
CLASSIC_TIFF_BYTES: Final = 2**32 - 2**25
# Each page has a directory of a few hundred bytes, which are made before the first byte is sent.
MAX_TIFF_PAGES: Final = 100_000

# Lengths in metres, of those units in which voxels are given.
METRES: Final = {
    "m": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,
    "μm": 1e-6,
    "micron": 1e-6,
    "micrometer": 1e-6,
    "micrometre": 1e-6,
    "nm": 1e-9,
    "pm": 1e-12,
    "angstrom": 1e-10,
    "Å": 1e-10,
}


@dataclass(frozen=True, slots=True)
class Axis:
    """A dimension of a part: its name, and the distance of its voxels with the unit; empty or None if unknown."""

    name: str = ""
    step: float | None = None
    unit: str = ""

    @property
    def metres(self) -> float | None:
        """The distance of voxels in metres; None where it is unknown or no length."""
        scale = METRES.get(self.unit) or METRES.get(self.unit.lower().removesuffix("s"))
        return None if scale is None or not self.step else abs(self.step) * scale


def to_bytes(dtype: np.dtype[Any]) -> Callable[[NDArray[Any]], bytes]:
    """Values as their bytes in `dtype`, which is that of the array but for the order of bytes."""
    return lambda values: np.ascontiguousarray(values, dtype).tobytes()


@dataclass(frozen=True, slots=True)
class Container:
    """A file without its values: they are written by `encode`, between `head` and `tail`.

    `nbytes` is the size of the values in the file, None where that is not known before.
    """

    head: bytes
    tail: bytes
    nbytes: int | None
    encode: Callable[[NDArray[Any]], bytes] = field(compare=False)

    @property
    def size(self) -> int | None:
        """The size of the file (bytes)."""
        return None if self.nbytes is None else len(self.head) + self.nbytes + len(self.tail)


def npy(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Container:
    """A NumPy file in C order, little-endian."""
    little = dtype.newbyteorder("<")
    header = {"descr": little.str, "fortran_order": False, "shape": shape}
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, header)
    return Container(out.getvalue(), b"", prod(shape) * dtype.itemsize, to_bytes(little))


def tiff(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    axes: tuple[Axis, ...],
    channels: int | None = None,
) -> Container:
    """A TIFF with a page for each plane, uncompressed; bool as uint8.

    `channels` is the place in the shape of three colours, or four with opacity: after rows and columns, or before
    them. The resolution is that of `axes`, in voxels per centimetre; with the unit and the distance of pages it is
    in ImageJ's and tifffile's description as well. Raises `CannotShow` for a type that TIFF does not have.
    """
    # It takes 0.1 s to import.
    import tifffile  # noqa: PLC0415

    kind = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("<")
    if kind.kind not in "iufc" or kind.itemsize > 16 or (kind.kind == "f" and kind.itemsize > 8):
        raise CannotShow(f"TIFF has no values of type {dtype.name}; choose NPY or HDF5.")
    colors = _colors(shape, channels)
    apart = 2 if channels is None else 3
    if prod(shape[:-apart]) > MAX_TIFF_PAGES:
        raise CannotShow(
            f"A TIFF would have {prod(shape[:-apart]):,} pages, more than most programs read;"
            " choose NPY or HDF5."
        )
    axes = tuple(axis for place, axis in enumerate(axes) if place != channels)
    nbytes = prod(shape) * kind.itemsize
    rows, cols = (axis.metres for axis in axes[-2:])
    more: dict[str, Any] = {}
    names = "TZYX"[-len(axes) :] if len(axes) <= 4 else None
    if names is not None and channels is not None:
        names = f"{names[:channels]}S{names[channels:]}"
    description: dict[str, Any] = {"axes": names}
    if rows is not None and cols is not None:
        more = {"resolution": (0.01 / cols, 0.01 / rows), "resolutionunit": "CENTIMETER"}
        description |= {
            "PhysicalSizeX": cols * 1e6,
            "PhysicalSizeY": rows * 1e6,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeYUnit": "µm",
        }
    pages = axes[-3].metres if len(axes) > 2 else None
    if pages is not None:
        description |= {"spacing": pages * 1e6, "unit": "um"}
    # In memory; what is never written takes none.
    with os.fdopen(os.memfd_create("tiff"), "w+b") as made:
        with (
            open(f"/proc/self/fd/{made.fileno()}", "r+b") as file,
            tifffile.TiffWriter(file, bigtiff=nbytes > CLASSIC_TIFF_BYTES, byteorder="<") as writer,
        ):
            found = writer.write(
                shape=shape,
                dtype=kind,
                **colors,
                returnoffset=True,
                metadata={name: value for name, value in description.items() if value},
                software="Lamella",
                **more,
            )
        assert found is not None
        offset = found[0]
        end = made.seek(0, os.SEEK_END)
        head = os.pread(made.fileno(), offset, 0)
        tail = os.pread(made.fileno(), end - offset - nbytes, offset + nbytes)
    return Container(head, tail, nbytes, to_bytes(kind))


def _colors(shape: tuple[int, ...], channels: int | None) -> dict[str, Any]:
    """What a TIFF says of its colours."""
    if channels is None:
        return {"photometric": "minisblack", "planarconfig": None}
    planar = {len(shape) - 1: "contig", len(shape) - 3: "separate"}.get(channels)
    if planar is None:
        raise CannotShow(
            "The colours of a TIFF come after rows and columns, or before; choose NPY."
        )
    extra = {"extrasamples": ["unassalpha"]} if shape[channels] == 4 else {}
    return {"photometric": "rgb", "planarconfig": planar, **extra}


def csv(shape: tuple[int, ...]) -> Container:
    """Lines of numbers, with the fewest digits that identify them in their own type; bool as 0 and 1.

    Raises `CannotShow` for more than two dimensions.
    """
    if len(shape) != 2:
        raise CannotShow(
            "A CSV file has rows and columns alone; choose one slice, or another format."
        )
    return Container(b"", b"", None, _lines)


def _lines(values: NDArray[Any]) -> bytes:
    if values.dtype.kind in "biu":
        rows = values.astype(np.uint8, copy=False) if values.dtype.kind == "b" else values
        return "".join(f"{','.join(map(str, row))}\n" for row in rows.tolist()).encode()
    if values.dtype.kind == "c":
        return "".join(f"{','.join(map(_complex_text, row))}\n" for row in values).encode()
    # Of float64, what Python prints is what NumPy prints, several times as fast.
    if values.dtype.itemsize == 8:
        return "".join(f"{','.join(map(repr, row))}\n" for row in values.tolist()).encode()
    return "".join(f"{','.join(row)}\n" for row in values.astype("U").tolist()).encode()


def _complex_text(value: np.complexfloating[Any, Any]) -> str:
    return str(value).strip("()")
