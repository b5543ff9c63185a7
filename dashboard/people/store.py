"""The people file: accounts, sessions and tokens in one SQLite database, which is no cache.

Cache databases that are damaged are set aside and made anew; this one is not, since nothing else has what is in
it. It belongs to the account that the server runs as (mode 0600), lies on a local disk, and processes share it.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from dashboard.errors import Busy, SetupError
from dashboard.people.schema import STEPS
from dashboard.storage.private_directory import NETWORK_FILE_SYSTEMS, filesystem_type

log = logging.getLogger(__name__)

# "Lamp": what tells the file from other SQLite databases.
APPLICATION_ID: Final = 0x4C616D70
# How long a writer waits for another one.
BUSY_S: Final = 2.0
# Connections that are kept open between uses.
IDLE: Final = 4
# A file up to this size is checked to its end when it is opened (10 ms).
CHECKED_BYTES: Final = 8 * 2**20
# For this time (s) a process relies on what it has seen of the folder, and of the files beside.
SEEN_FOR_S: Final = 2.0
# What SQLite writes beside the file, and reads changes from.
BESIDE: Final = ("-wal", "-shm", "-journal")
# Links that lead to the file one after the other; the kernel follows no more.
LINKS: Final = 40

OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class _Connection(NamedTuple):
    database: sqlite3.Connection
    # Device and inode of the file that it has open.
    file: tuple[int, int]


class PeopleStore:
    """The opened people file; thread-safe. `open_people` makes it.

    Features have classes of their own, which are given the store and use the tables of their steps in `schema.py`.
    Both methods raise `Busy` where the file cannot be used; nothing was changed then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        # When it was found to be safe from others (s), and what it was then.
        self._seen: tuple[float, tuple[int, ...]] = (float("-inf"), ())

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with."""
        with self._connected() as database:
            yield database

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction, which is undone where the block raises."""
        with self._connected() as database, _transaction(database):
            yield database

    def revision(self) -> tuple[int, ...]:
        """Another one once something was written, by whatever process: state of the log that SQLite appends to."""
        try:
            info = os.stat(f"{self.path}-wal")
        except OSError:
            return ()
        return info.st_ino, info.st_size, info.st_mtime_ns

    def close(self) -> None:
        """Close what is open; a later use opens it again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.database.close()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        connection: _Connection | None = None
        try:
            connection = self._take()
            yield connection.database
        except (sqlite3.Error, OSError, SetupError) as error:
            if connection is not None:
                connection.database.close()
            log.warning("the people file %s cannot be used: %s", self.path, error)
            raise Busy("The server cannot use its list of people now; try again.") from None
        except BaseException:
            self._give_back(connection)
            raise
        self._give_back(connection)

    def _take(self) -> _Connection:
        """A connection to the file at the path: a copy may have been restored under a running server."""
        info = os.stat(self.path)
        self._check(info)
        file = (info.st_dev, info.st_ino)
        while True:
            with self._lock:
                if not self._idle:
                    break
                one = self._idle.pop()
            if one.file == file:
                return one
            one.database.close()
        return _Connection(_connect(self.path), file)

    def _check(self, info: os.stat_result) -> None:
        """Raise `SetupError` where others may have written to the file since it was opened."""
        now, (seen_at, before) = time.monotonic(), self._seen
        found = (info.st_dev, info.st_ino, info.st_uid, info.st_mode)
        if found != before or not 0.0 <= now - seen_at < SEEN_FOR_S:
            _check_folder(self.path)
            _check_file(self.path)
            self._seen = (now, found)

    def _give_back(self, connection: _Connection | None) -> None:
        if connection is None:
            return
        with self._lock:
            if len(self._idle) < IDLE:
                self._idle.append(connection)
                return
        connection.database.close()


class PeopleStoreAtUse:
    """The people file of a process that may never need it: opened, and made, at the first call; thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._store: PeopleStore | None = None

    def __call__(self) -> PeopleStore:
        """The opened file; raises `Busy` where it cannot be used."""
        with self._lock:
            if self._store is None:
                try:
                    self._store = open_people(self._path)
                except SetupError as error:
                    log.warning("%s", error)
                    raise Busy(
                        "The server cannot use its file of bookmarks now; its log has the reason."
                    ) from None
            return self._store

    def exists(self) -> bool:
        """Whether there is a file."""
        return os.path.lexists(self._path)

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            if self._store is not None:
                self._store.close()


