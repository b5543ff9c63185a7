"""Planted or broken entries of the brick cache are misses."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.addressing.outcomes import Purpose
from dashboard.bricks import brick as brick_module
from dashboard.bricks import plane_checksums
from dashboard.bricks import store as module
from dashboard.bricks.store import BrickStore
from dashboard.storage.bytes_cache import BytesCache
from dashboard.storage.checksum import seal
from tests import database
from tests.bricks import DATA_BYTES, DTYPE, FILE_BYTES, brick_at, put, values_of
from tests.clock import Clock
from tests.files import open_below


def entry(cache: BytesCache) -> dict[str, Any]:
    """The only row of the cache."""
    rows = database.execute(cache, "SELECT key, filename, value, mode, size FROM Cache")
    (row,) = rows
    return dict(zip(("key", "filename", "value", "mode", "size"), row, strict=True))


HEADERS: dict[str, Any] = {
    "no JSON": b"\xff\xfe",
    "a list": b"[]",
    "depths": b"[" * 50_000,
    "a number": b"3",
    "nothing": b"{}",
    "only damage": b'{"bad": []}',
    "another type": json.dumps({"dtype": "<f4", "bad": [], "data_bytes": 3200}).encode(),
    "odd damage": json.dumps({"dtype": "<u2", "bad": [[1, 2, 3]], "data_bytes": 3200}).encode(),
    "text": "text",
    "null": None,
}


@pytest.mark.parametrize("header", HEADERS, ids=list(HEADERS))
def test_a_planted_header_is_a_miss(
    store: BrickStore,
    cache: BytesCache,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    header: str,
) -> None:
    put(store, brick_at(0))
    planted = HEADERS[header]
    sealed = planted + seal(planted) if isinstance(planted, bytes) else planted
    database.execute(cache, "UPDATE Cache SET value = ?", sealed)
    before = len(open_below(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert store.get(brick_at(0), DTYPE) is None
        assert store.is_unused_prefetch(brick_at(0)) is False
    assert len(open_below(tmp_path)) <= before
    found = put(store, brick_at(0))
    np.testing.assert_array_equal(found.plane(0), values_of(brick_at(0))[0])


def test_a_planted_header_leaves_a_log_line(
    store: BrickStore, cache: BytesCache, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, brick_at(0))
    database.execute(cache, "UPDATE Cache SET value = ?", b"{}" + seal(b"{}"))
    with caplog.at_level(logging.WARNING):
        store.get(brick_at(0), DTYPE)
    assert "brick refused" in caplog.text


@pytest.mark.parametrize("restart", [False, True])
def test_a_plane_with_flipped_bytes_is_never_given_out(
    make_store: Callable[..., BrickStore],
    cache: BytesCache,
    caplog: pytest.LogCaptureFixture,
    restart: bool,
) -> None:
    store = make_store(keep_open=4)
    put(store, brick_at(0))
    opened = store.get(brick_at(0), DTYPE, 2)
    assert opened is not None
    path = Path(cache.directory) / entry(cache)["filename"]
    with path.open("r+b") as stream:
        stream.seek(DATA_BYTES // 4 + 9)  # within plane 1
        stream.write(b"!")
    store = make_store() if restart else store
    good = store.get(brick_at(0), DTYPE, 0)
    assert good is not None
    np.testing.assert_array_equal(good.plane(0), values_of(brick_at(0))[0])
    with caplog.at_level(logging.WARNING):
        assert store.get(brick_at(0), DTYPE, 1) is None
        assert store.get(brick_at(0), DTYPE, 0) is None
    assert [r for r in caplog.records if "damaged brick" in r.getMessage()] == caplog.records
    assert len(caplog.records) == 1
    assert not path.exists()
    put(store, brick_at(0))
    found = store.get(brick_at(0), DTYPE, 1)
    assert found is not None
    np.testing.assert_array_equal(found.plane(1), values_of(brick_at(0))[1])


@pytest.mark.parametrize("at", [-1, -4 * 4])
def test_a_damaged_checksum_is_a_miss(store: BrickStore, cache: BytesCache, at: int) -> None:
    put(store, brick_at(0))
    path = Path(cache.directory) / entry(cache)["filename"]
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    assert store.get(brick_at(0), DTYPE, 3 if at == -1 else 0) is None


def test_the_file_of_another_brick_is_a_miss(store: BrickStore, cache: BytesCache) -> None:
    put(store, brick_at(0))
    put(store, brick_at(4))
    names = database.execute(cache, "SELECT filename FROM Cache ORDER BY rowid")
    first, second = (Path(cache.directory) / name for (name,) in names)
    first.write_bytes(second.read_bytes())
    assert store.get(brick_at(4), DTYPE, 0) is not None
    assert store.get(brick_at(0), DTYPE, 0) is None


def test_a_plane_is_verified_once(store: BrickStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, brick_at(0))
    checked: list[int] = []
    matches = plane_checksums.matches

    def noted(fd: int, offset: int, key: str, number: int, plane: Any) -> bool:
        checked.append(number)
        return matches(fd, offset, key, number, plane)

    monkeypatch.setattr(plane_checksums, "matches", noted)
    for number in (0, 1, 0, 1):
        assert store.get(brick_at(0), DTYPE, number) is not None
    assert checked == [0, 1]


@pytest.mark.parametrize("change", ["shorter", "longer", "empty", "gone", "a folder", "a link"])
def test_a_file_that_was_tampered_with_is_a_miss(
    store: BrickStore, cache: BytesCache, tmp_path: Path, change: str
) -> None:
    put(store, brick_at(0))
    path = Path(cache.directory) / entry(cache)["filename"]
    content = path.read_bytes()
    if change in ("gone", "a folder", "a link"):
        path.unlink()
    if change == "a folder":
        path.mkdir()
    elif change == "a link":
        (tmp_path / "elsewhere").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere")
    elif change != "gone":
        new = {"shorter": content[:-1], "longer": content + b"x", "empty": b""}[change]
        path.write_bytes(new)
    assert store.get(brick_at(0), DTYPE) is None
    put(store, brick_at(0))
    found = store.get(brick_at(0), DTYPE)
    assert found is not None
    np.testing.assert_array_equal(found.plane(0), values_of(brick_at(0))[0])


def test_a_header_with_any_length_can_be_evicted(
    make_store: Callable[..., BrickStore], cache: BytesCache
) -> None:
    store = make_store(limit=FILE_BYTES, clock=Clock(4e9))
    put(store, brick_at(0))
    database.execute(
        cache, "UPDATE Cache SET value = ?", b'{"data_bytes": 1267650600228229401496703205376}'
    )
    assert not store.is_unused_prefetch(brick_at(0))
    put(store, brick_at(4))
    assert not store.has(brick_at(0))


def test_a_row_that_leads_outside_is_a_miss(
    store: BrickStore, cache: BytesCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(store, brick_at(0))
    secret = tmp_path / "secret"
    secret.write_bytes((Path(cache.directory) / entry(cache)["filename"]).read_bytes())
    database.execute(cache, "UPDATE Cache SET filename = '../secret'")
    with caplog.at_level(logging.WARNING):
        assert store.get(brick_at(0), DTYPE) is None
    assert "leads outside" in caplog.text
    assert secret.exists()


def test_an_entry_without_a_file_is_a_miss(store: BrickStore, cache: BytesCache) -> None:
    cache.set(brick_at(0).key, b"only bytes")
    assert store.get(brick_at(0), DTYPE) is None
    assert store.is_unused_prefetch(brick_at(0)) is False


def test_what_cannot_be_mapped_is_a_miss_and_closes_each_descriptor_once(
    store: BrickStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(store, brick_at(0))

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(12, "Cannot allocate memory")

    twice: list[int] = []
    close = os.close

    def noted(fd: int) -> None:
        try:
            close(fd)
        except OSError:
            twice.append(fd)

    before = len(open_below(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(brick_module.mmap, "mmap", fail)
        patch.setattr(module.os, "close", noted)
        assert store.get(brick_at(0), DTYPE) is None
        partial = store.begin(brick_at(0), DTYPE.itemsize, Purpose.DEMAND)
        assert partial is not None
        assert store.commit(partial, DTYPE, ()) is None
    assert twice == []
    assert len(open_below(tmp_path)) <= before
    assert list((tmp_path / "partial").iterdir()) == []


def test_a_broken_database_is_a_cache_that_keeps_nothing(
    store: BrickStore, cache: BytesCache
) -> None:
    put(store, brick_at(0))
    with database.unreachable(cache):
        assert not store.has(brick_at(0))
        assert store.get(brick_at(0), DTYPE) is None
        assert store.begin(brick_at(4), DTYPE.itemsize, Purpose.DEMAND) is None
        assert store.existing([brick_at(0).key]) == frozenset()
    assert store.has(brick_at(0))
