"""The data roots as directory descriptors, relative to which every file below them is opened.

A path that is resolved and then opened by name is subject to a race: a directory of it may be replaced by a link
in between. A path is therefore opened component by component from the descriptor of its root with `O_NOFOLLOW`,
so that no replacement leads out of the root. A hard link below a root is a file of that root like any other,
since it cannot be distinguished from the original name.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dashboard import errors
from dashboard.addressing.addresses import Fingerprint

T = TypeVar("T")

# Refusals of links to files that are not below a root end with these words.
OUTSIDE = "outside the data roots"

# Errors of opening or finding a file that is not accessible to this server, whatever the reason.
ABSENT_ERRNOS = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EINVAL,
        errno.EISDIR,
        errno.ENXIO,
        errno.EACCES,
        errno.EPERM,
    }
)

# Errors of the machine or its storage, independent of the file's content.
UNREACHABLE_ERRNOS = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.EAGAIN,
        errno.EINTR,
        errno.EBUSY,
        errno.ENODEV,
        errno.ENOBUFS,
        errno.ENOLINK,
        errno.EREMOTEIO,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ENOTCONN,
    }
)

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO would otherwise wait for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def out_of_reach(error: OSError) -> errors.Busy | None:
    """The `Busy` error for errors of the machine (no descriptors, no memory, storage unreachable), or None."""
    if error.errno in ABSENT_ERRNOS:
        return None
    return errors.Busy("The server cannot reach its files just now; try again in a moment.")


class SourceFile:
    """A file opened for reading, with its directory; `close` closes both descriptors.

    `path` has no links in it. `fingerprint` is that of the descriptor.
    """

    __slots__ = ("fd", "fingerprint", "folder", "path")

    def __init__(self, path: Path, folder: int, fd: int) -> None:
        self.path = path
        self.folder = folder
        self.fd = fd
        self.fingerprint = Fingerprint.of(os.fstat(fd))

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptors that are still open."""
        for fd in (self.fd, self.folder):
            if fd >= 0:
                os.close(fd)
        self.fd = self.folder = -1

    def duplicate(self) -> SourceFile:
        """The same open file, which is closed independently of this one."""
        with ExitStack() as undo:
            folder = os.dup(self.folder)
            undo.callback(os.close, folder)
            fd = os.dup(self.fd)
            undo.callback(os.close, fd)
            source = SourceFile(self.path, folder, fd)
            undo.pop_all()
        return source

    def release(self) -> int:
        """Return the file's descriptor, which the caller has to close, and close the directory's."""
        fd, self.fd = self.fd, -1
        self.close()
        return fd


