"""Finding an object link by link, so that no link leads out of the data roots.

Left to itself the library follows soft and external links wherever they point, also when a soft
link passes through an external one. Here each step is looked at first, and another file is opened
only when its resolved path lies under a root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

MAX_STEPS = 256
MAX_LINKS = 32


class Refused(Exception):
    """An object that may not or cannot be opened; `code` names the error class for the parent."""

    def __init__(self, message: str, code: str = "cannot_show") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def under(path: Path, roots: list[Path]) -> bool:
    """Whether a resolved path lies under one of the roots."""
    return any(path == root or path.is_relative_to(root) for root in roots)


def open_file(path: Path) -> h5py.File:
    """Open for reading without a lock, so that the instrument's writer is never blocked."""
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        text = str(error)
        if "already open for write" in text or "SWMR" in text:
            try:
                return h5py.File(path, "r", locking=False, swmr=True)
            except OSError:
                raise Refused("The file is being written; try again later.", "changed") from None
        if "truncated" in text:
            raise Refused("The file is truncated, or is still being written.") from None
        if "Permission" in text or "errno = 13" in text:
            raise Refused("The server may not read this file.") from None
        if "signature" in text:
            raise Refused("This is not an HDF5 file.") from None
        raise Refused("The HDF5 library cannot open this file; it may be damaged.") from None


@dataclass
class Tree:
    """An open file and those that its external links lead to, all under `roots`."""

    path: Path
    roots: list[Path]
    files: dict[Path, h5py.File] = field(default_factory=dict)

    def __enter__(self) -> Tree:
        self.files[self.path] = open_file(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.close()

    @property
    def root(self) -> h5py.Group:
        """The root group of the file itself."""
        return self.files[self.path]["/"]

    def other(self, name: str, base: Path) -> h5py.File:
        """The file `name` that a link in the file `base` leads to, or `Refused`."""
        try:
            path = Path(os.path.join(base.parent, name)).resolve()
        except (OSError, RuntimeError, ValueError):
            raise Refused(f"The linked file {Path(name).name!r} is missing.") from None
        # Asked first, so that nobody learns which files there are outside.
        if not under(path, self.roots):
            raise Refused("The link leads to a file outside the data roots.")
        if not path.exists():
            raise Refused(f"The linked file {Path(name).name!r} is missing.")
        if not path.is_file():
            raise Refused(f"The linked file {Path(name).name!r} is no regular file.")
        if path not in self.files:
            if len(self.files) >= MAX_LINKS:
                raise Refused("The file links to too many others.")
            self.files[path] = open_file(path)
        return self.files[path]

    def find(self, path: str) -> Any:
        """The group or dataset at an absolute `path`, every link on the way looked at first."""
        return self._follow(self.root, path, self.path, MAX_LINKS)

    def _follow(self, group: h5py.Group, path: str, base: Path, links: int) -> Any:
        if links <= 0:
            raise Refused("Too many links lead from one to the next.")
        here: Any = self.files[base]["/"] if path.startswith("/") else group
        steps = [step for step in path.split("/") if step not in ("", ".")]
        if len(steps) > MAX_STEPS:
            raise Refused("The path is too deep.")
        for number, step in enumerate(steps):
            if not isinstance(here, h5py.Group):
                raise Refused(f"There is nothing at {path!r}.", "not_found")
            try:
                link = here.get(step, getlink=True)
            except (KeyError, RuntimeError, ValueError, TypeError):
                raise Refused(f"There is nothing at {path!r}.", "not_found") from None
            if link is None:
                raise Refused(f"There is nothing at {path!r}.", "not_found")
            if isinstance(link, h5py.HardLink):
                here = opened(here, step)
                continue
            if isinstance(link, h5py.SoftLink):
                target = self._follow(here, link.path, base, links - 1)
            else:
                other = self.other(link.filename, base)
                target = self._follow(other["/"], link.path, Path(other.filename), links - 1)
            rest = "/".join(steps[number + 1 :])
            if not rest:
                return target
            if not isinstance(target, h5py.Group):
                raise Refused(f"There is nothing at {path!r}.", "not_found")
            return self._follow(target, rest, Path(target.file.filename), links - 1)
        return here

    def objects(self, limit: int) -> Iterator[tuple[str, Any, str]]:
        """Everything below the root as (path, object or None, reason), depth first, in name order.

        The reason tells why a link could not be followed. A group that was met before is not
        entered again, so cycles end; at most `limit` objects are given.
        """
        seen = {_token(self.root)}
        stack: list[tuple[str, h5py.Group]] = [("", self.root)]
        given = 0
        while stack:
            prefix, group = stack.pop()
            below: list[tuple[str, h5py.Group]] = []
            for name in group:
                if given >= limit:
                    return
                given += 1
                if isinstance(name, bytes):
                    # h5py hands on a name that is no UTF-8 as it is; it cannot travel in a URL.
                    shown = name.decode("utf-8", "replace")
                    yield f"{prefix}/{shown}", None, "Its name is not UTF-8 text."
                    continue
                path = f"{prefix}/{name}"
                try:
                    found = self._follow(group, name, Path(group.file.filename), MAX_LINKS)
                except Refused as refused:
                    yield path, None, refused.message
                    continue
                yield path, found, ""
                if not isinstance(found, h5py.Group) or _is_alias(group, name, found):
                    continue
                if (token := _token(found)) not in seen:
                    seen.add(token)
                    below.append((path, found))
            stack.extend(reversed(below))


def opened(group: h5py.Group, name: str) -> Any:
    """The object behind a hard link; damage becomes a sentence."""
    try:
        return group[name]
    except (KeyError, OSError, RuntimeError, ValueError, TypeError):
        raise Refused(
            "The HDF5 library cannot open this object; the file may be damaged."
        ) from None


def _is_alias(group: h5py.Group, name: str, found: h5py.Group) -> bool:
    """Whether a link only renames a group that is met under its own name anyway."""
    linked = not isinstance(group.get(name, getlink=True), h5py.HardLink)
    return linked and found.file.filename == group.file.filename


def _token(group: h5py.Group) -> tuple[str, int]:
    return group.file.filename, int(h5py.h5o.get_info(group.id).addr)