def open_people(path: Path, steps: Sequence[Sequence[str]] = STEPS) -> PeopleStore:
    """Open the people file, which is made where there is none.

    Raises `SetupError` where it is damaged, made by a newer version, or accessible to others.
    """
    path = path.expanduser().absolute()
    _check_folder(path)
    try:
        if not os.path.lexists(path):
            _make(path, steps)
        _check_file(path)
        _take_steps(path, steps)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise SetupError(f"The people file {path} cannot be used: {error}.") from None
        raise SetupError(
            f"The people file {path} is damaged ({error}); restore a copy of it, or name another with --people."
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SetupError(
            f"The people file {path} cannot be used: {reason}; name another with --people."
        ) from None
    return PeopleStore(path)


def _check_folder(path: Path) -> None:
    """Make the folder of the people file; raises `SetupError` where others could exchange the file in it."""
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders = [(one, one.stat()) for one in _folders(path)]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SetupError(
            f"The folder of the people file {path} cannot be made: {reason}; name another file with"
            " --people."
        ) from None
    for folder, info in folders:
        if info.st_uid not in (os.geteuid(), 0) or info.st_mode & OTHERS_WRITE:
            raise SetupError(
                f"Others can write to the folder of the people file {path}; chmod {folder} to 700 after a look at"
                " what is in it, or name another file with --people."
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise SetupError(
                f"The folder of the people file {path} is not writable; name another file with --people."
            )
    kind = filesystem_type(folder.resolve())
    if kind in NETWORK_FILE_SYSTEMS:
        raise SetupError(
            f"The people file {path} lies on a network file system ({kind}), where SQLite's locks do not hold;"
            " name one on a local disk with --people."
        )


def _folders(path: Path) -> list[Path]:
    """The folders in which the file can be exchanged: that of the path, and those that its links lead to."""
    found = [path.parent]
    while path.is_symlink() and len(found) <= LINKS:
        path = path.parent / path.readlink()
        found.append(path.parent)
    return found


def _check_file(path: Path) -> None:
    """Raise `SetupError` for a file that others may have written, or cannot be one of people."""
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        raise SetupError(f"The people file {path} is not a file; name another with --people.")
    if info.st_uid != os.geteuid():
        raise SetupError(
            f"The people file {path} belongs to another account of this machine; run the command as that account."
        )
    if info.st_mode & OTHERS_WRITE:
        raise SetupError(
            f"Others can write to the people file {path}; chmod it to 600 and look at `lamella user list` then, or"
            " restore a copy of it."
        )
    if stat.S_IMODE(info.st_mode) != 0o600:
        path.chmod(0o600)
    for end in BESIDE:
        with suppress(FileNotFoundError):
            _check_beside(Path(f"{path.resolve()}{end}"))


def _check_beside(path: Path) -> None:
    info = os.lstat(path)
    regular = stat.S_ISREG(info.st_mode)
    if not regular or info.st_uid != os.geteuid() or info.st_mode & OTHERS_WRITE:
        raise SetupError(
            f"Others may have written {path}, from which changes go into the people file; chmod it to 600 if it is"
            " the server's own, else delete it."
        )


def _make(path: Path, steps: Sequence[Sequence[str]]) -> None:
    """Make the file in one piece: another process sees all of it or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(_connect(draft)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            _upgrade(database, steps)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        for end in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(f"{draft}{end}")


def _take_steps(path: Path, steps: Sequence[Sequence[str]]) -> None:
    """Check the database, and bring one of an earlier version up to date."""
    with closing(_connect(path)) as database:
        ((application,),) = database.execute("PRAGMA application_id")
        if application != APPLICATION_ID:
            raise SetupError(
                f"{path} is not a people file; name another with --people (it is made where there is none)."
            )
        if path.stat().st_size <= CHECKED_BYTES:
            ((result,),) = database.execute("PRAGMA quick_check(1)").fetchall()
            if result != "ok":
                raise sqlite3.DatabaseError(" ".join(str(result).split()))
        if _version(database) > len(steps):
            raise SetupError(
                f"The people file {path} was made by a newer version of Lamella; install that, or restore a copy"
                " from before."
            )
        if _version(database) < len(steps):
            _upgrade(database, steps)


def _upgrade(database: sqlite3.Connection, steps: Sequence[Sequence[str]]) -> None:
    with _transaction(database):
        # Asked again inside the transaction: another process may have taken the steps meanwhile.
        for statements in steps[_version(database) :]:
            for statement in statements:
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {len(steps)}")


def _version(database: sqlite3.Connection) -> int:
    ((version,),) = database.execute("PRAGMA user_version").fetchall()
    return int(version)


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that exists; threads use it one after the other."""
    return sqlite3.connect(
        f"file:{quote(os.fspath(path))}?mode=rw",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
