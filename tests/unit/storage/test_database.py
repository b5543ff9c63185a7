"""Cache databases that are damaged, deleted or replaced, at start and while open."""

from __future__ import annotations

import logging
import os
import random
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.storage import database as module
from dashboard.storage.bytes_cache import BytesCache, open_cache
from tests import database
from tests.unit.storage import harm


def damage(act: Callable[[Path], None], path: Path) -> None:
    """Do act to one file of a cache; skip where that file is not there."""
    if not path.exists():
        pytest.skip("this cache has no such file")
    act(path)


def works(cache: BytesCache) -> None:
    """That the cache stores and finds again, and is sound."""
    for value in (b"value", harm.LARGE):
        assert cache.set("new", value)
        assert cache.get("new") == value
        assert "new" in cache
        assert cache.existing(["new"]) == {"new"}
    assert cache.totals()[1] >= 1
    assert cache.delete("new")


def sound(cache: BytesCache) -> None:
    """That the cache works, and has no damage that was not met yet."""
    works(cache)
    cache.remove_orphans(-1.0)
    assert cache.check() == []


@pytest.mark.parametrize("name", ["cache.db", "cache.db-wal", "cache.db-shm"])
@pytest.mark.parametrize("act", harm.HARM)
def test_a_database_that_is_damaged_while_it_is_open_is_made_anew(
    opened: BytesCache, directory: Path, act: Callable[[Path], None], name: str
) -> None:
    damage(act, directory / name)
    # What cannot be read is a miss, now or once the database's own memory of it is gone.
    assert opened.get("key7") in (bytes(500), None)
    for number in range(200):
        assert opened.get(f"key{number}") in (bytes(500), None)
    opened.set("more", b"value")
    works(opened)
    other = open_cache(directory, timeout_s=0.5)
    sound(other)
    other.close()
    sound(opened)


