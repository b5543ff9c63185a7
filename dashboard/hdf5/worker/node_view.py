"""The objects of an open file as `dashboard.meaning` sees them: bounded, and without errors."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dashboard.files.natural_order import natural_key
from dashboard.hdf5.worker import sources
from dashboard.hdf5.worker.elements import Element, element_in
from dashboard.hdf5.worker.filters import client_data_fault
from dashboard.hdf5.worker.links import MAX_LINKS, UNREADABLE, LinkResolver
from dashboard.hdf5.worker.refused import ObjectRefused
from dashboard.meaning.model import MAX_VALUES

MAX_NAMES = 500
# Most objects that are opened, and most time (s) that is spent, to find out what one dataset means.
MAX_OPENED = 400
MAX_SECONDS = 1.0
MAX_TARGETS = 16
SCALES = "DIMENSION_LIST"
# Values that decode to more are not read.
MAX_CHUNK_BYTES = 16 * 2**20

_ERRORS = (*UNREADABLE, ObjectRefused, UnicodeDecodeError, MemoryError, OverflowError)


@dataclass
class Budget:
    """What is left of the objects and the time for one question."""

    opened: int = MAX_OPENED
    until: float = field(default_factory=lambda: time.monotonic() + MAX_SECONDS)
    #: What was looked for, by path: conventions ask for the same groups, and most of all for what is not there.
    known: dict[str, ObjectNode | None] = field(default_factory=dict)

    def spent(self) -> bool:
        """Whether nothing more may be opened; counts one object."""
        self.opened -= 1
        return self.opened < 0 or time.monotonic() > self.until


class AttributeValues(Mapping[str, Any]):
    """The attributes of an object: texts, NumPy scalars, arrays of numbers, tuples of texts."""

    def __init__(self, found: Any) -> None:
        self._attrs = found.attrs
        self._known: dict[str, Any] = {}

    @cached_property
    def _names(self) -> dict[str, None]:
        try:
            return dict.fromkeys(map(str, self._attrs))
        except _ERRORS:
            return {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = self._read(name)
        value = self._known[name]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def _read(self, name: str) -> Any:
        try:
            kind = self._attrs.get_id(name)
            if prod(kind.shape or (1,)) > MAX_VALUES:
                return None
            return _value(self._attrs[name])
        except _ERRORS:
            return None


def _value(raw: Any) -> Any:
    """A value of an attribute or of a small dataset; None for types without a meaning here."""
    if isinstance(raw, bytes):
        return raw.decode("utf-8", "replace").rstrip("\0")
    if isinstance(raw, str):
        return raw
    if isinstance(raw, np.ndarray):
        if raw.dtype.kind in "OSU":
            texts = [_value(item) for item in raw.ravel().tolist()]
            return tuple(texts) if all(isinstance(text, str) for text in texts) else None
        return raw if raw.dtype.kind in "biufc" else None
    return raw if isinstance(raw, np.generic) and raw.dtype.kind in "biufc" else None


class ObjectNode:
    """A group or dataset of an open file; `path` is that in the file itself, of which links may lead to others."""

    def __init__(self, tree: LinkResolver, path: str, found: Any, budget: Budget) -> None:
        self.path = path
        self._tree = tree
        self.found = found
        self._budget = budget
        self.attrs: Mapping[str, Any] = AttributeValues(found)
        self.is_group = isinstance(found, h5py.Group)

    @classmethod
    def at(cls, tree: LinkResolver, path: str, found: Any) -> ObjectNode:
        """The object at an absolute path."""
        return cls(tree, path, found, Budget())

    @cached_property
    def _is_checked(self) -> bool:
        """Whether it is a dataset that the library reads without opening files that it may not open."""
        if not isinstance(self.found, h5py.Dataset):
            return False
        try:
            # Also before the shape is read, for which an unlimited virtual dataset opens its sources.
            sources.by_name(self._tree, self.found)
            plist = self.found.id.get_create_plist()
            return not client_data_fault(self.found.id, plist)
        except _ERRORS:
            return False

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of a dataset."""
        try:
            own = tuple(map(int, self.found.shape or ())) if self._is_checked else ()
        except _ERRORS:
            return ()
        return own if self._element is None else (*own, *self._element.shape)

    @cached_property
    def _element(self) -> Element | None:
        try:
            return element_in(self.found) if self._is_checked else None
        except _ERRORS:
            return None

    @property
    def colors(self) -> Sequence[str]:
        """Names of the fields of an element's colours."""
        return () if self._element is None else self._element.fields

    @cached_property
    def dtype(self) -> np.dtype[Any] | None:
        """Type of a dataset's values."""
        if self._element is not None:
            return self._element.base
        try:
            kind: np.dtype[Any] | None = self.found.dtype if self._is_checked else None
        except _ERRORS:
            return None
        return kind

    @cached_property
    def parent(self) -> ObjectNode | None:
        """The group above."""
        return None if self.path == "/" else self._open(posixpath.dirname(self.path))

    @cached_property
    def names(self) -> Sequence[str]:
        """Names of the members of a group, but for those in other files, which take long to open."""
        found: list[str] = []

        def note(raw: bytes, link: Any) -> bool | None:
            if link.type != h5py.h5l.TYPE_EXTERNAL:
                found.append(raw.decode("utf-8", "replace"))
            return True if len(found) >= MAX_NAMES else None

        if self.is_group:
            try:
                self.found.id.links.iterate(note, info=True)
            except _ERRORS:
                return []
        return sorted(found, key=natural_key)

    def child(self, path: str) -> ObjectNode | None:
        """The object at a path."""
        return self._open(posixpath.join(self.path, path)) if path else None

    def _open(self, path: str) -> ObjectNode | None:
        path, budget = posixpath.normpath(path), self._budget
        if path in budget.known:
            return budget.known[path]
        return None if budget.spent() else self._walk(path)

    def _walk(self, path: str) -> ObjectNode | None:
        """The object at an absolute path, from the nearest group above that is known."""
        tree, known = self._tree, self._budget.known
        if path in known:
            return known[path]
        above = None if path == "/" else self._walk(posixpath.dirname(path))
        node: ObjectNode | None = None
        with suppress(*_ERRORS):
            # A file that links lead to may be closed again before the objects in it are asked for.
            if above is not None and tree.path_of(above.found) == tree.path:
                found = tree.follow(above.found, posixpath.basename(path), tree.path, MAX_LINKS)
            else:
                found = tree.follow(tree.root, path, tree.path, MAX_LINKS)
            node = ObjectNode(tree, path, found, self._budget)
            if tree.path_of(found) != tree.path:
                return node
        known[path] = node
        return node

    def small_values(self) -> NDArray[Any] | None:
        """The values of a small dataset."""
        if not self._is_checked or prod(self.shape) > MAX_VALUES or self._budget.spent():
            return None
        try:
            found = self.found
            if prod(found.chunks or (1,)) * found.dtype.itemsize > MAX_CHUNK_BYTES:
                return None
            value = _value(np.asarray(found[()]))
        except _ERRORS:
            return None
        if isinstance(value, tuple):
            return np.array(value, object).reshape(self.shape)
        return None if value is None else np.asarray(value)

    def targets(self, name: str) -> Sequence[ObjectNode]:
        """The objects to which the references of an attribute lead."""
        try:
            kind = self.found.attrs.get_id(name)
            if name not in self.attrs or prod(kind.shape or (1,)) > MAX_TARGETS:
                return []
            return self._led_to(np.atleast_1d(np.asarray(self.found.attrs[name], object)).ravel())
        except _ERRORS:
            return []

    def scales(self) -> Sequence[Sequence[ObjectNode]]:
        """The dimension scales of each dimension.

        The library's own H5DS functions write beyond their memory where the list is not as they write it.
        """
        none: list[list[ObjectNode]] = [[] for _ in self.shape]
        if not self._is_checked or SCALES not in self.attrs:
            return none
        try:
            kind = self.found.attrs.get_id(SCALES)
            of_references = h5py.check_ref_dtype(h5py.check_vlen_dtype(kind.dtype) or kind.dtype)
            if not of_references or kind.shape != (self.found.ndim,):
                return none
            found = [self._led_to(lists[:MAX_TARGETS]) for lists in self.found.attrs[SCALES]]
        except _ERRORS:
            return none
        return found + none[len(found) :]

    def _led_to(self, references: Iterable[Any]) -> list[ObjectNode]:
        found = []
        for one in references:
            if not isinstance(one, h5py.Reference) or not one or self._budget.spent():
                continue
            led_to = self.found.file[one]
            found.append(ObjectNode(self._tree, str(led_to.name or ""), led_to, self._budget))
        return found
