"""The files that may be read, below the data roots, by catalogue name.

A name is `ROOT` for a root that is a file, `ROOT/below/it.h5` for a file of a directory root. No other code
converts a name to a path. Links may have any target below a root, so names are resolved; the resolved path is
then opened without following links (`roots.py`).
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dashboard.addressing.addresses import Fingerprint, digest
from dashboard.addressing.outcomes import Stage
from dashboard.errors import BadRequest, CannotShow, Changed, NotFound, SetupError
from dashboard.files.natural_order import natural_key, natural_path_key
from dashboard.files.roots import Roots, SourceFile, out_of_reach
from dashboard.files.signature import PROBE_S, FileKinds, has_signature
from dashboard.meter import meter

T = TypeVar("T")

MAX_LISTED = 20_000
MAX_DEPTH = 12
MAX_NAME = 1024

# Fingerprint of a file that does not exist (yet).
ABSENT = Fingerprint(0, 0, 0, 0)

# Inodes that names have to lead to in this context, by name: somebody else may exchange a link after it was
# decided who may read the file.
_EXPECTED: ContextVar[Mapping[str, int]] = ContextVar("expected")

# Number of attempts to resolve a name with links while its directories are being replaced.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the catalogue; `size` in bytes, `modified` in Unix seconds."""

    file: str
    size: int
    modified: float


@dataclass(slots=True)
class _Probe:
    """A listing: until when files may be opened for it, and whether that was enough."""

    until: float
    complete: bool = True


def parse_roots(paths: Sequence[str]) -> dict[str, Path]:
    """Name → resolved path, from `PATH` or `NAME=PATH`; `SetupError` when one cannot be served."""
    roots: dict[str, Path] = {}
    for text in paths:
        name, path = _named(text)
        if name in roots:
            raise SetupError(f"Two roots are called {name!r}; give each its own name: NAME=PATH.")
        roots[name] = path
    return roots


def expect(file: str, inode: int) -> None:
    """Let a name lead to the file with this inode alone, for the rest of this context."""
    _EXPECTED.set({**_EXPECTED.get({}), file: inode})


def expect_anything() -> None:
    """Let names lead to any file again."""
    _EXPECTED.set({})


def _named(text: str) -> tuple[str, Path]:
    given, sep, rest = text.partition("=")
    explicit = bool(sep) and "/" not in given and not Path(text).exists()
    shown = rest if explicit else text
    path = resolved_root(shown)
    name = given if explicit else (path.name if Path(shown).is_symlink() else Path(shown).name)
    if name in ("", ".."):
        name = path.name or "root"
    if not name.isprintable():
        raise SetupError(f"The name {name!r} has characters that cannot be shown; use NAME=PATH.")
    return name, path


def resolved_root(shown: str) -> Path:
    """The resolved path of a root that can be served, else `SetupError`."""
    try:
        path = Path(shown).expanduser().resolve(strict=True)
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            os.listdir(path)
        elif not stat.S_ISREG(mode):
            raise SetupError(f"{shown} is neither a file nor a folder.")
        elif not has_signature(path):
            raise SetupError(f"{shown} is not an HDF5 file.")
    except FileNotFoundError:
        raise SetupError(f"{shown} does not exist.") from None
    except (PermissionError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, SetupError):
            raise
        raise SetupError(f"{shown} cannot be read: {_why(error)}.") from None
    return path


def _why(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or "unknown reason").lower()