class _Anchor:
    """The descriptor of a directory, closed after its last use."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open("/", _FOLDER)
        for part in path.parts[1:]:
            try:
                below = os.open(part, _FOLDER, dir_fd=self.fd)
            finally:
                os.close(self.fd)
                # There is nothing to close if opening it failed.
                self.fd = -1
            self.fd = below
        info = os.fstat(self.fd)
        self.identity = info.st_dev, info.st_ino

    def __del__(self) -> None:
        if getattr(self, "fd", -1) >= 0:
            with suppress(OSError):
                os.close(self.fd)


@dataclass(frozen=True, slots=True)
class _Root:
    """A root: a whole directory, or one file (`name`) in it."""

    path: Path
    folder: Path
    name: str

    def below(self, path: str) -> list[str] | None:
        """The components of a resolved path relative to the directory, or None if it is not below this root."""
        if path == str(self.path):
            return [self.name or "."]
        start = _with_slash(self.path)
        if self.name or not path.startswith(start):
            return None
        return path[len(start) :].split("/")


def _with_slash(folder: Path) -> str:
    text = str(folder)
    return text if text.endswith("/") else text + "/"


class Roots:
    """Resolved root paths, and the descriptors from which paths below them are opened.

    Descriptors are opened once. A root that has been replaced by another directory since (recreated or
    remounted) is opened again, without following links. `links` are the roots that links from below a root may
    lead to, for those from which they may not lead to all; with `alone`, what files store as links and sources may
    not lead to any other file.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        links: Mapping[Path, Iterable[Path]] | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self.alone = alone
        self._roots: list[_Root] = []
        for path in paths:
            if path.is_dir():
                self._roots.append(_Root(path, path, ""))
            else:
                self._roots.append(_Root(path, path.parent, path.name))
        self._anchors: dict[Path, _Anchor] = {}
        self._lock = threading.Lock()
        for root in self._roots:
            # A root that does not exist now is looked up again when it is needed.
            with suppress(OSError):
                self._anchor(root.folder)
        reaches: dict[frozenset[Path], Roots] = {}
        self._reaches: list[tuple[_Root, Roots]] = []
        for root in self._roots:
            reach = frozenset(self.paths if links is None else links.get(root.path, self.paths))
            if not reach.issuperset(self.paths):
                if reach not in reaches:
                    reaches[reach] = Roots(path for path in self.paths if path in reach)
                self._reaches.append((root, reaches[reach]))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The roots."""
        return tuple(root.path for root in self._roots)

    def contains(self, path: Path) -> bool:
        """Whether a resolved path is below a root, or is one."""
        return any(root.below(os.fspath(path)) is not None for root in self._roots)

    def linked_from(self, path: Path) -> Roots:
        """The roots that links from the file at a resolved path may lead to; one object for each set of them."""
        text = os.fspath(path)
        return next((reach for root, reach in self._reaches if root.below(text) is not None), self)

    @property
    def reaches(self) -> list[Roots]:
        """The sets of roots that links from any root may lead to."""
        found = {id(reach): reach for _, reach in self._reaches}
        if len(self._reaches) < len(self._roots) or not self._roots:
            found[id(self)] = self
        return list(found.values())

    def identity(self) -> tuple[tuple[int, int], ...]:
        """Identity of the directories and files that are the roots at present."""
        found = []
        for root in self._roots:
            try:
                info = os.stat(root.path)
                found.append((info.st_dev, info.st_ino))
            except OSError:
                found.append((0, 0))
        return tuple(found)

    def stat(self, path: Path) -> os.stat_result:
        """Status of a path without links; `OSError` (ELOOP for a link, ENOENT outside the roots)."""
        return self._walk(path, _resolve)

    def open(self, path: Path) -> SourceFile:
        """Open the regular file at a path without links; `OSError` as `stat`, or ENXIO."""

        def opened(folder: int, name: str) -> SourceFile:
            with ExitStack() as undo:
                fd = os.open(name, _READ, dir_fd=folder)
                undo.callback(os.close, fd)
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise OSError(errno.ENXIO, "no regular file")
                source = SourceFile(path, os.dup(folder), fd)
                undo.pop_all()
            return source

        return self._walk(path, opened)

    def open_folder(self, path: Path) -> int:
        """A descriptor for listing the directory at a path without links."""
        return self._walk(
            path,
            lambda folder, name: os.open(
                name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
            ),
        )

    def _anchor(self, folder: Path) -> _Anchor:
        anchor = self._anchors.get(folder)
        if anchor is not None:
            info = os.stat(folder)
            if (info.st_dev, info.st_ino) == anchor.identity:
                return anchor
        with self._lock:
            # The old descriptor may be in use by another thread; it is closed after its last use.
            anchor = self._anchors[folder] = _Anchor(folder)
        return anchor

    def _walk(self, path: Path, last: Callable[[int, str], T]) -> T:
        text = os.fspath(path)
        for root in self._roots:
            parts = root.below(text)
            if parts is not None:
                break
        else:
            raise OSError(errno.ENOENT, "outside the roots")
        anchor = self._anchor(root.folder)
        here, opened = anchor.fd, -1
        try:
            for part in parts[:-1]:
                below = os.open(part, _FOLDER, dir_fd=here)
                if opened >= 0:
                    os.close(opened)
                here = opened = below
            return last(here, parts[-1])
        finally:
            if opened >= 0:
                os.close(opened)


def _resolve(folder: int, name: str) -> os.stat_result:
    info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(info.st_mode):
        raise OSError(errno.ELOOP, "a link")
    return info
