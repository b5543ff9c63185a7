"""diskcache over a database that may be damaged, deleted or replaced at any moment, also while it is open.

Errors are handled in three places. The inodes of the files are compared before each use: a connection to files
that have been replaced is closed, and a new one opened. A database that SQLite finds corrupt is moved to
`NAME.damaged-…` beside the cache's directory and recreated, by one process at a time (a lock file); other
processes find that their connection belongs to another file and reconnect. At startup the database is checked
before use.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import diskcache
from diskcache.core import DBNAME

from dashboard.addressing.outcomes import Stage
from dashboard.meter import meter
from dashboard.storage.file_lock import LockTimeout, file_lock
from dashboard.storage.private_directory import make_private

log = logging.getLogger(__name__)

T = TypeVar("T")

# The format of rows and files (PRAGMA user_version); caches of another one are emptied. 2: checksums.
FORMAT = 2
# A database that was set aside stays up to this size, the newest of each cache, so that its fault can be examined.
SET_ASIDE_BYTES = 4 * 2**20
# At the start a database up to this size is checked to its end (10 ms); beyond, damage is found when it is met.
CHECKED_BYTES = 8 * 2**20
LOCK_S = 30.0
# After an attempt that failed (a full disk, say), the next one waits this long.
RETRY_S = 5.0

# What says nothing about the database: others use it, or the machine is short of something.
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
}


# A damaged or planted text is no reason for a query to fail.
_TEXT = partial(str, encoding="utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a database cannot be used; `keep` says whether somebody may want to see what is left of it."""

    reason: str
    keep: bool


