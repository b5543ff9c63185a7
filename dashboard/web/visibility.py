"""What the person of the request in hand may see: asked by every route before anything is looked up or read.

    parameter `file` ─ `Visibility.file` ─▶ 404 as for a file that does not exist, or the route goes on
    names of volumes in figures and lists ─▶ those that are hidden are `other`
    names of viewers ─▶ those of other people are `other`; the viewer that a request names is the person's own

A hidden root is treated as one that does not exist: neither is accessed, so they take the same time. With rights
by accounts (`people/file_rights.py`), a hidden file and one that does not exist are one failed attempt to open it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.bricks.contents import Contents
from dashboard.errors import BadRequest, NotFound
from dashboard.files.catalog import Catalog, FileEntry, absent, check_name, expect, expect_anything
from dashboard.people.file_rights import FileRights
from dashboard.people.person import Scope
from dashboard.telemetry.aggregates import OTHER
from dashboard.telemetry.groups import By, GroupStats, Steps, hide
from dashboard.telemetry.series import Series
from dashboard.telemetry.served import PageTimes, ServedSlice
from dashboard.telemetry.summaries import Snapshot
from dashboard.web import person, query

if TYPE_CHECKING:
    from dashboard.prefetch.viewer_plan import ViewerPlan
    from dashboard.runtime.container import Services


class Visibility:
    """Decides for the current person; all methods need a request."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def everything(self) -> bool:
        """Whether the person sees all files."""
        return self._services.rights.sees_everything(person.current())

    @property
    def manages(self) -> bool:
        """Whether the person sees and removes what belongs to others: by scope, which a token may lack."""
        return person.current().may(Scope.ADMIN)

    def file(self) -> str:
        """The parameter `file`; raises `BadRequest`, and `NotFound` unless the person may see the file."""
        file = query.FILE.value()
        self.check(file)
        return file

    def check(self, file: str) -> None:
        """Raise what a file that does not exist would raise, unless the person may see it."""
        if not self.everything:
            check_name(file)
            if not self.sees(file):
                raise absent(file)

    def sees(self, file: str) -> bool:
        """Whether the person may see a file; false for one below no root. Raises `Busy` where that is unknown."""
        rights, accounts, who = self._services.rights, self._services.file_rights, person.current()
        if not (self.everything or rights.sees(who, file)):
            return False
        if who.shared is not None:
            who = who.shared.by
        if accounts is None or rights.sees_everything(who):
            return True
        path = self._path(file)
        return path is not None and self._may_read(file, path, who.name, accounts)

    def files(self) -> tuple[list[FileEntry], bool]:
        """The files that the person may see, and whether the listing is complete."""
        catalog, accounts = self._services.catalog, self._services.file_rights
        if self.everything:
            return catalog.listed()
        who = person.current()
        if who.shared is not None:
            return self._one(who.shared.file), True
        entries, complete = catalog.listed(self._services.rights.roots(who))
        if accounts is not None:
            entries = _readable(entries, who.name, accounts, catalog)
        return entries, complete

    def volumes(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these names of volumes (`telemetry.groups.volume_name`) that the person may see.

        Names that were too long to have the file's root are seen by nobody but those who see everything.
        """
        if self.everything:
            return frozenset(names)
        rights, who = self._services.rights, person.current()
        seen = frozenset(name for name in names if rights.sees(who, name))
        accounts = self._services.file_rights
        if accounts is None:
            return seen
        files = {name: path for name in seen if (path := self._path_in(name)) is not None}
        inodes = accounts.inodes(who.name, list(files.values()))
        return frozenset(name for name, inode in zip(files, inodes, strict=True) if inode)

    def viewers(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these viewers that are the person's own: of others, nobody but an admin learns the id."""
        if self.manages:
            return frozenset(names)
        return frozenset(names) & {query.OWN_VIEWER.given() or ""}

    def snapshot(self, found: Snapshot) -> Snapshot:
        """Statistics with the groups that the person may see, all others as `other`."""
        by = found.get("by")
        if by is None:
            return found
        steps: dict[str, Steps] = {name: (group,) for name, group in found["groups"].items()}
        groups: dict[str, GroupStats] = {
            name: step for name, (step,) in self._groups(by, steps).items() if step is not None
        }
        return {**found, "groups": groups}

    def series(self, found: Series) -> Series:
        """The same of a series."""
        if found.by is None or found.groups is None:
            return found
        return dataclasses.replace(found, groups=self._groups(found.by, found.groups))

    def slices(
        self, found: list[tuple[ServedSlice, PageTimes | None]]
    ) -> list[tuple[ServedSlice, PageTimes | None]]:
        """The slices of volumes that the person may see; the viewers of other people are `other`."""
        volumes = self.volumes({one.volume for one, _ in found})
        own = self.viewers({one.viewer for one, _ in found})
        return [
            (one if one.viewer in own else one.model_copy(update={"viewer": OTHER}), page)
            for one, page in found
            if one.volume in volumes
        ]

    def plan(self, plan: ViewerPlan) -> bool:
        """Whether the person may see where a viewer is."""
        return bool(self.viewers((plan.viewer,))) and self.sees(plan.file)

    def contents(self, found: list[Contents]) -> list[Contents]:
        """What is in the cache, hidden volumes as one."""
        volumes = self.volumes({group.volume for group in found})
        shown = [group for group in found if group.volume in volumes]
        hidden = [group for group in found if group.volume not in volumes]
        if hidden:
            bricks, nbytes = sum(g.bricks for g in hidden), sum(g.bytes for g in hidden)
            shown.append(Contents(OTHER, OTHER, bricks, nbytes))
        return shown

    def _may_read(self, file: str, path: Path, name: str, accounts: FileRights) -> bool:
        """Whether an account may read a file; the name leads to that file alone from here on."""
        inode = accounts.inodes(name, [path])[0]
        if not inode:
            return False
        expect_anything()
        try:
            if self._services.catalog.fingerprint(file)[1].inode != inode:
                # It was replaced since the account was asked about, or a link was exchanged.
                inode = accounts.inodes(name, [path], anew=True)[0]
        except NotFound:
            return False
        expect(file, inode)
        return bool(inode)

    def _one(self, file: str) -> list[FileEntry]:
        if not self.sees(file):
            return []
        try:
            _, found = self._services.catalog.fingerprint(file)
        except (BadRequest, NotFound):
            return []
        return [FileEntry(file, found.size, found.mtime_ns / 1e9)]

    def _path(self, file: str) -> Path | None:
        try:
            return self._services.catalog.path(file)
        except (BadRequest, NotFound):
            return None

    def _path_in(self, volume: str) -> Path | None:
        """The path of the file that the name of a volume begins with."""
        ends = [at for at, character in enumerate(volume) if character == "/"]
        for end in (*ends, len(volume)):
            path = self._path(volume[:end])
            if path is not None and not path.is_dir():
                return path
        return None

    def _groups(self, by: By, groups: dict[str, Steps]) -> dict[str, Steps]:
        if by is By.VOLUME and not self.everything:
            return hide(groups, self.volumes(groups))
        if by is By.VIEWER and not self.manages:
            return hide(groups, self.viewers(groups))
        return groups


def _readable(
    entries: list[FileEntry], name: str, accounts: FileRights, catalog: Catalog
) -> list[FileEntry]:
    """The files that an account may read, in folders that it may list."""
    above = {entry.file: _folders(entry.file) for entry in entries}
    names = list({name for folders in above.values() for name in folders} | above.keys())
    inodes = accounts.inodes(name, [catalog.path(one) for one in names])
    readable = {one for one, inode in zip(names, inodes, strict=True) if inode}
    return [e for e in entries if e.file in readable and readable.issuperset(above[e.file])]


def _folders(file: str) -> list[str]:
    """The names of the folders above a file, its root first."""
    return [file[:at] for at, character in enumerate(file) if character == "/"]
