"""The files that may be read: what lies under the data roots, by catalogue name.

A name is `ROOT` for a root that is a file, `ROOT/below/it.h5` for a file of a folder root. Nothing
else in the product turns a name into a path, so containment is decided here alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.errors import BadRequest, CannotShow, NotFound, SetupError
from dashboard.volumes.address import Fingerprint
from dashboard.volumes.natural import natural_key, natural_path_key

SIGNATURE = b"\x89HDF\r\n\x1a\n"

# Names that HDF5 files go by; a folder is listed by these, since looking into each file would be
# slow.
SUFFIXES = frozenset(
    ".h5 .hdf5 .hdf .he5 .h5p .h5ad .nc .nc4 .nxs .nexus .cxi .mat .ims .emd .loom .dream3d .mnc".split()
)
MAX_LISTED = 20_000
MAX_DEPTH = 12
MAX_NAME = 1024


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the catalogue; `size` in bytes, `modified` in Unix seconds."""

    file: str
    size: int
    modified: float


def has_signature(path: Path) -> bool:
    """Whether the HDF5 signature stands at 0, 512, 1024, 2048 … (format specification, section II.A)."""
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        offset = 0
        while offset + len(SIGNATURE) <= size:
            if os.pread(stream.fileno(), len(SIGNATURE), offset) == SIGNATURE:
                return True
            offset = 512 if offset == 0 else offset * 2
    return False


def parse_roots(paths: Sequence[str]) -> dict[str, Path]:
    """Name → resolved path, from `PATH` or `NAME=PATH`; `SetupError` when one cannot be served."""
    roots: dict[str, Path] = {}
    for text in paths:
        name, path = _named(text)
        if name in roots:
            raise SetupError(f"Two roots are called {name!r}; tell them apart with NAME=PATH.")
        roots[name] = path
    return roots


def _named(text: str) -> tuple[str, Path]:
    given, sep, rest = text.partition("=")
    explicit = bool(sep) and "/" not in given and not Path(text).exists()
    shown = rest if explicit else text
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
    name = given if explicit else (path.name if Path(shown).is_symlink() else Path(shown).name)
    if name in ("", ".."):
        name = path.name or "root"
    if not name.isprintable():
        raise SetupError(f"The name {name!r} has characters that cannot be shown; use NAME=PATH.")
    return name, path


def _why(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or "unknown reason").lower()


class Catalog:
    """The data roots and the files below them."""

    def __init__(self, roots: Mapping[str, Path]) -> None:
        self._roots = dict(roots)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The resolved roots, which external links may lead to as well."""
        return tuple(self._roots.values())

    def files(self) -> list[FileEntry]:
        """All files that can be opened, in natural order of their names; at most `MAX_LISTED`."""
        return self.listed()[0]

    def listed(self) -> tuple[list[FileEntry], bool]:
        """What `files` gives, and whether that is all of them."""
        found: list[FileEntry] = []
        for name, root in self._roots.items():
            if root.is_dir():
                found.extend(self._below(name, root))
            elif (entry := self._entry(name, root)) is not None:
                found.append(entry)
            if len(found) > MAX_LISTED:
                break
        shown = sorted(found[:MAX_LISTED], key=lambda entry: natural_path_key(entry.file))
        return shown, len(found) <= MAX_LISTED

    def path(self, file: str) -> Path:
        """The resolved path of `file`.

        Raises `BadRequest` for a name that cannot be one and `NotFound` for whatever is missing,
        lies outside the roots or is no regular file; the caller cannot tell which.
        """
        if not file or len(file) > MAX_NAME or "\0" in file:
            raise BadRequest("That is not the name of a file.")
        name, _, rest = file.partition("/")
        root = self._roots.get(name)
        if root is None:
            root, rest = self._roots.get(file), ""
        if root is None:
            raise NotFound(f"There is no file {file!r}.")
        try:
            path = (root / rest).resolve(strict=True) if rest else root
            regular = stat.S_ISREG(path.stat().st_mode)
        except (OSError, RuntimeError, ValueError):
            raise NotFound(f"There is no file {file!r}.") from None
        parts = rest.split("/")
        if ".." in parts or os.path.isabs(rest) or not regular or not self.contains(path):
            raise NotFound(f"There is no file {file!r}.")
        if rest and root.is_file():
            raise NotFound(f"There is no file {file!r}.")
        return path

    def contains(self, path: Path) -> bool:
        """Whether a resolved path lies under a root (or is one)."""
        return any(path == root or path.is_relative_to(root) for root in self._roots.values())

    def fingerprint(self, file: str) -> tuple[Path, Fingerprint]:
        """The path of `file` and the fingerprint of what lies there now."""
        path = self.path(file)
        try:
            return path, Fingerprint.of(path.stat())
        except OSError:
            raise NotFound(f"There is no file {file!r}.") from None

    def open(self, file: str) -> tuple[int, Fingerprint]:
        """A read-only descriptor of `file`, the caller's to close, and its fingerprint."""
        path = self.path(file)
        try:
            # Neither following a link that was swapped in since, nor waiting for the writer of a
            # FIFO.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except PermissionError:
            raise CannotShow(f"The server may not read {file!r}.") from None
        except OSError:
            raise NotFound(f"There is no file {file!r}.") from None
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            os.close(fd)
            raise NotFound(f"There is no file {file!r}.")
        return fd, Fingerprint.of(info)

    def _below(self, name: str, root: Path) -> Iterator[FileEntry]:
        seen = 0
        for folder, folders, files in os.walk(root):
            here = Path(folder)
            depth = len(here.relative_to(root).parts)
            folders[:] = (
                sorted((f for f in folders if not f.startswith(".")), key=natural_key)
                if depth < MAX_DEPTH
                else []
            )
            for file in sorted(files, key=natural_key):
                if file.startswith(".") or Path(file).suffix.lower() not in SUFFIXES:
                    continue
                path = here / file
                entry = self._entry(f"{name}/{path.relative_to(root).as_posix()}", path)
                if entry is not None:
                    yield entry
                    seen += 1
                if seen > MAX_LISTED:
                    return

    def _entry(self, name: str, path: Path) -> FileEntry | None:
        try:
            resolved = path.resolve(strict=True)
            info = resolved.stat()
            name.encode()  # a name that is no UTF-8 cannot travel in JSON
        except (OSError, RuntimeError, UnicodeEncodeError):
            return None
        if not stat.S_ISREG(info.st_mode) or not self.contains(resolved):
            return None
        return FileEntry(name, info.st_size, info.st_mtime)
