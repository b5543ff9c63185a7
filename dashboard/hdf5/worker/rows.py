"""Windows of what is read as rows: curves, tables, text and single values.

A dataset with named fields has a column for each, and a row for each element in C order. Any other has one column
where it has at most one dimension; of more dimensions the last one makes the columns and all others the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dashboard.hdf5.messages import Cell, ReadRows, RowColumn, RowWindow
from dashboard.hdf5.worker import sources
from dashboard.hdf5.worker.cells import CellWriter, units_of
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.links import tree_of
from dashboard.hdf5.worker.numbers import AsDoubles, is_foreign_float
from dashboard.hdf5.worker.read import open_dataset
from dashboard.hdf5.worker.refused import ObjectRefused

# Limits of one answer; rows beyond them are left to the next one.
MAX_CELLS = 100_000
MAX_READ_BYTES = 32 * 2**20
MAX_TEXT_CHARACTERS = 4 * 2**20
# The only cell of a dataset has so much of a text.
ONLY_CELL_CHARACTERS = 1_000_000
# Columns where none are chosen, and at most.
FIRST_COLUMNS = 64
MAX_COLUMNS = 1_000
# An array in a field makes columns up to this length, a text beyond.
MAX_FIELD_COLUMNS = 16

Path = tuple[str | int, ...]
Box = list[tuple[int, int]]


@dataclass(frozen=True)
class _Column:
    """A column: where its values are in an element, or its number along the last dimension."""

    name: str
    dtype: np.dtype[Any]
    path: Path = ()
    number: int | None = None


def read_rows(request: ReadRows, job: Job) -> tuple[RowWindow, bytes]:
    """The rows start … stop of a dataset, fewer where they would be too many at once."""
    with tree_of(job) as tree:
        dataset = open_dataset(tree, request.dataset)
        if dataset.shape is None:
            return RowWindow(0, 0, 0, 0, (), (), cut=False), b""
        source = AsDoubles(dataset) if is_foreign_float(dataset.id.get_type()) else dataset
        try:
            dtype = source.dtype
        except TypeError:
            raise ObjectRefused("Values of its type cannot be read.") from None
        table = _Table(tuple(map(int, dataset.shape)), dtype)
        chosen = table.chosen(request.columns)
        start = min(request.start, table.total)
        stop = min(request.stop, table.total, start + table.most_rows(chosen))
        is_only = table.total * len(chosen) == 1
        writer = CellWriter(dataset, ONLY_CELL_CHARACTERS if is_only else request.characters)
        rows: list[tuple[Cell, ...]] = []
        for box in boxes(table.leading, start, stop):
            values = _read(source, table, box, chosen)
            sources.check_opened(tree, dataset, table.box(box, chosen))
            rows.extend(_cells(writer, values, chosen))
            if writer.characters > MAX_TEXT_CHARACTERS:
                break
        return (
            RowWindow(
                start,
                start + len(rows),
                table.total,
                table.columns_in_all,
                units_of(dataset, [_public(writer, column) for column in chosen]),
                tuple(rows),
                cut=writer.cut,
            ),
            b"",
        )


class _Table:
    """Rows and columns of a dataset of this shape and type."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.fields = list(_fields(dtype)) if dtype.names else []
        by_number = not self.fields and len(shape) > 1
        self.leading = shape[:-1] if by_number else shape
        self.width = shape[-1] if by_number else None
        self.total = prod(self.leading)
        self.columns_in_all = len(self.fields) or (1 if self.width is None else self.width)

    def chosen(self, text: str) -> list[_Column]:
        """The columns that `text` names: names or ranges of numbers `A:B`, separated by commas."""
        if not text:
            return self._range(0, FIRST_COLUMNS)
        found: list[_Column] = []
        by_name = {column.name: column for column in self.fields}
        for item in text.split(","):
            numbers = re.fullmatch(r"([0-9]{1,18}):([0-9]{1,18})", item, re.ASCII)
            if item in by_name:
                found.append(by_name[item])
            elif numbers:
                found += self._range(int(numbers[1]), int(numbers[2]))
            elif self.width is not None and re.fullmatch("[0-9]{1,18}", item, re.ASCII):
                found += self._range(int(item), int(item) + 1)
            else:
                raise ObjectRefused(f"There is no column {item!r}.", "bad_request")
        if len(found) > MAX_COLUMNS:
            raise ObjectRefused(f"At most {MAX_COLUMNS} columns are read at once.", "bad_request")
        return found

    def _range(self, start: int, stop: int) -> list[_Column]:
        stop = min(stop, self.columns_in_all, start + MAX_COLUMNS + 1)
        if self.fields:
            return self.fields[start:stop]
        if self.width is None:
            return [_Column("value", self.dtype)][start:stop]
        return [_Column(str(n), self.dtype, number=n) for n in range(start, stop)]

    def most_rows(self, chosen: Sequence[_Column]) -> int:
        """Rows that one answer may have of these columns."""
        cells = max(1, len(chosen))
        bytes_each = self.dtype.itemsize * (1 if self.width is None else self._span(chosen))
        return max(1, min(MAX_CELLS // cells, MAX_READ_BYTES // max(1, bytes_each)))

    def _span(self, chosen: Sequence[_Column]) -> int:
        return sum(b - a for a, b in runs(chosen))

    def box(self, rows: Sequence[tuple[int, int]], chosen: Sequence[_Column]) -> Box:
        """The box of voxels that the rows are read from."""
        if self.width is None:
            return list(rows)
        numbers = [column.number or 0 for column in chosen] or [0]
        return [*rows, (min(numbers), max(numbers) + 1)]


def runs(chosen: Sequence[_Column]) -> list[tuple[int, int]]:
    """Contiguous ranges of the numbers of columns."""
    numbers = sorted({column.number for column in chosen if column.number is not None})
    ends = [0, *(at for at, (a, b) in enumerate(pairwise(numbers), 1) if b != a + 1), len(numbers)]
    return [(numbers[a], numbers[b - 1] + 1) for a, b in pairwise(ends) if b > a]


def boxes(shape: Sequence[int], start: int, stop: int) -> Iterator[Box]:
    """Boxes that have the elements start … stop of an array in C order, in this order."""
    if start >= stop:
        return
    if len(shape) < 2:
        yield [(start, stop)] if shape else []
        return
    inner = prod(shape[1:])
    first, begin = divmod(start, inner)
    last, end = divmod(stop, inner)
    if begin:
        upper = inner if first < last else end
        yield from ([(first, first + 1), *box] for box in boxes(shape[1:], begin, upper))
        first += 1
    if first < last:
        yield [(first, last), *((0, n) for n in shape[1:])]
    if end and first <= last:
        yield from ([(last, last + 1), *box] for box in boxes(shape[1:], 0, end))


def _fields(dtype: np.dtype[Any], name: str = "", path: Path = ()) -> Iterator[_Column]:
    """The columns of a compound type: nested fields as `outer.inner`, short arrays as `field[0]`."""
    if dtype.names:
        for field in dtype.names:
            inner = f"{name}.{field}" if name else field
            yield from _fields(dtype.fields[field][0], inner, (*path, field))  # type: ignore[index]
        return
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        if len(shape) == 1 and shape[0] <= MAX_FIELD_COLUMNS and not base.names:
            for number in range(shape[0]):
                yield _Column(f"{name}[{number}]", base, (*path, number))
            return
    yield _Column(name, dtype, path)


def _read(
    dataset: h5py.Dataset, table: _Table, box: Box, chosen: Sequence[_Column]
) -> list[NDArray[Any]]:
    """The values of the chosen columns in a box of rows, an array for each."""
    cells, count = tuple(slice(a, b) for a, b in box), prod(b - a for a, b in box)
    inner = table.dtype.shape
    if table.width is not None:
        columns: dict[int, NDArray[Any]] = {}
        for a, b in runs(chosen):
            part = _array(dataset, (*cells, slice(a, b))).reshape(count, b - a, *inner)
            columns |= {number: part[:, number - a] for number in range(a, b)}
        return [columns[column.number] for column in chosen if column.number is not None]
    names = list(dict.fromkeys(str(column.path[0]) for column in chosen if column.path))
    partial = names and len(names) < len(table.dtype.names or ())
    values = _array(dataset.fields(names) if partial else dataset, cells)
    return [_at(values.reshape(count, *inner), column.path) for column in chosen]


def _array(dataset: Any, cells: tuple[slice, ...]) -> NDArray[Any]:
    """The elements as an array; a single one, which may be an array itself, as an array of one."""
    found = dataset[cells]
    if cells:
        return np.asarray(found)
    if isinstance(found, np.ndarray) and dataset.dtype.subdtype is not None:
        return found[np.newaxis]
    values = np.empty(1, found.dtype if isinstance(found, np.generic) else object)
    values[0] = found
    return values


def _at(values: NDArray[Any], path: Path) -> NDArray[Any]:
    for step in path:
        values = values[step] if isinstance(step, str) else values[:, step]
    return values


def _cells(
    writer: CellWriter, columns: Sequence[NDArray[Any]], chosen: Sequence[_Column]
) -> Iterator[tuple[Cell, ...]]:
    written = [
        writer.column(values, column.dtype) for values, column in zip(columns, chosen, strict=True)
    ]
    return zip(*written, strict=True)


def _public(writer: CellWriter, column: _Column) -> RowColumn:
    return RowColumn(column.name, writer.type_name(column.dtype), "")
