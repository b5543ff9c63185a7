"""Values of any HDF5 type as cells of a table: numbers where JSON has them exactly enough, otherwise text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import h5py
import numpy as np

from dashboard.hdf5.messages import Cell, RowColumn

# Larger integers are text: JavaScript would round them.
EXACT = 2**53
# Elements of an array, and bytes of an opaque value, that a cell has.
MAX_ELEMENTS = 32
UNITS = ("units", "unit")


class CellWriter:
    """Writes columns of a dataset; `cut` says whether a text was cut, to `most` characters."""

    def __init__(self, dataset: h5py.Dataset, most: int) -> None:
        self._dataset = dataset
        self._most = most
        self.characters = 0
        self.cut = False

    def column(self, values: Any, dtype: np.dtype[Any]) -> list[Cell]:
        """One cell for each element; the type says what they mean, as h5py annotates it."""
        names = h5py.check_enum_dtype(dtype)
        if names:
            by_value = {int(number): str(name) for name, number in names.items()}
            return [self._text(by_value.get(int(v), str(int(v)))) for v in values.tolist()]
        if values.ndim == 1 and dtype.kind in "iu" and dtype.itemsize <= 4:
            plain: list[Cell] = values.tolist()
            return plain
        return [self._cell(value) for value in values]

    def type_name(self, dtype: np.dtype[Any]) -> str:
        """A short name of a type."""
        if h5py.check_string_dtype(dtype) is not None or dtype.kind in "SU":
            return "string"
        inner = h5py.check_vlen_dtype(dtype)
        if inner is not None:
            return f"{self.type_name(np.dtype(inner))} (variable length)"
        reference = h5py.check_ref_dtype(dtype)
        if reference is not None:
            return "region reference" if reference is h5py.RegionReference else "reference"
        if h5py.check_enum_dtype(dtype):
            return "bool" if dtype.kind == "b" else "enum"
        if dtype.subdtype is not None:
            base, shape = dtype.subdtype
            return f"{self.type_name(base)}[{'×'.join(map(str, shape))}]"
        if dtype.kind == "V":
            return "compound" if dtype.names else f"opaque ({dtype.itemsize} bytes)"
        return dtype.name

    def _cell(self, value: Any) -> Cell:
        if isinstance(value, h5py.Reference | h5py.RegionReference):
            return self._text(self._referred(value))
        if isinstance(value, bool | np.bool_):
            return "true" if value else "false"
        if isinstance(value, int | np.integer):
            number = int(value)
            return number if abs(number) <= EXACT else str(number)
        if isinstance(value, np.floating):
            return _float(value)
        if isinstance(value, bytes | str):
            return self._text(value)
        return self._text(self._composed(value))

    def _text(self, value: bytes | str) -> str:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        # A name or text that is not UTF-8 has come as surrogates.
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if len(text) > self._most:
            self.cut, text = True, f"{text[: self._most]}…"
        self.characters += len(text)
        return text

    def _composed(self, value: Any) -> str:
        """Complex numbers, opaque bytes, records, arrays and times."""
        if isinstance(value, np.complexfloating):
            imaginary = str(value.imag)
            sign = "" if imaginary.startswith("-") else "+"
            return f"{value.real}{sign}{imaginary}j"
        if isinstance(value, np.void):
            if value.dtype.names:
                inside = (f"{name}: {self._cell(value[name])}" for name in value.dtype.names)
                return f"{{{', '.join(inside)}}}"
            raw = value.tobytes()
            return f"0x{raw[:MAX_ELEMENTS].hex()}{'…' if len(raw) > MAX_ELEMENTS else ''}"
        if isinstance(value, np.ndarray):
            if value.ndim > 1:
                return f"{'×'.join(map(str, value.shape))} values"
            shown = ", ".join(str(self._cell(item)) for item in value[:MAX_ELEMENTS])
            return f"[{shown}{', …' if len(value) > MAX_ELEMENTS else ''}]"
        if isinstance(value, h5py.Empty):
            return ""
        return str(value)

    def _referred(self, reference: Any) -> str:
        """The path that a reference leads to; nothing for a null one."""
        if not reference:
            return ""
        try:
            name = h5py.h5r.get_name(reference, self._dataset.id)
        except (RuntimeError, ValueError, TypeError, KeyError, OSError):
            return "(leads to nothing)"
        text = name.decode("utf-8", "replace") if name else "(without a name)"
        if isinstance(reference, h5py.RegionReference):
            try:
                low, high = h5py.h5r.get_region(reference, self._dataset.id).get_select_bounds()
            except (RuntimeError, ValueError, TypeError, KeyError, OSError):
                return text
            inside = ", ".join(f"{a}:{b + 1}" for a, b in zip(low, high, strict=True))
            return f"{text}[{inside}]"
        return text


def _float(value: np.floating[Any]) -> Cell:
    if value.dtype.itemsize > np.dtype("f8").itemsize:
        return str(value)
    # The shortest decimal that identifies it in its own precision, as a double.
    number = float(str(value))
    return number if np.isfinite(number) else str(value)


def units_of(dataset: h5py.Dataset, columns: Sequence[RowColumn]) -> tuple[RowColumn, ...]:
    """The columns with their units: of the dataset, or one for each field."""
    for name in UNITS:
        try:
            value = dataset.attrs.get(name)
        except (OSError, RuntimeError, KeyError, ValueError, TypeError):
            continue
        parts = value.ravel().tolist() if isinstance(value, np.ndarray) else [value]
        units = [p.decode("utf-8", "replace") if isinstance(p, bytes) else p for p in parts]
        if not all(isinstance(unit, str) for unit in units):
            continue
        if len(units) == 1:
            fielded = dataset.dtype.names is not None
            return tuple(columns) if fielded else tuple(replace(c, unit=units[0]) for c in columns)
        if dataset.dtype.names is not None and len(units) == len(dataset.dtype.names):
            by_field = dict(zip(dataset.dtype.names, units, strict=True))
            return tuple(replace(c, unit=by_field.get(c.name, "")) for c in columns)
    return tuple(columns)
