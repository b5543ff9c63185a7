"""Where the values of virtual and external datasets lie, checked before the library opens any of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py

from dashboard.volumes.child.walk import Refused, Tree, under

MAX_DEPTH = 4
MAX_SOURCES = 10_000


def virtual_sources(tree: Tree, dataset: h5py.Dataset) -> tuple[set[Path], list[str]]:
    """(files that a virtual dataset reads, names of those that are missing).

    Raises `Refused` when any place where the library would look for a source, directly or through
    sources that are virtual or linked themselves, lies outside the roots.
    """
    depends: set[Path] = set()
    missing: list[str] = []
    _collect(tree, dataset, depends, missing, MAX_DEPTH)
    return depends, missing


def _collect(
    tree: Tree, dataset: h5py.Dataset, depends: set[Path], missing: list[str], depth: int
) -> None:
    if depth == 0:
        raise Refused("Its virtual sources are nested too deeply.")
    plist = dataset.id.get_create_plist()
    base = Path(dataset.file.filename)
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
        path = base if name == "." else _candidate(tree, name, base)
        if path is None:
            missing.append(Path(name).name)
            continue
        if path != base:
            depends.add(path)
        _check_source(tree, path, inner, depends, missing, depth)


def _candidate(tree: Tree, name: str, base: Path) -> Path | None:
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
    if ".." in Path(name).parts:
        # Next the library would look from its working directory upwards.
        raise Refused(f"Its virtual source {Path(name).name!r} is missing.")
    return None


def _check_source(
    tree: Tree, path: Path, inner: str, depends: set[Path], missing: list[str], depth: int
) -> None:
    """The source dataset must not lead on to places that were not looked at."""
    with Tree(path, tree.roots) as other:
        try:
            found = other.find("/" + inner.lstrip("/"))
        except Refused as refused:
            if refused.code == "not_found":
                missing.append(f"{path.name}:{inner}")
                return
            raise
        if not isinstance(found, h5py.Dataset):
            missing.append(f"{path.name}:{inner}")
            return
        if Path(found.file.filename) != path:
            depends.add(Path(found.file.filename))
        plist = found.id.get_create_plist()
        if plist.get_layout() == h5py.h5d.VIRTUAL:
            _collect(other, found, depends, missing, depth - 1)
        elif plist.get_external_count():
            depends |= outside_data(other, found)


def outside_data(tree: Tree, dataset: h5py.Dataset) -> set[Path]:
    """The raw files of a dataset with external storage; `Refused` when one is missing or outside."""
    plist: Any = dataset.id.get_create_plist()
    base = Path(dataset.file.filename)
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
