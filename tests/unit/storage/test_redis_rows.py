"""Rows in a real Redis: their contract, and what holds while it is gone, full, flushed or written by others."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.storage.bytes_cache import INLINE_BYTES
from dashboard.storage.redis_rows import PREFIX, RedisRows
from dashboard.storage.redis_store import LIMIT_S, PAUSE_S, RedisStore
from dashboard.storage.rows import RowsUnavailable
from tests import redis_server
from tests.clock import Clock
from tests.redis_server import RedisServer
from tests.unit.storage.test_rows import RowsContract

V = f"{PREFIX}space:"
INDEXES = [f"{PREFIX}space/{name}" for name in ("keys", "numbers", "stored", "count")]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(shared: RedisServer) -> RedisServer:
    shared.client.flushall()
    shared.client.config_set("maxmemory", 0)
    return shared


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(server: RedisServer, clock: Clock) -> Iterator[RedisStore]:
    opened = RedisStore(server.url, clock)
    yield opened
    opened.close()


@pytest.fixture
def rows(store: RedisStore) -> RedisRows:
    return RedisRows(store, "space")


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.mark,)


class TestRedisRows(RowsContract):
    @pytest.fixture
    def rows(self, store: RedisStore) -> RedisRows:
        return RedisRows(store, "space")

    def test_all_keys_have_one_prefix(self, rows: RedisRows, server: RedisServer) -> None:
        rows.set("key", b"value")
        assert all(key.startswith(PREFIX.encode()) for key in server.client.scan_iter())

    def test_spaces_are_apart(self, rows: RedisRows, store: RedisStore) -> None:
        rows.set("key", b"value")
        other = RedisRows(store, "spac")
        assert other.get("e:key") is None
        assert other.keys_with_prefix("") == []

    def test_a_row_expires_by_itself(self, rows: RedisRows) -> None:
        rows.set("key", b"value", 0.05)
        assert rows.read("key") == (b"value", pytest.approx(0.05, abs=0.05))
        time.sleep(0.1)
        assert rows.get("key") is None
        assert rows.keys_with_prefix("") == []

    def test_names_of_expired_rows_are_dropped(self, rows: RedisRows, server: RedisServer) -> None:
        rows.set("gone", b"", 0.02)
        rows.set("kept", b"")
        time.sleep(0.05)
        rows.remove_expired()
        assert [server.client.zcard(index) for index in INDEXES[:3]] == [1, 1, 1]

    def test_large_values_are_not_listed(self, rows: RedisRows) -> None:
        rows.set("small", b"x" * INLINE_BYTES)
        rows.set("large", b"x" * (INLINE_BYTES + 1))
        assert [row.key for row in rows.rows_after(0)] == ["small"]

    def test_no_connection_crosses_a_fork(self, rows: RedisRows) -> None:
        rows.set("key", b"value")
        child = os.fork()
        if child == 0:
            os._exit(0 if rows.get("key") == b"value" else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert rows.get("key") == b"value"


def test_planted_rows_are_misses_and_run_nothing(
    rows: RedisRows, server: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mark = tmp_path / "mark"
    rows.set("pickle", b"")
    rows.set("list", b"")
    server.client.set(f"{V}pickle", pickle.dumps(Bomb(mark)))
    server.client.delete(f"{V}list")
    server.client.rpush(f"{V}list", "planted")
    for key in ("pickle", "list"):
        assert rows.get(key) is None
        assert rows.read(key) is None
        assert rows.compare_and_set(key, None, b"new")
        assert rows.get(key) == b"new"
    server.client.set(f"{V}pickle", pickle.dumps(Bomb(mark)))
    assert [row.key for row in rows.rows_after(0)] == ["list"]
    assert [row.key for row in rows.rows_between(("", "z"))] == ["list"]
    assert "its checksum does not match" in caplog.text
    assert not mark.exists()


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("kind", ["string", "hash"])
def test_a_planted_index_is_replaced(
    rows: RedisRows, server: RedisServer, index: str, kind: str
) -> None:
    rows.set("before", b"1")
    server.client.delete(index)
    if kind == "hash":
        server.client.hset(index, "a", "b")
    else:
        server.client.set(index, b"planted")
    assert rows.replace([], {"after": b"2"})
    assert rows.get("before") == b"1"
    for found in (rows.keys_with_prefix(""), [row.key for row in rows.rows_after(0)]):
        assert "after" in found


def test_planted_names_are_refused(rows: RedisRows, server: RedisServer) -> None:
    server.client.set(V.encode() + b"\xff", b"planted")
    server.client.zadd(INDEXES[0], {b"\xff": 0})
    server.client.zadd(INDEXES[1], {b"\xff": 7})
    assert rows.keys_with_prefix("") == []
    assert rows.rows_after(0) == []


def test_after_a_flush_all_rows_are_listed_again(rows: RedisRows, server: RedisServer) -> None:
    for number in range(5):
        rows.set(f"a:{number}", b"")
    mark = rows.changes(0, 9, "a:").mark
    assert rows.changes(mark, 9, "a:") == (mark, False, [])
    server.client.flushall()
    emptied = rows.changes(mark, 9, "a:")
    assert (emptied.are_all, emptied.rows) == (True, [])
    rows.set("a:new", b"1")
    assert rows.changes(emptied.mark, 9, "a:").rows == [("a:new", b"1")]
    assert rows.changes(mark, 9, "a:").are_all


def test_a_flushed_store_is_empty_and_works(rows: RedisRows, server: RedisServer) -> None:
    rows.set("a", b"1")
    server.client.flushall()
    server.client.script_flush()
    assert rows.get("a") is None
    assert rows.rows_after(0) == []
    assert rows.replace([], {"b": b"2"})
    assert rows.keys_with_prefix("") == ["b"]


def test_a_full_store_can_be_read_and_nothing_is_half_written(
    rows: RedisRows, store: RedisStore, server: RedisServer
) -> None:
    rows.set("old", b"1")
    server.client.config_set("maxmemory", 1)
    assert not rows.set("new", b"2")
    with pytest.raises(RowsUnavailable):
        rows.replace(["old"], {"new": b"2"})
    with pytest.raises(RowsUnavailable):
        rows.compare_and_set("old", b"1", b"2")
    assert rows.get("old") == b"1"
    assert rows.keys_with_prefix("") == ["old"]
    assert store.answers
    server.client.config_set("maxmemory", 0)
    assert rows.replace(["old"], {"new": b"2"})


def test_a_store_that_hangs_is_waited_for_once(clock: Clock) -> None:
    with redis_server.hole() as url:
        rows = RedisRows(RedisStore(url, clock), "space")
        began = time.monotonic()
        assert rows.get("key") is None
        waited = time.monotonic() - began
        assert LIMIT_S * 0.9 <= waited < LIMIT_S + 1.0
        began = time.monotonic()
        assert not rows.set("key", b"")
        assert not rows.delete("key")
        for use in (
            lambda: rows.keys_with_prefix(""),
            lambda: rows.rows_after(0),
            lambda: rows.compare_and_set("key", None, b""),
            lambda: rows.replace([], {"key": b""}),
            lambda: rows.read("key"),
            rows.remove_expired,
        ):
            with pytest.raises(RowsUnavailable):
                use()
        assert time.monotonic() - began < LIMIT_S / 2


def test_a_store_that_was_killed_is_used_again_a_second_after_it_is_back(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with redis_server.running(tmp_path) as server:
        store = RedisStore(server.url, clock)
        rows = RedisRows(store, "space")
        assert rows.set("key", b"1")
        server.end()
        assert not rows.set("key", b"2")
        assert not store.answers
        server.start()
        assert not rows.set("key", b"3")
        clock.now += PAUSE_S
        assert rows.set("key", b"4")
        assert rows.get("key") == b"4"
        assert store.answers
        assert caplog.text.count("works by itself") == 1
        assert "answers again" in caplog.text
        store.close()


def test_a_stopped_store_heals(tmp_path: Path, clock: Clock) -> None:
    with redis_server.running(tmp_path) as server:
        rows = RedisRows(RedisStore(server.url, clock), "space")
        rows.set("key", b"1")
        server.signal(signal.SIGSTOP)
        assert rows.get("key") is None
        server.signal(signal.SIGCONT)
        clock.now += PAUSE_S
        assert rows.get("key") == b"1"


def test_all_machines_have_the_clock_of_the_store(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() - 5.0)
    assert store.time() == pytest.approx(wall() - 5.0, abs=0.2)
    store.compare_clocks()
    assert store.time() == pytest.approx(wall(), abs=0.2)