class Catalog:
    """The data roots and the files below them.

    `reach` has the names of the roots that links from each root may lead to, all where it is None; `alone` is as
    in `Roots`. `kinds` tells which files of a directory are listed.
    """

    def __init__(
        self,
        roots: Mapping[str, Path],
        reach: Mapping[str, Collection[str]] | None = None,
        *,
        alone: bool = False,
        kinds: FileKinds | None = None,
    ) -> None:
        self._named = dict(roots)
        self._kinds = kinds or FileKinds()
        links = {
            self._named[name]: [self._named[other] for other in reachable]
            for name, reachable in (reach or {}).items()
        }
        self.beneath = Roots(self._named.values(), links, alone=alone)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The resolved roots, which external links may lead to as well."""
        return tuple(self._named.values())

    def path(self, file: str) -> Path:
        """The path of a name below a root, not resolved; no file is accessed.

        Raises `BadRequest` for an invalid name, and `NotFound` for one below no root.
        """
        return self._joined(file)

    def may_link(self, file: Path, others: Iterable[Path]) -> bool:
        """Whether the file at a resolved path may have links and sources that lead to these resolved paths."""
        if self.beneath.alone:
            return all(other == file for other in others)
        reach = self.beneath.linked_from(file)
        return all(reach.contains(other) for other in others)

    def reach_digest(self, file: Path) -> str:
        """Names the roots that links from the file at a resolved path may lead to; empty for all of them."""
        reach = self.beneath.linked_from(file)
        if reach is self.beneath and not self.beneath.alone:
            return ""
        return "alone" if self.beneath.alone else digest("reach", *sorted(map(str, reach.paths)))

    def listed(self, names: Collection[str] | None = None) -> tuple[list[FileEntry], bool]:
        """The files, of the roots `names` alone if they are given, and whether the listing is complete."""
        found: list[FileEntry] = []
        probing = _Probe(time.monotonic() + PROBE_S)
        for name, root in self._named.items():
            if names is not None and name not in names:
                continue
            try:
                info = self.beneath.stat(root)
                if stat.S_ISDIR(info.st_mode):
                    found.extend(self._below(name, root, probing))
                elif stat.S_ISREG(info.st_mode):
                    found.append(FileEntry(name, info.st_size, info.st_mtime))
            except OSError as error:
                _skip(error)
            if len(found) > MAX_LISTED:
                break
        shown = sorted(found[:MAX_LISTED], key=lambda entry: natural_path_key(entry.file))
        return shown, len(found) <= MAX_LISTED and probing.complete

    @meter(Stage.READ)
    def fingerprint(self, file: str) -> tuple[Path, Fingerprint]:
        """The resolved path of `file` and its current fingerprint.

        Raises `BadRequest` for an invalid name, `NotFound` for a file that is missing, outside the roots or not
        regular (the client cannot distinguish these), and `Busy` when the machine is at fault.
        """
        path, info = self._reached(file, lambda roots, path: roots.stat(path))
        inode = _EXPECTED.get({}).get(file, info.st_ino)
        if not stat.S_ISREG(info.st_mode) or inode != info.st_ino:
            raise absent(file)
        return path, Fingerprint.of(info)

    @meter(Stage.READ)
    def source(self, file: str) -> SourceFile:
        """`file` opened for reading; raises as `fingerprint`, and `CannotShow` without the permission."""

        def opened(roots: Roots, path: Path) -> SourceFile:
            try:
                return roots.open(path)
            except PermissionError:
                # A directory without search permission hides its files.
                roots.stat(path)
                raise CannotShow(f"The server may not read {file!r}.") from None

        return self._reached(file, opened)[1]

    @meter(Stage.READ)
    def linked(self, path: Path) -> SourceFile:
        """Open the target of another file's link, by its resolved path, for reading.

        Raises `NotFound` when it was deleted or replaced by a link, and `Busy`.
        """
        try:
            return self.beneath.open(path)
        except OSError as error:
            _skip(error)
            raise NotFound("The linked file is gone.") from None

    @meter(Stage.READ)
    def state(self, path: Path) -> Fingerprint:
        """The fingerprint of the file at a resolved path, `ABSENT` if there is none.

        Raises `Changed` when it was replaced by a link, and `Busy`.
        """
        try:
            return Fingerprint.of(self.beneath.stat(path))
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT
        except OSError as error:
            _skip(error)
            raise Changed("A linked file changed while it was read; open it again.") from None

    @meter(Stage.READ)
    def holds(self, known: Iterable[tuple[Path, Fingerprint]]) -> bool:
        """Whether files still have these fingerprints; raises `Busy`."""
        try:
            return all(self.state(path) == fingerprint for path, fingerprint in known)
        except Changed:
            return False

    def _reached(self, file: str, act: Callable[[Roots, Path], T]) -> tuple[Path, T]:
        """Result of `act` on the resolved path of `file`, and that path."""
        start = path = self._joined(file)
        roots = self.beneath.linked_from(start)
        try:
            # Most names contain no link, and resolving a name takes longer than opening it component by component.
            return path, act(roots, path)
        except OSError as error:
            _skip(error)
        for _ in range(ATTEMPTS):
            try:
                path = start.resolve(strict=True)
            except (RuntimeError, ValueError):
                break
            except OSError as error:
                _skip(error)
                break
            try:
                return path, act(roots, path)
            except OSError as error:
                # The path that was just resolved is a link or missing: directories are being replaced.
                _skip(error)
            if not roots.contains(path):
                break
        raise absent(file)

    def _joined(self, file: str) -> Path:
        """The path of a name before links in it are resolved."""
        check_name(file)
        name, _, rest = file.partition("/")
        root = self._named.get(name)
        if root is None:
            root, rest = self._named.get(file), ""
        if root is None:
            raise absent(file)
        if os.path.isabs(rest) or ".." in rest.split("/"):
            raise absent(file)
        return root / rest if rest else root

    def _below(self, name: str, root: Path, probing: _Probe) -> Iterator[FileEntry]:
        """The files of a directory root; each directory is opened relative to its parent."""
        seen = 0
        folders = [(root, name, 0)]
        while folders:
            here, shown, depth = folders.pop()
            try:
                fd = self.beneath.open_folder(here)
            except OSError as error:
                _skip(error)
                continue
            try:
                deeper = []
                with os.scandir(fd) as scanned:
                    entries = sorted(
                        (entry for entry in scanned if not entry.name.startswith(".")),
                        key=lambda entry: natural_key(entry.name),
                    )
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if depth < MAX_DEPTH:
                            deeper.append((here / entry.name, f"{shown}/{entry.name}", depth + 1))
                        continue
                    found = self._entry(f"{shown}/{entry.name}", entry, fd, probing)
                    if found is not None:
                        yield found
                        seen += 1
                    if seen > MAX_LISTED:
                        return
                folders.extend(reversed(deeper))
            finally:
                os.close(fd)

    def _entry(
        self, file: str, entry: os.DirEntry[str], folder: int, probing: _Probe
    ) -> FileEntry | None:
        if not self._kinds.may_be(entry.name):
            return None
        try:
            file.encode()  # A name that is not UTF-8 cannot be sent as JSON.
            if entry.is_symlink():
                return self._linked_entry(file, probing)
            info = entry.stat(follow_symlinks=False)
            if self._is_listed(folder, entry.name, info, probing):
                return FileEntry(file, info.st_size, info.st_mtime)
        except (NotFound, BadRequest, UnicodeEncodeError):
            pass
        except OSError as error:
            _skip(error)
        return None

    def _linked_entry(self, file: str, probing: _Probe) -> FileEntry | None:
        path, info = self._reached(file, lambda roots, path: roots.stat(path))
        name = file.rpartition("/")[2]
        if self._kinds.known_by_name(name):
            listed = stat.S_ISREG(info.st_mode)
        else:
            folder = self.beneath.open_folder(path.parent)
            try:
                listed = self._is_listed(folder, path.name, info, probing)
            finally:
                os.close(folder)
        return FileEntry(file, info.st_size, info.st_mtime) if listed else None

    def _is_listed(self, folder: int, name: str, info: os.stat_result, probing: _Probe) -> bool:
        if self._kinds.known_by_name(name):
            return stat.S_ISREG(info.st_mode)
        found = self._kinds.is_hdf5(folder, name, info, probing.until)
        probing.complete &= found is not None
        return bool(found)


def check_name(file: str) -> None:
    """Raise `BadRequest` for what cannot be the name of a file."""
    if not file or len(file) > MAX_NAME or "\0" in file:
        raise BadRequest("That is not the name of a file.")


def absent(file: str) -> NotFound:
    """The error for a file that does not exist, and for one that the caller must not know of."""
    return NotFound(f"There is no file {file!r}.")


def _skip(error: OSError) -> None:
    """Ignore the error of a missing file; raise `Busy` for an error of the machine."""
    busy = out_of_reach(error)
    if busy is not None:
        raise busy from error
