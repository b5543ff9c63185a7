"""Sources of virtual and external datasets, checked before the library opens any of them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from dashboard.files.roots import ABSENT_ERRNOS, OUTSIDE
from dashboard.hdf5.worker import confine
from dashboard.hdf5.worker.filters import client_data_fault
from dashboard.hdf5.worker.links import UNREACHABLE, Dangling, LinkResolver
from dashboard.hdf5.worker.refused import ObjectRefused

MAX_DEPTH = 4
MAX_SOURCES = 10_000
# Missing sources that are named to the viewer.
MAX_NAMED = 5


@dataclass
class Sources:
    """Sources of a dataset whose values are not in its own file.

    `depends` are the files, `absent` those that do not exist (yet), `missing` the names of the sources whose
    file or dataset is missing, or lies `outside` the roots, of `count` in all.
    """

    depends: set[Path] = field(default_factory=set)
    absent: set[Path] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    outside: bool = False
    count: int = 0

    @property
    def nothing_there(self) -> str:
        """Why none of the sources can be read; empty where one can, or where there is none."""
        if not self.missing or len(self.missing) < self.count:
            return ""
        if self.outside:
            return f"One of its virtual sources lies {OUTSIDE}."
        return f"Its virtual source {self.missing[0]!r} is missing."

    def warning(self) -> str:
        """A warning for the viewer: the library reads missing sources as the fill value."""
        if not self.missing:
            return ""
        state = f"missing, or {OUTSIDE}" if self.outside else "missing"
        first = f"Its virtual source {self.missing[0]!r} is {state}"
        if len(self.missing) > 1:
            named = ", ".join(map(repr, self.missing[:MAX_NAMED]))
            more = ", …" if len(self.missing) > MAX_NAMED else ""
            first = f"{len(self.missing):,} of its {self.count:,} virtual sources are {state}: {named}{more}"
        return f"{first}; these voxels are shown with the fill value."


def virtual_sources(tree: LinkResolver, dataset: h5py.Dataset) -> Sources:
    """The files that a virtual dataset reads, and those that are missing.

    A source that lies outside the roots counts as missing: the kernel keeps the library from it. Raises
    `ObjectRefused` where a source that is there is virtual or linked itself and leads outside.
    """
    found = Sources()
    _collect(tree, dataset, found, MAX_DEPTH)
    if found.depends or found.absent or found.outside:
        _need_confinement()
    return found


def by_name(tree: LinkResolver, dataset: h5py.Dataset) -> None:
    """Raise `ObjectRefused` if reading makes the library open other files by name without confinement."""
    if confine.active():
        return
    plist = dataset.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        virtual_sources(tree, dataset)
    elif plist.get_external_count():
        external_files(tree, dataset)


def check_opened(tree: LinkResolver, dataset: h5py.Dataset, box: list[tuple[int, int]]) -> None:
    """Raise `ObjectRefused` unless the library has all sources open that a box of a virtual dataset needs.

    A source that it cannot open counts as missing and reads as the fill value, which must not be served because
    a directory was moved for a moment. Called right after the read, since sources are closed with the dataset.
    Only the sources that the dataset names itself are checked.
    """
    plist = dataset.id.get_create_plist()
    if plist.get_layout() != h5py.h5d.VIRTUAL:
        return
    base = tree.path_of(dataset)
    own = box[: len(dataset.shape)]  # Elements are read whole.
    start, count = tuple(a for a, _ in own), tuple(b - a for a, b in own)
    needed: set[tuple[str, str]] = set()
    for number in range(plist.get_virtual_count()):
        source = plist.get_virtual_filename(number), plist.get_virtual_dsetname(number)
        if source[0] != "." and source not in needed:
            space = plist.get_virtual_vspace(number)
            if _is_numbered(*source):
                needed.update(_block_sources(source, space, start, count))
            elif _touches(space, start, count):
                needed.add(source)
    opened = _open_files() if needed else set()
    for name, inner in needed:
        found = Sources()
        path = _candidate(tree, name, base, found)
        if path is None or _inode(tree, path) in opened:
            continue  # The parent knows of missing sources and checks whether they still are.
        with LinkResolver(path, tree.roots, noted=False) as other:
            _check_source(other, inner, found, MAX_DEPTH)
        if not found.missing:
            raise ObjectRefused(
                "A virtual source changed while it was read; open it again.", "changed"
            )


def _touches(space: Any, start: tuple[int, ...], count: tuple[int, ...]) -> bool:
    try:
        space.select_hyperslab(start, count, op=h5py.h5s.SELECT_AND)
        return bool(space.get_select_npoints())
    except (RuntimeError, ValueError, TypeError):
        # An unlimited selection is checked by its first voxel alone.
        low = space.get_select_bounds()[0]
        return all(at < a + n for at, a, n in zip(low, start, count, strict=True))


def _open_files() -> set[tuple[int, int]]:
    """Device and inode of all open files of this process."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # The descriptor of the directory listing itself is already closed.
            info = os.fstat(int(name))
            found.add((info.st_dev, info.st_ino))
    return found


