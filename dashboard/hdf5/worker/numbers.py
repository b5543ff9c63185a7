"""Numbers that NumPy has in another form: wide floating types, and complex numbers as pairs with other names."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

# Names of the halves, apart from h5py's own `r` and `i`: of MATLAB, of Julia and others, of Velox.
_HALVES = (("real", "imag"), ("re", "im"), ("realfloat", "imagfloat"))
# Floating types of more than 64 bits, whose values are those of float64 that are nearest.
WIDE = frozenset({"float96", "float128", "complex192", "complex256"})
WARNING = "Its values have more than 64 bits; the nearest numbers of 64 bits are shown."


def wide_type(stored: Any) -> tuple[str, np.dtype[Any]] | None:
    """(name, type in memory) of a floating type of more than 64 bits, also of one that NumPy lacks."""
    if isinstance(stored, h5py.h5t.TypeFloatID) and stored.get_size() > 8:
        return f"float{8 * stored.get_size()}", np.dtype("<f8")
    try:
        dtype = stored.dtype
    except (TypeError, ValueError):
        return None
    return (dtype.name, np.dtype("<c16")) if dtype.kind == "c" and dtype.itemsize > 16 else None


def is_foreign_float(stored: Any) -> bool:
    """Whether a floating type is wider than any of this machine, as IEEE's of 128 bits is on most."""
    is_wide = isinstance(stored, h5py.h5t.TypeFloatID) and stored.get_size() > 8
    return is_wide and stored.get_precision() > h5py.h5t.NATIVE_LDOUBLE.get_precision()


def complex_type(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """The complex type of a compound of two floats that are called its halves; None for other types."""
    names = dtype.names or ()
    if tuple(name.lower() for name in names) not in _HALVES:
        return None
    one, other = (dtype[name] for name in names)
    if one != other or one.kind != "f" or one.itemsize not in (4, 8):
        return None
    return np.dtype(f"{one.str[0]}c{2 * one.itemsize}")


def has_halves(stored: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a compound is stored as NumPy stores the complex type `dtype`."""
    half = np.dtype(f"{dtype.str[0]}f{dtype.itemsize // 2}")
    return (
        stored.get_size() == dtype.itemsize
        and stored.get_nmembers() == 2
        and all(
            stored.get_member_offset(number) == number * half.itemsize
            and stored.get_member_type(number).equal(h5py.h5t.py_create(half))
            for number in range(2)
        )
    )


def read(dataset: h5py.Dataset, box: tuple[slice, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values of a box, converted by the library where NumPy lacks their type."""
    stored = dataset.id.get_type()
    if isinstance(stored, h5py.h5t.TypeFloatID) and stored.get_size() > dtype.itemsize:
        out = np.empty([part.stop - part.start for part in box], dtype)
        space = dataset.id.get_space()
        if box:
            space.select_hyperslab(tuple(part.start for part in box), out.shape)
        dataset.id.read(h5py.h5s.create_simple(out.shape), space, out, h5py.h5t.py_create(dtype))
        return out
    return as_complex(np.asarray(dataset[box]))


class AsDoubles:
    """A dataset of floats that NumPy has no type for, as the nearest of float64."""

    dtype = np.dtype("<f8")

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset

    def __getitem__(self, box: tuple[slice, ...]) -> Any:
        """The values of a box; of a single value that value."""
        return read(self._dataset, box, self.dtype)[()]


def as_complex(values: NDArray[Any]) -> NDArray[Any]:
    """Complex numbers in place of pairs; other values as they are."""
    kind = complex_type(values.dtype)
    if kind is None or values.dtype.names is None:
        return values
    out = np.empty(values.shape, kind)
    out.real, out.imag = (values[name] for name in values.dtype.names)
    return out