def sqlite_code(error: BaseException) -> int:
    """SQLite's primary result code; 0 where there is none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def check_database(database: Path, *, deep: bool = False) -> Fault | None:
    """What is wrong with a cache's database; None when it can be used, or when that cannot be known now.

    `deep` has SQLite check all of it, where it is small.
    """
    for path in (database, *_wal_files(database)):
        try:
            info = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            if path == database:
                return Fault("it is gone", keep=False)
            continue
        if not stat.S_ISREG(info.st_mode):
            return Fault("something else lies in its place", keep=False)
        # Not by opening it: closing a second descriptor drops the locks that SQLite has on the file. The last
        # connection to be closed removes the write-ahead log, which is no fault.
        usable = os.access(path, os.R_OK | os.W_OK, effective_ids=True)
        if not usable and (path == database or os.path.lexists(path)):
            return Fault("it cannot be read and written", keep=True)
    try:
        return _query(database, deep)
    except sqlite3.Error as error:
        short_read = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ
        if sqlite_code(error) in _PASSING and not short_read:
            return None
        return Fault(str(error), keep=True)


def _query(database: Path, deep: bool) -> Fault | None:
    address = f"file:{quote(os.fspath(database))}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=0.0, isolation_level=None)
    try:
        ((version,),) = connection.execute("PRAGMA user_version").fetchall()
        found = connection.execute("SELECT key FROM Settings WHERE key IN ('size', 'count')")
        if len(found.fetchall()) != 2:
            return Fault("its settings are missing", keep=True)
        connection.execute(
            "SELECT rowid, key, raw, store_time, expire_time, access_time, access_count, tag, size,"
            " mode, filename FROM Cache LIMIT 1"
        ).fetchall()
        if version != FORMAT:
            return Fault("another version of Lamella made it", keep=False)
        if deep and os.stat(database).st_size <= CHECKED_BYTES:
            ((result,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
            if result != "ok":
                return Fault(str(result), keep=True)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return None


def _wal_files(database: Path) -> tuple[Path, Path]:
    return database.with_name(database.name + "-wal"), database.with_name(database.name + "-shm")


def set_aside(directory: Path, fault: Fault) -> None:
    """Take a cache's directory out of its place, with all files in it; the caller has the cache's lock.

    The newest database is kept, the files of its rows and what was set aside before are removed.
    """
    aside = directory.with_name(f"{directory.name}.damaged-{time.time_ns()}")
    try:
        directory.rename(aside)
    except FileNotFoundError:
        pass
    except OSError:
        # A full disk has no room for the new name either.
        shutil.rmtree(directory, ignore_errors=True)
    for path in directory.parent.glob(f"{directory.name}.damaged-*"):
        if path != aside or not fault.keep or not _without_wal(path):
            _remove(path)


def _without_wal(aside: Path) -> bool:
    """Remove all but the database itself; whether there is one that is worth keeping."""
    try:
        for path in aside.iterdir():
            if path.name != DBNAME:
                _remove(path)
        return bool(0 < (aside / DBNAME).stat().st_size <= SET_ASIDE_BYTES)
    except OSError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


@contextmanager
def cache_lock(directory: Path) -> Iterator[None]:
    """Nobody else examines, sets aside or makes the cache in `directory`; raises `OSError`, `LockTimeout`."""
    with file_lock(directory.with_name(directory.name + ".lock"), LOCK_S):
        yield


@dataclass(slots=True)
class _OpenedFile:
    """The files that a connection has open: their inodes, and the length of the shared-memory file."""

    inodes: tuple[int, int, int]
    shared_bytes: int


class RepairingCache(diskcache.Cache):  # type: ignore[misc]  # diskcache ships no types
    """A `diskcache.Cache` whose database is made anew when it is found damaged or gone.

    `clock` gives seconds.
    """

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, directory: str, **settings: Any) -> None:
        self._given = settings
        self._database = os.path.join(directory, DBNAME)
        self._names = (self._database, self._database + "-wal", self._database + "-shm")
        self._retry_at = 0.0
        self._making = True
        super().__init__(directory, **settings)
        if self._sql("PRAGMA user_version").fetchone() != (FORMAT,):
            self._sql(f"PRAGMA user_version = {FORMAT}")
        self._making = False

    @property
    def _con(self) -> Any:
        if getattr(self._local, "con", None) is not None:
            if self._making or self._in_transaction() or self._has_current_files():
                return diskcache.Cache._con.fget(self)
            self.close()
            raise sqlite3.OperationalError("other files lie in the place of the database")
        if not self._making and not os.path.isfile(self._database):
            # Else SQLite would make an empty one.
            raise sqlite3.OperationalError("the database is gone")
        self._local.seen = None
        self._local.opening = self._stat_files()
        connection = diskcache.Cache._con.fget(self)
        connection.text_factory = _TEXT
        self._local.seen = self._stat_files()
        return connection

    def _in_transaction(self) -> bool:
        return bool(self._txn_id == threading.get_ident())

    def _stat_files(self) -> _OpenedFile:
        inodes, size = [], 0
        for name in self._names:
            try:
                info = os.stat(name)
            except OSError:
                inodes.append(0)
            else:
                inodes.append(info.st_ino)
                size = info.st_size
        first, second, third = inodes
        return _OpenedFile((first, second, third), size if third else 0)

    def _has_current_files(self) -> bool:
        """Whether the files that this thread's connection has open are those that lie in the directory."""
        seen: _OpenedFile | None = self._local.seen
        if seen is None:
            return True  # diskcache sets it up
        now = self._stat_files()
        if now.inodes != seen.inodes:
            return False
        if now.shared_bytes < seen.shared_bytes:
            # SQLite has mapped it: what is cut off would end the process (SIGBUS). Zeros have it read anew.
            with suppress(OSError):
                os.truncate(self._names[2], 0)
                os.truncate(self._names[2], seen.shared_bytes)
        else:
            seen.shared_bytes = now.shared_bytes
        return True

    @meter(Stage.CACHE)
    def _retry_once(self, call: Callable[[], T]) -> T:
        """What `call` returns, called once more after a database that failed was replaced; raises as it does."""
        try:
            return call()
        except (sqlite3.Error, diskcache.Timeout) as error:
            if self._in_transaction():
                self._local.trouble = error  # for the end of the transaction
                raise
            if not self._recover(error):
                raise
        return call()

    @contextmanager
    def transact(self, retry: bool = False) -> Iterator[None]:
        """As diskcache's; what fails inside for the database's sake finds a new one the next time."""
        outer = not self._in_transaction()
        trouble: BaseException | None = None
        try:
            if outer:
                self._retry_once(lambda: self._con)
            with super().transact(retry):
                yield
        except (sqlite3.Error, diskcache.Timeout) as error:
            trouble = error
            raise
        finally:
            if outer:
                trouble = self._local.__dict__.pop("trouble", None) or trouble
                if trouble is not None:
                    self._recover(trouble)

    def _recover(self, error: BaseException) -> bool:
        """Replace the database if it is at fault for `error`; whether it is worth trying again."""
        if sqlite_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM}:
            return False
        if self.clock() < self._retry_at:
            return False
        try:
            with cache_lock(Path(self.directory)):
                return self._replace(error)
        except (OSError, LockTimeout, sqlite3.Error, diskcache.Timeout) as trouble:
            self._retry_at = self.clock() + RETRY_S
            log.warning("the cache %s cannot be made anew: %s", self._name, trouble)
            return False
        finally:
            self._forget_connection()

    def _replace(self, error: BaseException) -> bool:
        seen: _OpenedFile | None = getattr(self._local, "seen", None)
        # Also the files that could not be opened may have been replaced since.
        before: _OpenedFile | None = seen or getattr(self._local, "opening", None)
        moved = before is not None and before.inodes != self._stat_files().inodes
        fault = check_database(Path(self._database), deep=moved)
        if fault is None and sqlite_code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            # Damaged deeper down, unless somebody else has replaced it already.
            fault = None if moved else Fault(str(error), keep=True)
        if fault is None:
            return moved or seen is None
        self._forget_connection()
        renew(Path(self.directory), fault)
        type(self)(self.directory, **self._given).close()
        return True

    @property
    def _name(self) -> str:
        return os.path.basename(str(self.directory))

    def _forget_connection(self) -> None:
        try:
            self.close()
        except sqlite3.Error:
            self._local.__dict__.pop("con", None)


def renew(directory: Path, fault: Fault) -> None:
    """Set aside the cache in `directory` and make an empty directory; the caller has the cache's lock."""
    set_aside(directory, fault)
    make_private(directory)
    log.warning("the cache %s was made anew: %s", directory.name, " ".join(fault.reason.split()))


def open_repairing(kind: type[T], directory: Path, **settings: Any) -> T:
    """Open or make a cache of this kind in `directory`, in place of one that is damaged.

    Raises `OSError`, `LockTimeout` and `sqlite3.Error` where not even a new one can be made.
    """
    with cache_lock(directory):
        empty = not os.path.lexists(directory) or (
            directory.is_dir() and not any(directory.iterdir())
        )
        fault = None if empty else check_database(directory / DBNAME, deep=True)
        if fault is not None:
            renew(directory, fault)
        make_private(directory)
        try:
            return kind(str(directory), **settings)  # type: ignore[call-arg]
        except sqlite3.DatabaseError as error:
            if sqlite_code(error) in _PASSING:
                raise
            renew(directory, Fault(str(error), keep=True))
            return kind(str(directory), **settings)  # type: ignore[call-arg]
