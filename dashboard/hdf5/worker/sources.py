"""Sources of virtual and external datasets, checked before the library opens any of them."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
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


@dataclass
class Sources:
    """Sources of a dataset whose values are not in its own file.

    `depends` are the files, `absent` those that do not exist (yet), `missing` the names of the sources whose
    file or dataset is missing, of `count` in all.
    """

    depends: set[Path] = field(default_factory=set)
    absent: set[Path] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    count: int = 0

    def warning(self) -> str:
        """A warning for the viewer: the library reads missing sources as the fill value."""
        if not self.missing:
            return ""
        first = f"Its virtual source {self.missing[0]!r} is missing"
        if len(self.missing) > 1:
            first = (
                f"{len(self.missing):,} of its {self.count:,} virtual sources are missing, the first is"
                f" {self.missing[0]!r}"
            )
        return f"{first}: its voxels are shown with the fill value."


def virtual_sources(tree: LinkResolver, dataset: h5py.Dataset) -> Sources:
    """The files that a virtual dataset reads, and those that are missing.

    Raises `ObjectRefused` when any path where the library would search for a source, directly or through sources
    that are virtual or linked themselves, is outside the roots.
    """
    found = Sources()
    _collect(tree, dataset, found, MAX_DEPTH)
    _allow(found.depends | found.absent)
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
    start, count = tuple(a for a, _ in box), tuple(b - a for a, b in box)
    needed: set[tuple[str, str]] = set()
    for number in range(plist.get_virtual_count()):
        source = plist.get_virtual_filename(number), plist.get_virtual_dsetname(number)
        if source[0] != "." and source not in needed:
            space = plist.get_virtual_vspace(number)
            if _touches(space, start, count):
                needed.add(source)
    opened = _open_files() if needed else set()
    for name, inner in needed:
        found = Sources()
        path = _candidate(tree, name, base, found)
        if path is None or _inode(tree, path) in opened:
            continue  # The parent knows of missing sources and checks whether they still are.
        _check_source(tree, path, inner, found, MAX_DEPTH)
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


def _allow(depends: set[Path]) -> None:
    if depends and not confine.active():
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


def _collect(tree: LinkResolver, dataset: h5py.Dataset, found: Sources, depth: int) -> None:
    if depth == 0:
        raise ObjectRefused("Its virtual sources are nested too deeply.")
    plist = dataset.id.get_create_plist()
    base = tree.path_of(dataset)
    seen: set[tuple[str, str]] = set()
    count = plist.get_virtual_count()
    if count > MAX_SOURCES:
        raise ObjectRefused("It has too many virtual sources.")
    for number in range(count):
        named = (plist.get_virtual_filename(number), plist.get_virtual_dsetname(number))
        if named in seen:
            continue
        seen.add(named)
        name, inner = named
        if "%" in name or "%" in inner:
            raise ObjectRefused(
                "Its virtual sources are numbered by a pattern, which cannot be checked."
            )
        path = base if name == "." else _candidate(tree, name, base, found)
        found.count += 1
        if path is None:
            found.missing.append(Path(name).name)
            continue
        if path != base:
            found.depends.add(path)
        _check_source(tree, path, inner, found, depth)


def _candidate(tree: LinkResolver, name: str, base: Path, found: Sources) -> Path | None:
    """The file that the library will open for `name`, or None; `ObjectRefused` if a candidate is outside.

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
            raise ObjectRefused(f"One of its virtual sources lies {OUTSIDE}.")
        if _is_file(tree, path):
            return path
        found.absent.add(path)
    if ".." in Path(name).parts:
        # The library would search its working directory next.
        raise ObjectRefused(f"Its virtual source {Path(name).name!r} is missing.")
    return None


def _check_source(tree: LinkResolver, path: Path, inner: str, found: Sources, depth: int) -> None:
    """Check that the source dataset does not link on to unchecked targets."""
    with LinkResolver(path, tree.roots, noted=False) as other:
        try:
            source = other.find("/" + inner.lstrip("/"))
        except ObjectRefused as refused:
            if refused.code != "not_found" and not isinstance(refused, Dangling):
                raise
            source = None
        # Any file on the path may link to another target later.
        found.depends |= other.visited - {path}
        found.absent |= other.absent
        if not isinstance(source, h5py.Dataset):
            found.missing.append(f"{path.name}:{inner}")
            return
        plist = source.id.get_create_plist()
        if plist.get_layout() == h5py.h5d.VIRTUAL:
            # Only sources of the outermost dataset are counted as missing.
            nested = Sources()
            _collect(other, source, nested, depth - 1)
            found.depends |= nested.depends
            found.absent |= nested.absent
            found.missing += nested.missing[:1]
        elif plist.get_external_count():
            found.depends |= external_files(other, source)
        elif fault := client_data_fault(source, plist):
            raise ObjectRefused(f"Its virtual source {path.name!r} cannot be read. {fault}")


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
    _allow(found)
    return found
