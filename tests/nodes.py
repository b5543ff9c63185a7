"""Objects of files in memory, as the readers of conventions see those of real files."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.meaning.model import MAX_VALUES


@dataclass
class MadeNode:
    """A group with `children`, or a dataset with `values`, or of a declared `shape` and `dtype` without any."""

    attrs: Mapping[str, Any] = field(default_factory=dict)
    children: dict[str, MadeNode] = field(default_factory=dict)
    values: NDArray[Any] | None = None
    declared: tuple[tuple[int, ...], np.dtype[Any] | None] | None = None
    scaled_by: list[list[MadeNode]] = field(default_factory=list)
    references: dict[str, list[MadeNode]] = field(default_factory=dict)
    colors: Sequence[str] = ()
    path: str = "/"
    parent: MadeNode | None = None

    def __post_init__(self) -> None:
        for name, child in self.children.items():
            child.put(posixpath.join(self.path, name), self)

    def put(self, path: str, parent: MadeNode) -> None:
        """Set the place of this object and of all below."""
        self.path, self.parent = path, parent
        self.__post_init__()

    @property
    def is_group(self) -> bool:
        """Whether it has no values."""
        return self.values is None and self.declared is None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a dataset."""
        if self.declared is not None:
            return self.declared[0]
        return () if self.values is None else self.values.shape

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """Type of a dataset."""
        if self.declared is not None:
            return self.declared[1]
        return None if self.values is None else self.values.dtype

    @property
    def names(self) -> Sequence[str]:
        """Names of the members."""
        return sorted(self.children)

    def child(self, path: str) -> MadeNode | None:
        """The object at a path."""
        here: MadeNode | None = self
        if path.startswith("/"):
            while here is not None and here.parent is not None:
                here = here.parent
        for step in path.split("/"):
            if here is not None and step not in ("", "."):
                here = here.parent if step == ".." else here.children.get(step)
        return here if path else None

    def small_values(self) -> NDArray[Any] | None:
        """The values of a small dataset."""
        return None if self.values is None or self.values.size > MAX_VALUES else self.values

    def scales(self) -> Sequence[Sequence[MadeNode]]:
        """The dimension scales."""
        return self.scaled_by or [[] for _ in self.shape]

    def targets(self, name: str) -> Sequence[MadeNode]:
        """The objects that an attribute refers to."""
        return self.references.get(name, [])


def dataset(shape: tuple[int, ...], dtype: str = "f4", **attrs: Any) -> MadeNode:
    """A dataset without values."""
    return MadeNode(attrs=attrs, declared=(shape, np.dtype(dtype)))