def _inode(tree: LinkResolver, path: Path) -> tuple[int, int] | None:
    try:
        info = tree.roots.stat(path)
    except OSError as error:
        if error.errno in ABSENT_ERRNOS:
            return None
        raise ObjectRefused(UNREACHABLE, "busy") from None
    return info.st_dev, info.st_ino


def _need_confinement() -> None:
    if not confine.active():
        raise ObjectRefused(
            "Its values lie in other files, which are read only where the kernel has Landlock"
            " (Linux 5.13 and later) and lets the server use it."
        )


def _is_file(tree: LinkResolver, path: Path) -> bool:
    try:
        return stat.S_ISREG(tree.roots.stat(path).st_mode)
    except OSError as error:
        if error.errno in ABSENT_ERRNOS:
            return False
        raise ObjectRefused(UNREACHABLE, "busy") from None


def _is_numbered(name: str, inner: str) -> bool:
    """Whether sources are numbered by `%b` in the name of their file or dataset (`H5Pset_virtual`)."""
    return "%b" in f"{name}/{inner}".replace("%%", "")


def _numbered(pattern: str, number: int) -> str:
    """The name of a source: `%b` is its number, `%%` a percent sign."""
    return re.sub("%[b%]", lambda mark: str(number) if mark[0] == "%b" else "%", pattern)


