"""Where the values of virtual and external datasets lie, checked before the library opens any of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from dashboard.volumes.child.filters import client_data_fault
from dashboard.volumes.child.walk import Dangling, Refused, Tree, under

MAX_DEPTH = 4
MAX_SOURCES = 10_000


@dataclass
class Sources:
    """Where the values of a dataset are when they are not in its own file.

    `depends` are the files, `absent` those that do not exist (yet), `missing` the names of the sources
    that cannot be read for want of a file or a dataset, of `count` in all.
    """

    depends: set[Path] = field(default_factory=set)
    absent: set[Path] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    count: int = 0

    def warning(self) -> str:
        """What to know before the values are believed: the library reads missing ones as the fill value."""
        if not self.missing:
            return ""
        first = f"Its virtual source {self.missing[0]!r} is missing"
        if len(self.missing) > 1:
            first = (
                f"{len(self.missing):,} of its {self.count:,} virtual sources are missing, the first is"
                f" {self.missing[0]!r}"
            )
        return f"{first}: its voxels are shown with the fill value."


def virtual_sources(tree: Tree, dataset: h5py.Dataset) -> Sources:
    """The files that a virtual dataset reads, and those that are missing.

    Raises `Refused` when any place where the library would look for a source, directly or through
    sources that are virtual or linked themselves, lies outside the roots.
    """
    found = Sources()
    _collect(tree, dataset, found, MAX_DEPTH)
    return found


def _collect(tree: Tree, dataset: h5py.Dataset, found: Sources, depth: int) -> None:
    if depth == 0:
        raise Refused("Its virtual sources are nested too deeply.")
    plist = dataset.id.get_create_plist()
    base = tree.path_of(dataset)
    seen: set[tuple[str, str]] = set()
    count = plist.get_virtual_count()
    if count > MAX_SOURCES:
        raise Refused("It has too many virtual sources.")
    for number in range(count):
        place = (plist.get_virtual_filename(number), plist.get_virtual_dsetname(number))
        if place in seen:
            continue
        seen.add(place)
        name, inner = place
        if "%" in name or "%" in inner:
            raise Refused("Its virtual sources are numbered by a pattern, which cannot be checked.")
        path = base if name == "." else _candidate(tree, name, base, found)
        found.count += 1
        if path is None:
            found.missing.append(Path(name).name)
            continue
        if path != base:
            found.depends.add(path)
        _check_source(tree, path, inner, found, depth)


def _candidate(tree: Tree, name: str, base: Path, found: Sources) -> Path | None:
    """The file that the library will take for `name`, or None; `Refused` if one place is outside.

    The library tries an absolute name as it is and then its last part beside the file, a relative
    one beside the file and then in the working directory, which is an empty folder here.
    """
    tried = (
        [Path(name), base.parent / Path(name).name] if os.path.isabs(name) else [base.parent / name]
    )
    for place in tried:
        try:
            path = place.resolve()
        except (OSError, RuntimeError, ValueError):
            continue
        if not under(path, tree.roots):
            raise Refused("One of its virtual sources lies outside the data roots.")
        if path.is_file():
            return path
        found.absent.add(path)
    if ".." in Path(name).parts:
        # Next the library would look from its working directory upwards.
        raise Refused(f"Its virtual source {Path(name).name!r} is missing.")
    return None


def _check_source(tree: Tree, path: Path, inner: str, found: Sources, depth: int) -> None:
    """The source dataset must not lead on to places that were not looked at."""
    with Tree(path, tree.roots) as other:
        try:
            source = other.find("/" + inner.lstrip("/"))
        except Refused as refused:
            if refused.code != "not_found" and not isinstance(refused, Dangling):
                raise
            source = None
        # Any file on the way may lead somewhere else tomorrow.
        found.depends |= other.visited - {path}
        found.absent |= other.absent
        if not isinstance(source, h5py.Dataset):
            found.missing.append(f"{path.name}:{inner}")
            return
        plist = source.id.get_create_plist()
        if plist.get_layout() == h5py.h5d.VIRTUAL:
            # Only what is missing of the whole matters: its own sources are not counted.
            nested = Sources()
            _collect(other, source, nested, depth - 1)
            found.depends |= nested.depends
            found.absent |= nested.absent
            found.missing += nested.missing[:1]
        elif plist.get_external_count():
            found.depends |= outside_data(other, source)
        elif fault := client_data_fault(source, plist):
            raise Refused(f"Its virtual source {path.name!r} cannot be read. {fault}")


def outside_data(tree: Tree, dataset: h5py.Dataset) -> set[Path]:
    """The raw files of a dataset with external storage; `Refused` when one is missing or outside."""
    plist: Any = dataset.id.get_create_plist()
    base = tree.path_of(dataset)
    found: set[Path] = set()
    for number in range(plist.get_external_count()):
        name = os.fsdecode(plist.get_external(number)[0])
        try:
            path = Path(os.path.join(base.parent, name)).resolve()
        except (OSError, RuntimeError, ValueError):
            raise Refused("Its external storage cannot be found.") from None
        if not under(path, tree.roots):
            raise Refused("Its values lie in a file outside the data roots.")
        if not path.is_file():
            raise Refused(f"Its external storage {path.name!r} is missing.")
        found.add(path)
    return found
