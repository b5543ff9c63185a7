"""Resolution of paths link by link, so that no link leads out of the data roots.

The library itself follows soft and external links to any target, also when a soft link passes through an
external one. Here each link is checked first, and another file is opened only when its resolved path is below a
root, through that root's descriptor.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py

from dashboard.files.roots import ABSENT_ERRNOS, OUTSIDE, UNREACHABLE_ERRNOS, Roots, SourceFile
from dashboard.hdf5.worker import progress
from dashboard.hdf5.worker.job import Job
from dashboard.hdf5.worker.refused import ObjectRefused

UNREACHABLE = "The server cannot reach its files just now; try again in a moment."

MAX_STEPS = 256
MAX_LINKS = 32
# Maximum of open linked files: a link needs its own file and the target's.
MAX_OPEN = 8
# Number of attempts to resolve a link's target while directories are being replaced.
ATTEMPTS = 3

UNREADABLE = (KeyError, OSError, RuntimeError, ValueError, TypeError)
DAMAGED = "The HDF5 library cannot open this object; the file may be damaged."


class Dangling(ObjectRefused):
    """A link whose target does not exist (yet)."""


class MissingFile(Dangling):
    """A link whose target file does not exist (yet)."""


class Outside(ObjectRefused):
    """A link whose target lies outside the roots, whether it exists or not."""

    def __init__(self) -> None:
        super().__init__(f"The link leads to a file {OUTSIDE}.")


def machine_at_fault(text: str) -> bool:
    """Whether the library's message is about the machine (no descriptors, storage unreachable), not the file."""
    found = re.search(r"errno = (\d+)", text)
    return found is not None and int(found[1]) in UNREACHABLE_ERRNOS


def open_file(path: Path) -> h5py.File:
    """Open for reading without a lock, so that the instrument's writer is never blocked."""
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        text = str(error)
        if machine_at_fault(text):
            raise ObjectRefused(UNREACHABLE, "busy") from None
        if "already open for write" in text or "SWMR" in text:
            try:
                return h5py.File(path, "r", locking=False, swmr=True)
            except OSError:
                raise ObjectRefused(
                    "The file is being written, or its writer ended without closing it. Try again later; if no"
                    f" program writes it, this takes the mark away: h5clear -s {shlex.quote(path.name)}",
                    "changed",
                ) from None
        if "truncated" in text:
            raise ObjectRefused("The file is truncated, or is still being written.") from None
        if "Permission" in text or "errno = 13" in text:
            raise ObjectRefused("The server may not read this file.") from None
        if "signature" in text:
            raise ObjectRefused("This is not an HDF5 file.") from None
        raise ObjectRefused("The HDF5 library cannot open this file; it may be damaged.") from None


def open_source(source: SourceFile) -> h5py.File:
    """Open a file through its directory's descriptor, so that its relative names are resolved there.

    Raises `ObjectRefused` when the directory has another file of that name by now.
    """
    file = open_file(Path(f"/proc/self/fd/{source.folder}", source.path.name))
    opened, expected = os.fstat(file.id.get_vfd_handle()), os.fstat(source.fd)
    if not os.path.samestat(opened, expected):
        file.close()
        raise ObjectRefused("The file was replaced while it was opened; open it again.", "changed")
    return file


@lru_cache(maxsize=1)
def _roots(paths: tuple[str, ...]) -> Roots:
    return Roots(Path(path) for path in paths)


def tree_of(job: Job) -> LinkResolver:
    """The file of a job: `source` if the parent has opened it, else the one at `path`."""
    return LinkResolver(job.path, _roots(job.roots), job.source)


