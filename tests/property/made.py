"""Hypothesis strategies for datasets and views of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
from hypothesis import strategies as st

from dashboard.addressing.addresses import digest
from tests import files

HOW = [*files.CHUNKED, "contiguous"]


@dataclass(frozen=True)
class Made:
    """A dataset by what it is made from; equal ones are one file."""

    dtype: str
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    how: str
    seed: int
    fill: bool = False

    @property
    def name(self) -> str:
        """The name of its file."""
        return digest(self.dtype, self.shape, self.chunks, self.how, self.seed, self.fill) + ".h5"

    @property
    def values(self) -> Any:
        """What it holds."""
        return files.made_up(self.dtype, self.shape, self.seed)

    @property
    def fill_value(self) -> Any:
        """The fill value that its author set, if any: one that occurs."""
        return self.values.ravel()[0] if self.fill else None

    def write(self, folder: Path) -> str:
        """Write its file unless it is there; returns the catalogue's name."""
        if not (folder / self.name).exists():
            how: dict[str, Any] = {} if self.fill_value is None else {"fillvalue": self.fill_value}
            if self.how != "contiguous":
                how |= {"chunks": self.chunks, **files.CHUNKED[self.how]}
            with h5py.File(folder / self.name, "w") as file:
                file.create_dataset("x", data=self.values, **how)
        return f"data/{self.name}"


@st.composite
def datasets(draw: st.DrawFn, dtypes: list[str], ranks: tuple[int, int] = (2, 5)) -> Made:
    """Any type, shape, chunking and storage."""
    rank = draw(st.integers(*ranks))
    most = 14 if rank <= 3 else 5
    shape = tuple(draw(st.lists(st.integers(1, most), min_size=rank, max_size=rank)))
    chunks = tuple(draw(st.integers(1, n)) for n in shape)
    return Made(
        draw(st.sampled_from(dtypes)),
        shape,
        chunks,
        draw(st.sampled_from(HOW)),
        draw(st.integers(0, 3)),
        draw(st.booleans()),
    )


@st.composite
def looks(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[str, tuple[int | slice, ...]]:
    """A selection as text and as what NumPy takes."""
    plane = draw(st.permutations(range(len(shape))))[:2]
    items: list[int | slice] = []
    for dim, length in enumerate(shape):
        if dim not in plane:
            items.append(draw(st.integers(-length, length - 1)))
            continue
        low = draw(st.integers(0, length - 1))
        high = draw(st.integers(low + 1, length))
        start = draw(st.sampled_from([low, low - length, *([None] if low == 0 else [])]))
        negative = [high - length] if high < length else [None]
        stop = draw(st.sampled_from([high, *negative]))
        items.append(slice(start, stop, draw(st.sampled_from([None, 1, 2, 3, 20]))))
    return ",".join(map(_text, items)), tuple(items)


def _text(item: int | slice) -> str:
    if isinstance(item, int):
        return str(item)
    bounds = ["" if n is None else str(n) for n in (item.start, item.stop)]
    return ":".join(bounds if item.step is None else [*bounds, str(item.step)])
