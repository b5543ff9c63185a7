"""diskcache without pickle: foreign rows and errors read as misses."""

from __future__ import annotations

import logging
import os
import pickle
import sqlite3
import stat
from pathlib import Path
from typing import Any

import diskcache
import pytest
from diskcache.core import MODE_BINARY, MODE_PICKLE, MODE_RAW, MODE_TEXT

from dashboard.storage.bytes_cache import (
    INLINE_BYTES,
    PAGE_ROWS,
    BytesCache,
    FileToAdopt,
    HeadedBytes,
    StoredFile,
    open_cache,
)
from dashboard.storage.checksum import SEAL_BYTES
from dashboard.storage.rows import DiskRows
from tests import database

FRAMES = [b"", b"small", b"x" * INLINE_BYTES, b"y" * (INLINE_BYTES + 1)]


def plant(cache: BytesCache, key: Any, **columns: Any) -> None:
    """Write a row as another program would."""
    row = {"key": key, "raw": 1, "mode": MODE_RAW, "value": b"", "size": 0} | columns
    row = {"store_time": 0.0, "access_time": 0.0, "access_count": 0, "tag": None} | row
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    with sqlite3.connect(Path(cache.directory) / "cache.db") as connection:
        connection.execute(f"INSERT INTO Cache ({names}) VALUES ({marks})", tuple(row.values()))
    connection.close()


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("value", FRAMES, ids=len)
def test_bytes_come_back(cache: BytesCache, value: bytes) -> None:
    assert cache.set("key", value)
    assert cache.get("key") == value
    in_a_file = len(value) > INLINE_BYTES
    assert cache.totals() == (len(value) + SEAL_BYTES * in_a_file, 1)
    assert cache.check() == []
    assert cache.delete("key")
    assert cache.get("key", "missing") == "missing"
    assert cache.totals() == (0, 0)


def test_another_process_sees_it(cache: BytesCache) -> None:
    cache.set("key", b"value")
    other = open_cache(Path(cache.directory))
    assert other.get("key") == b"value"
    other.close()


@pytest.mark.parametrize("value", ["text", 1, 1.5, None, bytearray(b"x"), (b"x",)])
def test_nothing_but_bytes_is_stored(cache: BytesCache, value: Any) -> None:
    with pytest.raises(TypeError, match="bytes"):
        cache.set("key", value)


@pytest.mark.parametrize("key", [b"bytes", 1, None, ("a", 1)])
def test_keys_are_strings(cache: BytesCache, key: Any) -> None:
    with pytest.raises(TypeError, match="string"):
        cache.set(key, b"")