@dataclass
class LinkResolver:
    """An open file and the targets of its external links, all below `roots`.

    At most `MAX_OPEN` linked files are open at a time (LRU); objects of a closed file are invalid. `visited` are
    all files that were opened, `absent` the targets that do not exist. With `noted`, opened objects are recorded
    for the parent.
    """

    path: Path
    roots: Roots
    source: SourceFile | None = None
    noted: bool = True
    sources: dict[str, SourceFile] = field(default_factory=dict)
    files: dict[Path, h5py.File] = field(default_factory=dict)
    visited: set[Path] = field(default_factory=set)
    absent: set[Path] = field(default_factory=set)
    _inodes: dict[Path, int] = field(default_factory=dict)

    def __enter__(self) -> LinkResolver:
        try:
            source = self.source or self.roots.open(self.path)
        except OSError as error:
            if error.errno in ABSENT_ERRNOS:
                raise ObjectRefused("The file is gone.", "not_found") from None
            raise ObjectRefused(UNREACHABLE, "busy") from None
        self._open(source)
        return self

    def __exit__(self, *_: object) -> None:
        for path in list(self.files):
            self._close(path)

    @property
    def root(self) -> h5py.Group:
        """The root group of the file itself."""
        return self.files[self.path]["/"]

    def open_linked_file(self, name: str, base: Path) -> h5py.File:
        """The file `name`, target of a link in the file `base`; raises `ObjectRefused`.

        One that an absolute name does not lead to, as it was written elsewhere, is looked for beside `base`.
        """
        self._touch(base)  # Marks it as used, so that it is not the one that is closed.
        try:
            return self._found(name, base)
        except (MissingFile, Outside) as refused:
            if not os.path.isabs(name):
                raise
            try:
                return self._found(Path(name).name, base)
            except MissingFile:
                raise refused from None

    def _found(self, name: str, base: Path) -> h5py.File:
        for _ in range(ATTEMPTS):
            try:
                path = Path(os.path.join(base.parent, name)).resolve()
            except (OSError, RuntimeError, ValueError):
                break
            try:
                return self._linked(path, name)
            except OSError as error:
                if error.errno not in ABSENT_ERRNOS:
                    raise ObjectRefused(UNREACHABLE, "busy") from None
                # Deleted, or replaced by a link after it was resolved.
        else:
            self.absent.add(path)
        raise MissingFile(_missing(name))

    def _is_elsewhere(self, name: str) -> bool:
        """Whether an absolute name leads out of the roots, so that its file was looked for beside the link's."""
        try:
            return os.path.isabs(name) and not self.roots.contains(Path(name).resolve())
        except (OSError, RuntimeError, ValueError):
            return False

    def path_of(self, found: Any) -> Path:
        """The path of the file of a group or dataset."""
        return self.sources[found.file.filename].path

    def _open(self, source: SourceFile) -> h5py.File:
        try:
            file = open_source(source)
        except BaseException:
            source.close()
            raise
        self.files[source.path] = file
        self.sources[file.filename] = source
        self._inodes[source.path] = source.fingerprint.inode
        self.visited.add(source.path)
        return file

    def _close(self, path: Path) -> None:
        file = self.files.pop(path)
        name = file.filename
        file.close()
        self.sources.pop(name).close()

    def _linked(self, path: Path, name: str) -> h5py.File:
        """The file at a resolved path, which a link calls `name`; opened unless it is open. Raises `OSError`."""
        # Checked first, so that the existence of files outside is not disclosed.
        if not self.roots.contains(path):
            raise Outside
        if path not in self.files:
            if not stat.S_ISREG(self.roots.stat(path).st_mode):
                raise ObjectRefused(f"The linked file {Path(name).name!r} is no regular file.")
            linked = [other for other in self.files if other != self.path]
            if len(linked) >= MAX_OPEN:
                self._close(linked[0])
            try:
                source = self.roots.open(path)
            except PermissionError:
                raise ObjectRefused("The server may not read this file.") from None
            self._open(source)
        self._touch(path)
        return self.files[path]

    def _touch(self, path: Path) -> None:
        self.files[path] = self.files.pop(path)

    def find(self, path: str) -> Any:
        """The group or dataset at an absolute `path`, with every link on it checked first."""
        return self.follow(self.root, path, self.path, MAX_LINKS)

    def find_in(self, file: Path, path: str) -> Any:
        """As `find`, in one of the visited files."""
        try:
            opened = self._linked(file, file.name)
        except OSError as error:
            busy = error.errno not in ABSENT_ERRNOS
            raise ObjectRefused(
                UNREACHABLE if busy else _missing(file.name), "busy" if busy else "not_found"
            ) from None
        return self.follow(opened["/"], path, file, MAX_LINKS)

    def follow(self, group: h5py.Group, path: str, base: Path, links: int) -> Any:
        """Target of `path`, absolute or relative to `group`, in the file `base`, over at most `links` links.

        Raises `ObjectRefused`: `not_found` when there is no such object, `Dangling` when a link on the path is
        broken.
        """
        if links <= 0:
            raise ObjectRefused("Too many links lead from one to the next.")
        here: Any = self.files[base]["/"] if path.startswith("/") else group
        steps = [step for step in path.split("/") if step not in ("", ".")]
        if len(steps) > MAX_STEPS:
            raise ObjectRefused("The path is too deep.")
        for number, step in enumerate(steps):
            link = _link(here, step)
            if link is None:
                raise ObjectRefused(f"There is nothing at {path!r}.", "not_found")
            if isinstance(link, h5py.HardLink):
                if self.noted:
                    self._reach(base, int(here.id.links.get_info(step.encode()).u))
                here = get_hard_link(here, step)
                continue
            target = self._target(here, link, base, links - 1)
            rest = "/".join(steps[number + 1 :])
            if not rest:
                return target
            if not isinstance(target, h5py.Group):
                raise ObjectRefused(f"There is nothing at {path!r}.", "not_found")
            return self.follow(target, rest, self.path_of(target), links - 1)
        return here

    def _target(self, group: h5py.Group, link: Any, base: Path, links: int) -> Any:
        """Target of a soft or external link in a group."""
        try:
            if isinstance(link, h5py.SoftLink):
                return self.follow(group, link.path, base, links)
            other = self.open_linked_file(link.filename, base)
            path = self.path_of(other)
            try:
                return self.follow(other["/"], link.path, path, links)
            except ObjectRefused as refused:
                # The file of that name beside this one is not the one that is meant.
                if refused.code == "not_found" and self._is_elsewhere(link.filename):
                    raise Outside from None
                raise
        except ObjectRefused as refused:
            if refused.code != "not_found" and not isinstance(refused, Dangling):
                raise
            raise Dangling(_leads_nowhere(link, refused)) from None

    def _reach(self, file: Path, address: int) -> None:
        progress.reach(self._inodes[file], address)

    def open_hard(self, group: Any, name: bytes, file: Path, address: int) -> Any:
        """Low-level identifier of the target of a hard link to `address` in a group."""
        self._reach(file, address)
        try:
            return h5py.h5o.open(group, name)
        except UNREADABLE:
            raise ObjectRefused(DAMAGED) from None


def get_hard_link(group: h5py.Group, name: str) -> Any:
    """The target of a hard link; a damaged one raises an error with a sentence."""
    try:
        return group[name]
    except UNREADABLE:
        raise ObjectRefused(DAMAGED) from None


def _link(group: Any, name: str) -> Any:
    """The link `name` of a group, or None when there is none."""
    if not isinstance(group, h5py.Group):
        return None
    try:
        return group.get(name, getlink=True)
    except (KeyError, RuntimeError, ValueError, TypeError):
        return None


def _missing(name: str) -> str:
    return f"The linked file {Path(name).name!r} is missing."


def _leads_nowhere(link: Any, why: ObjectRefused) -> str:
    """Target of a broken link; of a path to another file the last component alone."""
    if isinstance(why, Dangling) and not isinstance(why, MissingFile):
        return why.message  # A link further along the path is broken and names its target.
    if isinstance(link, h5py.SoftLink):
        return f"It is a link that leads to {link.path!r}, which does not exist."
    name = Path(link.filename).name
    if isinstance(why, MissingFile):
        return f"It is a link that leads to {link.path!r} in the file {name!r}, which is missing."
    return f"It is a link that leads to {link.path!r} in {name!r}, which does not exist there."
