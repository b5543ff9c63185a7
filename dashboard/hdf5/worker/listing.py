"""Listing of all objects of a file by their paths, resolved link by link.

A file may have tens of thousands of datasets, so this uses h5py's low-level interface: constructing its groups and
datasets takes three times as long as opening an object.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import h5py

from dashboard.files.natural_order import natural_key
from dashboard.hdf5.worker.links import DAMAGED, MAX_LINKS, UNREADABLE, LinkResolver
from dashboard.hdf5.worker.refused import ObjectRefused

# Objects are also listed under the other names of their groups; at most this many, since a few links in each of
# a few groups can form any number of names.
MAX_ALIASES = 2_000
# Longer paths cannot be requested.
MAX_PATH = 2_000

Token = tuple[Path, int]


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object: its path, its low-level identifier and the file that it is in.

    Without an identifier, `reason` says why it cannot be opened.
    """

    path: str
    id: Any
    file: Path
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Group:
    """A group to be listed; one in a linked file is reopened, since that file may have been closed."""

    path: str
    token: Token
    inner: str
    id: Any
    above: _Group | None

    def is_below(self, token: Token) -> bool:
        """Whether the group or one of its ancestors has this token."""
        here: _Group | None = self
        while here is not None:
            if here.token == token:
                return True
            here = here.above
        return False


@dataclass
class Listing:
    """Walks a file until `limit` objects are found or `deadline` (`time.monotonic`) has passed.

    Afterwards `complete` says whether every object was found, and `aliases` whether some have several names.
    """

    tree: LinkResolver
    limit: int
    deadline: float
    complete: bool = True
    aliases: bool = False
    _seen: set[Token] = field(default_factory=set)
    _again: deque[_Group] = field(default_factory=deque)

    def objects(self) -> Iterator[ListedObject]:
        """All objects below the root, depth first, each group in natural order; then under other names.

        An identifier is valid until the next object is requested.
        """
        root = self.tree.root
        top = _Group("", _token(self.tree.path, root.id), "/", root.id, None)
        self._seen.add(top.token)
        left = self.limit
        for found in self._below(top):
            if left == 0 or time.monotonic() > self.deadline:
                self.complete = False
                return
            left -= 1
            yield found
        self.aliases = bool(self._again)
        for found in islice(self._under_other_names(), MAX_ALIASES):
            if time.monotonic() > self.deadline:
                return
            yield found

    def _below(self, top: _Group) -> Iterator[ListedObject]:
        """All objects below a group that were not visited before."""
        stack = [top]
        while stack:
            below: list[_Group] = []
            yield from self._members(stack.pop(), below)
            stack.extend(reversed(below))

    def _under_other_names(self) -> Iterator[ListedObject]:
        while self._again:
            below: list[_Group] = []
            yield from self._members(self._again.popleft(), below, again=True)
            self._again.extend(below)

    def _members(
        self, group: _Group, below: list[_Group], again: bool = False
    ) -> Iterator[ListedObject]:
        """The members of a group; subgroups to be listed next are added to `below`."""
        file = group.token[0]
        try:
            opened = self._open(group)
            links = _links(opened)
        except ObjectRefused as refused:
            _pass_over(refused)
            yield ListedObject(group.path or "/", None, file, refused.message)
            return
        for _, name, raw, kind, address in links:
            path = f"{group.path}/{name}"
            try:
                member, where = self._member(opened, file, name, raw, (kind, address))
                is_group = isinstance(member, h5py.h5g.GroupID)
                token = _token(where, member) if is_group else None
            except ObjectRefused as refused:
                _pass_over(refused)
                yield ListedObject(path, None, file, refused.message)
                continue
            yield ListedObject(path, member, where)
            if token is None:
                continue
            if len(path) > MAX_PATH:
                self.complete = False
                continue
            own = where == self.tree.path
            inner = "" if own else h5py.h5i.get_name(member).decode("utf-8", "surrogateescape")
            entry = _Group(path, token, inner, member if own else None, group)
            if again or token in self._seen or kind == h5py.h5l.TYPE_SOFT:
                if not group.is_below(token):
                    (below if again else self._again).append(entry)
                continue
            self._seen.add(token)
            if own or file != self.tree.path:
                below.append(entry)
            else:
                # Immediately, while its file is open; the group with the link stays open in any case.
                yield from self._below(replace(entry, id=member))

    def _open(self, group: _Group) -> Any:
        if group.id is not None:
            return group.id
        found = self.tree.find_in(group.token[0], group.inner)
        if not isinstance(found, h5py.Group):
            raise ObjectRefused("The linked file changed while it was listed.")
        return found.id

    def _member(
        self, group: Any, file: Path, name: str, raw: bytes, link: tuple[int, int]
    ) -> tuple[Any, Path]:
        """(identifier, file) of a link's target."""
        if not _is_utf8(raw):
            # It cannot travel in a URL.
            raise ObjectRefused("Its name is not UTF-8 text.")
        kind, address = link
        if kind == h5py.h5l.TYPE_HARD:
            return self.tree.open_hard(group, raw, file, address), file
        found = self.tree.follow(h5py.Group(group), name, file, MAX_LINKS)
        return found.id, self.tree.path_of(found)


def _pass_over(refused: ObjectRefused) -> None:
    """Return for errors of the object, which is listed with the reason; raise errors of the machine."""
    if refused.code == "busy":
        raise refused


def _links(group: Any) -> list[tuple[Any, str, bytes, int, int]]:
    """(sort key, name, name as bytes, link type, address) of all members in natural order.

    The address is that of the target of a hard link.
    """
    found: list[tuple[Any, str, bytes, int, int]] = []

    def note(raw: bytes, link: Any) -> None:
        name = raw.decode("utf-8", "replace")
        # h5py reuses one object for all links.
        found.append((natural_key(name), name, raw, int(link.type), int(link.u)))

    try:
        group.links.iterate(note, info=True)
    except UNREADABLE:
        raise ObjectRefused(DAMAGED) from None
    return sorted(found)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _token(file: Path, group: Any) -> Token:
    try:
        return file, int(h5py.h5o.get_info(group).addr)
    except UNREADABLE:
        raise ObjectRefused(DAMAGED) from None