def test_a_planted_pickle_is_a_miss_and_a_log_line(
    cache: BytesCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    payload = pickle.dumps(Bomb(tmp_path / "exploded"))
    plant(cache, "inline", mode=MODE_PICKLE, value=payload, size=len(payload))
    (Path(cache.directory) / "evil.val").write_bytes(payload)
    plant(cache, "file", mode=MODE_PICKLE, value=None, filename="evil.val", size=len(payload))
    with caplog.at_level(logging.WARNING):
        assert cache.get("inline") is None
        assert cache.get("file") is None
    assert not (tmp_path / "exploded").exists()
    assert len([r for r in caplog.records if "refused" in r.getMessage()]) == 2


def test_a_planted_key_is_not_unpickled(cache: BytesCache, tmp_path: Path) -> None:
    plant(cache, pickle.dumps(Bomb(tmp_path / "exploded")), raw=0)
    cache.set("mine", b"value")
    assert DiskRows(cache).keys_with_prefix("") == ["mine"]
    assert [key for _, key, _ in DiskRows(cache).rows_after(0)] == ["mine"]
    assert [row.key for row in cache.rows_by_eviction_order()] == ["mine"]
    with pytest.raises(OSError, match="key"):
        list(cache)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("mode", [MODE_RAW, MODE_TEXT, MODE_BINARY, 17])
def test_rows_of_another_make_are_misses(cache: BytesCache, mode: int) -> None:
    plant(cache, "text", mode=mode, value="text")
    assert cache.get("text") is None


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd"])
def test_a_file_name_that_leads_outside_is_a_miss(
    cache: BytesCache, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    plant(cache, "key", mode=MODE_BINARY, value=None, filename=name, size=6)
    assert cache.get("key") is None
    cache.delete("key")
    assert secret.read_bytes() == b"secret"
    assert Path("/etc/passwd").exists()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_link_on_the_way_that_leads_outside_is_a_miss(
    cache: BytesCache, tmp_path: Path, depth: int
) -> None:
    parts = ("ab", "cd", "0" * 28 + ".val")
    secret = tmp_path.joinpath("elsewhere", *parts[depth:])
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_bytes(b"secret")
    link = Path(cache.directory).joinpath(*parts[:depth])
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path.joinpath("elsewhere"))
    plant(cache, "key", mode=MODE_BINARY, value=None, filename="/".join(parts), size=6)
    assert cache.get("key") is None


def test_a_link_that_leads_outside_is_a_miss(cache: BytesCache, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (Path(cache.directory) / "link.val").symlink_to(tmp_path / "secret")
    plant(cache, "key", mode=MODE_BINARY, value=None, filename="link.val", size=6)
    assert cache.get("key") is None


def test_a_finished_file_is_taken_over(cache: BytesCache, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"voxels")
    assert cache.set("brick", FileToAdopt(part, b"header"))
    assert not part.exists()
    stored = cache.get("brick")
    assert isinstance(stored, StoredFile)
    assert stored.header == b"header"
    assert stored.path.read_bytes() == b"voxels"
    assert cache.totals() == (6, 1)
    cache.delete("brick")
    assert not stored.path.exists()


def test_a_lost_file_is_a_miss(cache: BytesCache) -> None:
    cache.set("key", b"x" * (INLINE_BYTES + 1))
    for path in Path(cache.directory).rglob("*.val"):
        path.unlink()
    assert cache.get("key") is None


def test_what_was_used_longest_ago_comes_first(cache: BytesCache) -> None:
    for key in ("a", "b", "c"):
        cache.set(key, key.encode() * 10)
    cache.update_access_times({"a": 4e9, "b": 3e9, "unknown": 5e9})
    rows = list(cache.rows_by_eviction_order())
    assert [row.key for row in rows] == ["c", "b", "a"]
    assert [row.size for row in rows] == [10, 10, 10]
    assert rows[-1].used == 4e9


def test_all_entries_come_in_order_however_many_there_are(cache: BytesCache) -> None:
    count = 2 * PAGE_ROWS + 3
    for number in range(count):
        cache.set(f"k{number}", b"x")
    # Many of one time: what is read in parts must neither leave out nor repeat any of them.
    database.execute(cache, "UPDATE Cache SET access_time = (rowid * 7919) % 5")
    rows = list(cache.rows_by_eviction_order())
    assert len({row.key for row in rows}) == len(rows) == count
    assert [row.used for row in rows] == sorted(row.used for row in rows)
    ((_, _, _, plan),) = database.execute(
        cache,
        "EXPLAIN QUERY PLAN SELECT rowid FROM Cache WHERE raw = 1"
        " AND (access_time, rowid) > (1, 1) ORDER BY access_time, rowid LIMIT 1",
    )
    assert "Cache_by_use" in plan


def test_a_use_is_never_taken_back(cache: BytesCache) -> None:
    cache.set("a", b"")
    cache.update_access_times({"a": 4e9})
    cache.update_access_times({"a": 1.0})
    cache.update_access_times({})
    assert next(cache.rows_by_eviction_order()).used == 4e9


def test_nothing_is_evicted_behind_our_back(cache: BytesCache) -> None:
    assert (cache.cull_limit, cache.eviction_policy, cache.statistics) == (0, "none", 0)


def test_the_directory_is_its_owners_alone(tmp_path: Path) -> None:
    open_cache(tmp_path / "a" / "cache").close()
    assert stat.S_IMODE((tmp_path / "a" / "cache").stat().st_mode) == 0o700


def test_a_busy_database_is_a_miss_and_no_error(cache: BytesCache) -> None:
    cache.set("key", b"old")
    blocker = sqlite3.connect(Path(cache.directory) / "cache.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        assert cache.set("key", b"new") is False
        assert cache.delete("key") is False
        assert cache.get("key") == b"old"
        cache.update_access_times({"key": 1.0})
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    assert cache.get("key") == b"old"


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), OSError(28, "full")])
def test_a_broken_disk_is_a_miss_and_no_error(
    cache: BytesCache, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    for name in ("get", "set", "delete"):
        monkeypatch.setattr(diskcache.Cache, name, fail)
    assert cache.get("key", b"default") == b"default"
    assert cache.set("key", b"value") is False
    assert cache.delete("key") is False


def test_the_sweep_takes_old_files_that_no_row_names(cache: BytesCache, tmp_path: Path) -> None:
    root = Path(cache.directory)
    cache.set("kept", b"x" * (INLINE_BYTES + 1))
    (root / "aa" / "bb").mkdir(parents=True)
    (root / "aa" / "bb" / "orphan.val").write_bytes(b"x")
    assert cache.remove_orphans(older_than_s=3600) == 0
    assert (root / "aa" / "bb" / "orphan.val").exists()
    assert cache.remove_orphans(older_than_s=-1) == 1
    assert not (root / "aa").exists()
    assert cache.get("kept") == b"x" * (INLINE_BYTES + 1)
    assert not cache.check()


def test_the_sweep_leaves_the_database(cache: BytesCache) -> None:
    cache.set("key", b"value")
    before = sorted(name for name in os.listdir(cache.directory) if name.startswith("cache.db"))
    cache.remove_orphans(older_than_s=-1)
    after = sorted(name for name in os.listdir(cache.directory) if name.startswith("cache.db"))
    assert after == before
    assert cache.get("key") == b"value"


@pytest.mark.parametrize("value", [b"small", b"y" * (2 * INLINE_BYTES)], ids=len)
def test_a_flipped_byte_is_a_miss_and_a_log_line(
    cache: BytesCache, caplog: pytest.LogCaptureFixture, value: bytes
) -> None:
    cache.set("key", value)
    for path in Path(cache.directory).rglob("*.val"):
        with path.open("r+b") as stream:
            stream.seek(len(value) // 2)
            stream.write(b"!")
    database.execute(
        cache,
        "UPDATE Cache SET value = CAST(X'736D616C21' || substr(value, 6) AS BLOB)"
        " WHERE filename IS NULL",
    )
    assert cache.get("key") is None
    assert "its checksum does not match" in caplog.text
    assert cache.set("key", value)
    assert cache.get("key") == value
    assert cache.check() == []


@pytest.mark.parametrize("size", [0, 5, INLINE_BYTES, INLINE_BYTES + 1])
def test_bytes_with_a_head_come_back(cache: BytesCache, size: int) -> None:
    values = {f"{head}": HeadedBytes(bytes(head), b"y" * size) for head in (0, 1, 300)}
    for key, value in values.items():
        assert cache.set(key, value)
    assert {key: cache.get(key) for key in values} == values
    files = sum(path.stat().st_size for path in Path(cache.directory).rglob("*.val"))
    assert files == (3 * size if size > INLINE_BYTES else 0)
    assert cache.totals()[0] >= sum(map(len, values.values()))


@pytest.mark.parametrize("harm", [b"!", None, b""], ids=["flipped", "of another row", "cut short"])
def test_a_damaged_body_is_a_miss_and_a_log_line(
    cache: BytesCache, caplog: pytest.LogCaptureFixture, harm: bytes | None
) -> None:
    value = HeadedBytes(b"head", b"y" * (2 * INLINE_BYTES))
    cache.set("other", HeadedBytes(b"head", b"z" * (2 * INLINE_BYTES)))
    (other,) = Path(cache.directory).rglob("*.val")
    cache.set("key", value)
    (path,) = set(Path(cache.directory).rglob("*.val")) - {other}
    stored = path.read_bytes()
    assert stored == value.body
    path.write_bytes(other.read_bytes() if harm is None else harm + stored[1:])
    assert cache.get("key") is None
    assert "its checksum does not match" in caplog.text
    assert cache.set("key", value)
    assert cache.get("key") == value


def test_a_damaged_head_is_a_miss(cache: BytesCache) -> None:
    for size in (1, 2 * INLINE_BYTES):
        cache.set("key", HeadedBytes(b"head", bytes(size)))
        database.execute(cache, "UPDATE Cache SET value = CAST('!' || substr(value, 2) AS BLOB)")
        assert cache.get("key") is None


@pytest.mark.parametrize("cut", [0, 3, 4, 5, INLINE_BYTES + 4])
def test_a_value_that_was_cut_short_is_a_miss(cache: BytesCache, cut: int) -> None:
    cache.set("key", b"y" * (INLINE_BYTES + 1))
    (path,) = Path(cache.directory).rglob("*.val")
    os.truncate(path, cut)
    assert cache.get("key") is None