@pytest.mark.parametrize("name", ["cache.db", "cache.db-wal", "cache.db-shm"])
@pytest.mark.parametrize("act", harm.HARM)
def test_a_database_that_is_damaged_at_the_start_is_made_anew(
    opened: BytesCache, directory: Path, act: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    # As a killed process leaves it, with its log.
    killed = tmp_path / "killed" / "cache"
    shutil.copytree(directory, killed)
    damage(act, killed / name)
    again = open_cache(killed)
    sound(again)
    again.close()


@pytest.mark.parametrize("act", harm.WHOLE)
def test_a_cache_whose_folder_is_gone_is_made_again(
    opened: BytesCache, directory: Path, act: Callable[[Path], None]
) -> None:
    act(directory / "cache.db")
    assert opened.get("key7") is None
    sound(opened)
    for folder in (directory, directory.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "use",
    [
        lambda cache: cache.get("a"),
        lambda cache: cache.set("a", b""),
        lambda cache: cache.set("a", harm.LARGE),
        lambda cache: cache.delete("a"),
        lambda cache: "a" in cache,
        lambda cache: cache.existing(["a"]),
        lambda cache: cache.select("SELECT key FROM Cache"),
        lambda cache: list(cache.rows_by_eviction_order()),
        lambda cache: cache.update_access_times({"a": 1.0}),
        lambda cache: cache.totals(),
        lambda cache: cache.expire(),
        lambda cache: cache.remove_orphans(-1.0),
    ],
)
@pytest.mark.parametrize("act", [harm.replaced, harm.home_deleted])
def test_each_use_makes_it_anew(
    opened: BytesCache,
    directory: Path,
    use: Callable[[BytesCache], object],
    act: Callable[[Path], None],
) -> None:
    act(directory / "cache.db")
    use(opened)
    assert module.check_database(directory / "cache.db", deep=True) is None
    sound(opened)


def test_a_transaction_that_meets_damage_fails_and_the_next_one_does_not(
    opened: BytesCache, directory: Path
) -> None:
    # After a write of another process, this one reads its pages anew.
    database.execute(opened, "CREATE TABLE another (x)")
    database.execute(opened, "PRAGMA wal_checkpoint(TRUNCATE)")
    harm.overwritten(directory / "cache.db")

    def write() -> bool:
        with opened.transact():
            return opened.set("row", b"value")

    with pytest.raises((sqlite3.Error, module.diskcache.Timeout)):
        write()
    assert write()
    assert opened.get("row") == b"value"


def test_damage_in_the_middle_is_found_when_it_is_met(opened: BytesCache, directory: Path) -> None:
    database.execute(opened, "PRAGMA wal_checkpoint(TRUNCATE)")
    opened.close()
    path = directory / "cache.db"
    with path.open("r+b") as stream:
        stream.seek(4 * 4096)
        stream.write(random.Random(3).randbytes(path.stat().st_size - 5 * 4096))
    again = open_cache(directory)
    for number in range(200):
        assert again.get(f"key{number}") in (bytes(500), None)
    works(again)
    again.close()


def test_what_was_set_aside_is_there_once_and_without_its_files(
    opened: BytesCache, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        opened.set("large", harm.LARGE)
        opened.close()
        harm.replaced(directory / "cache.db")
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert opened.get("large") is None
        assert len(caplog.records) == 1
        assert "cache cache was made anew: file is not a database" in caplog.text
        assert str(directory) not in caplog.text
    (aside,) = directory.parent.glob("cache.damaged-*")
    assert [path.name for path in aside.rglob("*")] == ["cache.db"]
    assert (aside / "cache.db").read_bytes().startswith(b"no database")
    # No file without a row is left over.
    assert not list(directory.rglob("*.val"))


def test_a_large_damaged_database_is_not_kept(
    opened: BytesCache, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SET_ASIDE_BYTES", 100)
    harm.replaced(directory / "cache.db")
    works(opened)
    assert not list(directory.parent.glob("cache.damaged-*"))


def test_the_cache_of_another_version_is_emptied_without_an_error(
    opened: BytesCache, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database.execute(opened, "PRAGMA user_version = 0")
    opened.close()
    again = open_cache(directory)
    assert again.totals() == (0, 0)
    assert not list(directory.rglob("*.val"))
    assert not list(directory.parent.glob("cache.damaged-*"))
    assert "another version" in caplog.text
    works(again)
    again.close()


def test_a_busy_database_is_not_set_aside(opened: BytesCache, directory: Path) -> None:
    blocker = sqlite3.connect(directory / "cache.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        assert module.check_database(directory / "cache.db") is None
        assert opened.set("key", b"new") is False
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    assert opened.totals()[1] == 201
    assert not list(directory.parent.glob("cache.damaged-*"))


def test_what_cannot_be_made_anew_is_a_miss_and_tried_again_later(
    opened: BytesCache, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "make_private", fail)
        harm.folder_deleted(directory / "cache.db")
        for _ in range(3):
            assert opened.get("key7") is None
            assert opened.set("key7", b"value") is False
    later = time.monotonic() + module.RETRY_S
    opened.clock = lambda: later
    works(opened)


def test_a_fault_is_logged_in_one_line(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    directory.mkdir(parents=True)
    fault = module.Fault("*** in database main ***\nPage 7: btreeInitPage() fails", keep=False)
    module.renew(directory, fault)
    assert "main *** Page 7: btreeInitPage() fails" in caplog.text


def test_a_log_that_is_removed_meanwhile_is_no_fault(
    opened: BytesCache, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = directory / "cache.db-wal"
    opened.get("key0")
    opened.close()
    log.touch()
    access = os.access

    def removing(path: Path, *how: Any, **more: Any) -> bool:
        log.unlink(missing_ok=True)
        return access(path, *how, **more)

    monkeypatch.setattr(os, "access", removing)
    assert module.check_database(directory / "cache.db", deep=True) is None
