"""Cache databases that several threads or processes repair at once."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest

from dashboard.storage import database as module
from dashboard.storage.bytes_cache import BytesCache, open_cache
from dashboard.storage.rows import DiskRows
from tests.unit.storage import harm


def test_a_database_that_was_replaced_meanwhile_is_not_replaced_again(
    opened: BytesCache, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_cache(directory)
    for cache in (opened, other):
        cache.close()
    harm.garbage(directory / "cache.db")
    lock = module.cache_lock

    def after_the_other(folder: Path) -> Any:
        monkeypatch.setattr(module, "cache_lock", lock)
        assert other.set("mine", b"value")
        return lock(folder)

    monkeypatch.setattr(module, "cache_lock", after_the_other)
    assert opened.get("mine") == b"value"
    other.close()


def test_threads_do_not_set_aside_each_other_s_new_one(opened: BytesCache, directory: Path) -> None:
    start = threading.Barrier(8)
    lost: list[int] = []

    def use(number: int) -> None:
        opened.get("key0")
        start.wait(30)
        if number == 0:
            harm.replaced(directory / "cache.db")
        start.wait(30)
        opened.get("key0")
        if not opened.set(f"mine{number}", b"value"):
            lost.append(number)
        opened.close()

    threads = [threading.Thread(target=use, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert lost == []
    assert DiskRows(opened).keys_with_prefix("mine") == [f"mine{n}" for n in range(8)]


def _use(directory: Path, number: int, ready: object, go: object) -> None:
    cache = open_cache(directory)
    ready.release()  # type: ignore[attr-defined]
    go.wait(60)  # type: ignore[attr-defined]
    cache.get("key0")
    cache.set(f"mine{number}", b"value")
    cache.close()


def test_processes_do_not_set_aside_each_other_s_new_one(
    opened: BytesCache, directory: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    users = [context.Process(target=_use, args=(directory, n, ready, go)) for n in range(4)]
    for user in users:
        user.start()
    for _ in users:
        assert ready.acquire(timeout=60)
    harm.replaced(directory / "cache.db")
    go.set()
    for user in users:
        user.join(60)
        assert user.exitcode == 0
    assert DiskRows(opened).keys_with_prefix("mine") == [f"mine{n}" for n in range(4)]
    assert opened.check() == []


def test_a_connection_to_what_was_replaced_takes_nothing_from_the_new_one(
    opened: BytesCache, directory: Path
) -> None:
    other = open_cache(directory, timeout_s=0.5)
    harm.folder_deleted(directory / "cache.db")
    opened.set("new", b"value")  # the log has it
    other.close()  # the last connection to the old files, which removes their log
    assert opened.get("new") == b"value"
    assert opened.check() == []