def _block_sources(
    source: tuple[str, str], space: Any, start: tuple[int, ...], count: tuple[int, ...]
) -> Iterator[tuple[str, str]]:
    """The numbered sources whose blocks a box touches."""
    try:
        first, stride, counts, block = space.get_regular_hyperslab()
    except (RuntimeError, ValueError, TypeError):
        return
    dims = [dim for dim, n in enumerate(counts) if n == h5py.h5s.UNLIMITED]
    if len(dims) != 1:
        return
    (dim,) = dims
    for number in range(
        max(0, (start[dim] - first[dim] - block[dim]) // stride[dim] + 1),
        max(0, -(-(start[dim] + count[dim] - first[dim]) // stride[dim])),
    ):
        yield _numbered(source[0], number), _numbered(source[1], number)


def _collect(tree: LinkResolver, dataset: h5py.Dataset, found: Sources, depth: int) -> None:
    if depth == 0:
        raise ObjectRefused("Its virtual sources are nested too deeply.")
    plist = dataset.id.get_create_plist()
    base = tree.path_of(dataset)
    count = plist.get_virtual_count()
    if count > MAX_SOURCES:
        raise ObjectRefused("It has too many virtual sources.")
    mappings = dict.fromkeys(
        (plist.get_virtual_filename(number), plist.get_virtual_dsetname(number))
        for number in range(count)
    )
    with _Checking(tree, base, found, depth) as checking:
        for name, inner in mappings:
            if not _is_numbered(name, inner):
                checking.check(name.replace("%%", "%"), inner.replace("%%", "%"))
                continue
            # Up to the first that is missing, as the library does by default (`H5Pset_virtual_printf_gap`).
            for number in range(MAX_SOURCES + 1):
                one = _numbered(name, number), _numbered(inner, number)
                if not checking.check(*one, may_end=number > 0):
                    break


@dataclass
class _Checking:
    """Checks the sources that the dataset in the file `base` names; the last source's file stays open."""

    tree: LinkResolver
    base: Path
    found: Sources
    depth: int
    _paths: dict[str, Path | None] = field(default_factory=dict)
    _last: LinkResolver | None = None
    _opened: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> _Checking:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def check(self, name: str, inner: str, *, may_end: bool = False) -> bool:
        """Whether a source is there; else it is noted as missing, unless the sources may end before it."""
        found = self.found
        if found.count >= MAX_SOURCES:
            raise ObjectRefused("It has too many virtual sources.")
        if name not in self._paths:
            own = name == "."
            self._paths[name] = self.base if own else _candidate(self.tree, name, self.base, found)
        path = self._paths[name]
        missing = [] if path is not None else [Path(name).name]
        if path is not None:
            if path != self.base:
                found.depends.add(path)
            nested = Sources()
            _check_source(self._open(path), inner, nested, self.depth)
            found.depends |= nested.depends
            found.absent |= nested.absent
            found.outside |= nested.outside
            missing = nested.missing
        if may_end and missing:
            return False
        found.count += 1
        found.missing += missing
        return not missing

    def _open(self, path: Path) -> LinkResolver:
        last, self._last = self._last, None
        if last is None or last.path != path:
            self._opened.close()
            last = self._opened.enter_context(LinkResolver(path, self.tree.roots, noted=False))
        self._last = last
        return last


def _candidate(tree: LinkResolver, name: str, base: Path, found: Sources) -> Path | None:
    """The file that the library will open for `name`; None where there is none, or none below the roots.

    The library tries an absolute name as it is and then its last component beside the file, a relative one
    beside the file and then in the working directory, which is empty here.
    """
    tried = (
        [Path(name), base.parent / Path(name).name] if os.path.isabs(name) else [base.parent / name]
    )
    for candidate in tried:
        try:
            path = candidate.resolve()
        except (OSError, RuntimeError, ValueError):
            continue
        if not tree.roots.contains(path):
            if tree.roots.contains(Path(os.path.normpath(candidate))):
                # It leads outside by a link, which somebody may have put there for a moment.
                raise ObjectRefused(f"One of its virtual sources lies {OUTSIDE}.")
            # Not looked at, so that nobody learns what there is; the kernel denies it to the library.
            found.outside = True
            continue
        if _is_file(tree, path):
            return path
        found.absent.add(path)
    if ".." in Path(name).parts and _is_file_below(tree, Path.cwd() / name):
        # The library would find it in its working directory.
        raise ObjectRefused(f"Its virtual source {Path(name).name!r} is missing.")
    return None


def _is_file_below(tree: LinkResolver, path: Path) -> bool:
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError):
        return False
    return tree.roots.contains(resolved) and _is_file(tree, resolved)


def _check_source(other: LinkResolver, inner: str, found: Sources, depth: int) -> None:
    """Check that the source dataset in the file `other` does not link on to unchecked targets."""
    try:
        source = other.find("/" + inner.lstrip("/"))
    except ObjectRefused as refused:
        if refused.code != "not_found" and not isinstance(refused, Dangling):
            raise
        source = None
    # Any file on the path may link to another target later.
    found.depends |= other.visited - {other.path}
    found.absent |= other.absent
    if not isinstance(source, h5py.Dataset):
        found.missing.append(f"{other.path.name}:{inner}")
        return
    plist = source.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        # Only sources of the outermost dataset are counted as missing.
        nested = Sources()
        _collect(other, source, nested, depth - 1)
        found.depends |= nested.depends
        found.absent |= nested.absent
        found.outside |= nested.outside
        found.missing += nested.missing[:1]
        if nested.outside and nested.nothing_there:
            raise ObjectRefused(nested.nothing_there)
    elif plist.get_external_count():
        found.depends |= external_files(other, source)
    elif fault := client_data_fault(source.id, plist):
        raise ObjectRefused(f"Its virtual source {other.path.name!r} cannot be read. {fault}")


def external_files(tree: LinkResolver, dataset: h5py.Dataset) -> set[Path]:
    """The raw files of a dataset with external storage; `ObjectRefused` when one is missing or outside."""
    plist: Any = dataset.id.get_create_plist()
    base = tree.path_of(dataset)
    found: set[Path] = set()
    for number in range(plist.get_external_count()):
        name = os.fsdecode(plist.get_external(number)[0])
        try:
            path = Path(os.path.join(base.parent, name)).resolve()
        except (OSError, RuntimeError, ValueError):
            raise ObjectRefused("Its external storage cannot be found.") from None
        if not tree.roots.contains(path):
            raise ObjectRefused(f"Its values lie in a file {OUTSIDE}.")
        if not _is_file(tree, path):
            raise ObjectRefused(f"Its external storage {path.name!r} is missing.")
        found.add(path)
    if found:
        _need_confinement()
    return found
