"""The contract of `Rows`, which every implementation passes, and what holds for rows on a disk alone."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.storage.bytes_cache import INLINE_BYTES
from dashboard.storage.rows import DiskRows, Rows, RowsUnavailable, open_rows, update
from tests import database
from tests.rows import MemoryRows


class RowsContract:
    """Implementations provide the fixture `rows`, empty."""

    def test_a_value_is_read_back_until_it_is_removed(self, rows: Rows) -> None:
        assert rows.get("key") is None
        assert rows.set("key", b"")
        assert rows.get("key") == b""
        assert rows.set("key", b"new")
        assert rows.get("key") == b"new"
        assert rows.delete("key")
        assert not rows.delete("key")
        assert rows.get("key") is None

    def test_large_values_are_read_back(self, rows: Rows) -> None:
        value = bytes(range(256)) * (INLINE_BYTES // 64)
        assert rows.set("large", value)
        assert rows.get("large") == value

    def test_an_expired_row_is_gone_for_every_method(self, rows: Rows) -> None:
        rows.set("gone", b"old", -1.0)
        rows.set("kept", b"value", 60.0)
        assert rows.get("gone") is None
        assert rows.get("kept") == b"value"
        assert not rows.delete("gone")
        assert rows.keys_with_prefix("") == ["kept"]
        assert [row.key for row in rows.rows_after(0)] == ["kept"]
        assert not rows.replace(["gone"], {"other": b""})
        assert not rows.compare_and_set("gone", b"old", b"new")
        assert rows.compare_and_set("gone", None, b"new")
        assert rows.get("gone") == b"new"

    def test_an_overwritten_row_loses_its_expiry(self, rows: Rows) -> None:
        rows.set("key", b"1", -1.0)
        rows.set("key", b"2")
        assert rows.get("key") == b"2"

    def test_rows_of_one_replacement_have_lifetimes_of_their_own(self, rows: Rows) -> None:
        stored = {"gone": b"1", "kept": b"2", "lasting": b"3"}
        assert rows.replace([], stored, {"gone": -1.0, "kept": 60.0})
        assert rows.keys_with_prefix("") == ["kept", "lasting"]

    def test_a_value_is_set_where_the_expected_one_is_present(self, rows: Rows) -> None:
        assert not rows.compare_and_set("key", b"1", b"2")
        assert rows.compare_and_set("key", None, b"1")
        assert not rows.compare_and_set("key", None, b"2")
        assert not rows.compare_and_set("key", b"2", b"3")
        assert rows.get("key") == b"1"
        assert rows.compare_and_set("key", b"1", b"2", -1.0)
        assert rows.get("key") is None

    def test_rows_are_replaced_in_one_step_or_not_at_all(self, rows: Rows) -> None:
        for key in ("a", "b"):
            rows.set(key, key.encode())
        assert not rows.replace(["a", "missing"], {"c": b"c", "b": b"changed"})
        assert not rows.replace(["missing", "a"], {"c": b"c"})
        assert [(row.key, row.value) for row in rows.rows_after(0)] == [("a", b"a"), ("b", b"b")]
        assert rows.replace(["a", "b"], {"c": b"c"})
        assert [(row.key, row.value) for row in rows.rows_after(0)] == [("c", b"c")]
        assert rows.replace([], {"d": b"d", "e": b"e"})
        assert rows.keys_with_prefix("") == ["c", "d", "e"]

    def test_the_replacement_of_the_last_row_has_a_higher_number(self, rows: Rows) -> None:
        rows.set("a", b"a")
        (before,) = rows.rows_after(0)
        assert rows.replace(["a"], {"b": b"b"})
        assert rows.rows_after(before.number)[0].key == "b"

    def test_keys_are_found_by_their_prefix(self, rows: Rows) -> None:
        omega = "plan:\N{GREEK SMALL LETTER OMEGA}"
        for key in ("plan:b", "plan:a", "plan", "planet", omega, "plam:x"):
            rows.set(key, b"")
        assert rows.keys_with_prefix("plan:") == ["plan:a", "plan:b", omega]
        assert rows.keys_with_prefix("nothing") == []
        rows.set("plan:b", b"again")
        assert rows.keys_with_prefix("plan:", newest=2) == ["plan:b", omega]
        assert rows.keys_with_prefix("plan:", newest=9) == ["plan:a", "plan:b", omega]

    def test_rows_are_listed_in_the_order_of_their_first_writing(self, rows: Rows) -> None:
        for number in range(3):
            rows.set(f"row:{number}", bytes([number]))
        rows.set("row:0", b"again")
        found = rows.rows_after(0)
        assert [(key, value) for _, key, value in found] == [
            ("row:0", b"again"),
            ("row:1", b"\x01"),
            ("row:2", b"\x02"),
        ]
        assert rows.rows_after(found[1].number) == found[2:]
        assert rows.rows_after(found[2].number) == []

    def test_what_was_stored_since_a_mark_is_listed(self, rows: Rows) -> None:
        for key in ("a:1", "b:1", "c:1", "a:2", "a:3"):
            rows.set(key, key.encode())
        rows.set("a:1", b"again")
        rows.set("a:gone", b"", -1.0)
        found = rows.changes(0, 9, "a:", "c:")
        assert found.are_all
        of_a = [row for row in found.rows if row[0].startswith("a:")]
        assert of_a == [("a:2", b"a:2"), ("a:3", b"a:3"), ("a:1", b"again")]
        assert ("c:1", b"c:1") in found.rows
        assert len(found.rows) == 4
        assert [key for key, _ in rows.changes(0, 2, "a:").rows] == ["a:3", "a:1"]
        assert rows.compare_and_set("c:1", b"c:1", b"new")
        rows.set("a:4", b"")
        later = rows.changes(found.mark, 9, "a:", "c:")
        assert not later.are_all
        # The last ones, behind what may be listed again.
        assert [row for row in later.rows if row[0].startswith("a:")][-1] == ("a:4", b"")
        assert ("c:1", b"new") in later.rows

    def test_rows_are_listed_by_prefixes_and_by_ranges_of_keys(self, rows: Rows) -> None:
        for key in ("b:1", "a:2", "c:1", "a:1", "b:2"):
            rows.set(key, key.encode())
        assert [row.key for row in rows.rows_after(0, "a:", "c:")] == ["a:2", "c:1", "a:1"]
        first = rows.rows_after(0)[0].number
        assert [row.key for row in rows.rows_after(first, "b:")] == ["b:2"]
        assert [row.key for row in rows.rows_between(("a:1", "a:2"), ("b:", "b:2"))] == [
            "b:1",
            "a:1",
        ]
        assert rows.rows_between() == []
        assert sorted(rows.keys_between(("a:1", "a:2"), ("b:", "b:2"))) == ["a:1", "b:1"]

    def test_no_update_is_lost(self, rows: Rows) -> None:
        def count() -> None:
            for _ in range(5):
                update(rows, "count", lambda value: b"%d" % (int(value or b"0") + 1))
            rows.close()

        threads = [threading.Thread(target=count) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert rows.get("count") == b"15"

    def test_a_value_that_is_likely_is_tried_first(self, rows: Rows) -> None:
        given: list[bytes | None] = []

        def append(value: bytes | None) -> bytes:
            given.append(value)
            return (value or b"") + b"b"

        rows.set("key", b"a")
        update(rows, "key", append, likely=b"a")
        assert (given, rows.get("key")) == ([b"a"], b"ab")
        given.clear()
        # Somebody else has written meanwhile.
        rows.set("key", b"x")
        update(rows, "key", append, likely=b"ab")
        assert (given, rows.get("key")) == ([b"ab", b"x"], b"xb")
        given.clear()
        # It has expired.
        rows.delete("key")
        update(rows, "key", append, likely=b"xb")
        assert (given, rows.get("key")) == ([b"xb", None], b"b")

    def test_an_update_that_never_gets_through_ends(
        self, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rows, "compare_and_set", lambda *_: False)
        with pytest.raises(RowsUnavailable, match="one row"):
            update(rows, "key", lambda _: b"")


class TestMemoryRows(RowsContract):
    @pytest.fixture
    def rows(self) -> MemoryRows:
        return MemoryRows()


class TestDiskRows(RowsContract):
    @pytest.fixture
    def rows(self, tmp_path: Path) -> Iterator[DiskRows]:
        opened = open_rows(tmp_path / "rows")
        yield opened
        opened.close()

    def test_another_process_sees_it(self, rows: DiskRows) -> None:
        rows.set("key", b"value")
        other = open_rows(Path(rows.cache.directory))
        assert other.get("key") == b"value"
        other.close()

    def test_expired_rows_are_removed(self, rows: DiskRows) -> None:
        rows.set("gone", b"", -1.0)
        rows.set("kept", b"")
        rows.remove_expired()
        assert list(rows.cache) == ["kept"]

    def test_large_values_are_not_listed(self, rows: DiskRows) -> None:
        rows.set("small", b"x" * INLINE_BYTES)
        rows.set("large", b"x" * (INLINE_BYTES + 1))
        assert [row.key for row in rows.rows_after(0)] == ["small"]

    def test_a_flipped_byte_is_a_miss(
        self, rows: DiskRows, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows.set("key", b"value")
        database.execute(rows.cache, "UPDATE Cache SET value = zeroblob(length(value))")
        assert rows.get("key") is None
        assert rows.rows_after(0) == []
        assert "its checksum does not match" in caplog.text
        assert rows.compare_and_set("key", None, b"new")
        assert rows.get("key") == b"new"

    def test_a_row_that_names_a_file_is_a_miss(self, rows: DiskRows, tmp_path: Path) -> None:
        (tmp_path / "rows" / "planted.val").write_bytes(b"planted")
        rows.set("key", b"value")
        database.execute(rows.cache, "UPDATE Cache SET mode = 2, filename = 'planted.val'")
        assert rows.get("key") is None

    def test_a_busy_database_is_unavailable_and_works_afterwards(self, tmp_path: Path) -> None:
        rows = open_rows(tmp_path / "rows", timeout_s=0.05)
        rows.set("key", b"old")
        blocker = sqlite3.connect(tmp_path / "rows" / "cache.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        assert not rows.set("key", b"new")
        assert not rows.delete("key")
        with pytest.raises(RowsUnavailable):
            rows.compare_and_set("key", b"old", b"new")
        with pytest.raises(RowsUnavailable):
            rows.replace(["key"], {"other": b""})
        assert rows.get("key") == b"old"
        blocker.execute("ROLLBACK")
        blocker.close()
        assert rows.compare_and_set("key", b"old", b"new")
        assert rows.replace(["key"], {"other": b""})
        rows.close()

    @pytest.mark.parametrize("error", [sqlite3.DatabaseError("malformed"), OSError(28, "full")])
    def test_a_failing_database_is_unavailable(
        self, rows: DiskRows, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise error

        for name in ("select", "expire", "transact"):
            monkeypatch.setattr(rows.cache, name, fail)
        for use in (
            lambda: rows.keys_with_prefix(""),
            lambda: rows.rows_after(0),
            lambda: rows.compare_and_set("key", None, b""),
            lambda: rows.replace([], {"key": b""}),
            rows.remove_expired,
        ):
            with pytest.raises(RowsUnavailable):
                use()

    def test_a_row_that_cannot_be_stored_leaves_the_others(
        self, rows: DiskRows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = rows.cache.set
        rows.set("key", b"value")
        monkeypatch.setattr(
            rows.cache, "set", lambda key, *a, **k: key != "b" and store(key, *a, **k)
        )
        with pytest.raises(RowsUnavailable):
            rows.replace(["key"], {"a": b"", "b": b""})
        assert rows.keys_with_prefix("") == ["key"]
        with pytest.raises(RowsUnavailable):
            rows.compare_and_set("b", None, b"")

    def test_no_connection_crosses_a_fork(self, rows: DiskRows) -> None:
        rows.set("key", b"value")
        rows.close()
        child = os.fork()
        if child == 0:
            os._exit(0 if rows.get("key") == b"value" else 1)
        assert os.waitpid(child, 0)[1] == 0
