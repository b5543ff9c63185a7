"""The data roots as descriptors: every file below them is opened and looked up by way of these.

A path that was resolved and is then opened by name can lead elsewhere: a folder on the way may have
been exchanged for a link in between. So a path is walked component by component from the descriptor
of its root with `O_NOFOLLOW`, which no exchange leads out of that root. A hard link below a root is a
file of that root like any other: nothing tells it from the name that it was made from.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dashboard import errors
from dashboard.addressing.addresses import Fingerprint

T = TypeVar("T")

# What opening or finding a file reports when it is not there for this server, whatever the reason.
ABSENT = frozenset(
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

# What reading reports when the machine or its storage is at fault, whatever is in the file.
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
# O_NONBLOCK: a FIFO would else wait for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def out_of_reach(error: OSError) -> errors.Busy | None:
    """The answer to an error that says nothing of the file: no descriptors, no memory, storage away."""
    if error.errno in ABSENT:
        return None
    return errors.Busy("The server cannot reach its files just now; try again in a moment.")


class SourceFile:
    """A file that was opened for reading, with its folder; both descriptors are closed by `close`.

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
        """Close the descriptors that are open still."""
        for fd in (self.fd, self.folder):
            if fd >= 0:
                os.close(fd)
        self.fd = self.folder = -1

    def release(self) -> int:
        """The file's descriptor, now the caller's to close; the folder's is closed."""
        fd, self.fd = self.fd, -1
        self.close()
        return fd


class _Anchor:
    """The descriptor of a folder, closed when nobody uses it any more."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open("/", _FOLDER)
        for part in path.parts[1:]:
            try:
                below = os.open(part, _FOLDER, dir_fd=self.fd)
            finally:
                os.close(self.fd)
                # Nothing to close if this was the last that could be opened.
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
    """A root: all of a folder, or one file (`name`) in it."""

    path: Path
    folder: Path
    name: str

    def below(self, path: str) -> list[str] | None:
        """The components of a resolved path from the folder on, or None for what is not of this root."""
        if path == str(self.path):
            return [self.name or "."]
        start = _released(self.path)
        if self.name or not path.startswith(start):
            return None
        return path[len(start) :].split("/")


def _released(folder: Path) -> str:
    text = str(folder)
    return text if text.endswith("/") else text + "/"


class Roots:
    """Resolved root paths and the descriptors that paths below them are walked from.

    Descriptors are opened once. Where another folder has taken a root's place since (it was moved and
    made anew, or mounted again), that one is opened, again without following links.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._roots: list[_Root] = []
        for path in paths:
            if path.is_dir():
                self._roots.append(_Root(path, path, ""))
            else:
                self._roots.append(_Root(path, path.parent, path.name))
        self._anchors: dict[Path, _Anchor] = {}
        self._lock = threading.Lock()
        for root in self._roots:
            # One that is not there now is looked for again when it is needed.
            with suppress(OSError):
                self._anchor(root.folder)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The roots."""
        return tuple(root.path for root in self._roots)

    def contains(self, path: Path) -> bool:
        """Whether a resolved path lies under a root, or is one."""
        return any(root.below(os.fspath(path)) is not None for root in self._roots)

    def identity(self) -> tuple[tuple[int, int], ...]:
        """Which folders and files the roots are at present."""
        found = []
        for root in self._roots:
            try:
                info = os.stat(root.path)
                found.append((info.st_dev, info.st_ino))
            except OSError:
                found.append((0, 0))
        return tuple(found)

    def stat(self, path: Path) -> os.stat_result:
        """What lies at a path without links; `OSError` (ELOOP for a link, ENOENT outside the roots)."""
        return self._walk(path, _resolve)

    def open(self, path: Path) -> SourceFile:
        """The regular file at a path without links; `OSError` as `stat`, or ENXIO."""

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
        """A descriptor that the folder at a path without links can be listed by."""
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
            # The old one may be in use by another thread, and is closed after its last use.
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
