"""The contracts of `FrameStore` and `WriteBehindFrames`, which all implementations keep."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from dashboard.frames import cache as below
from dashboard.frames import renderer as above
from dashboard.frames.cache import DiskcacheBackend, FrameCache
from dashboard.storage.bytes_cache import INLINE_BYTES, HeadedBytes, open_cache
from dashboard.storage.disk_space import DiskSpace
from dashboard.storage.eviction import LruEvictor
from dashboard.web.frame_cache import flask_cache
from tests.parts import Counts, FakeFrames


@pytest.fixture
def backend(tmp_path: Path, ledger: Counts) -> Iterator[DiskcacheBackend]:
    disk = open_cache(tmp_path / "frames")
    evictor = LruEvictor(disk, 2**24, tmp_path / "frames.lock")
    yield DiskcacheBackend(disk, evictor, DiskSpace(tmp_path, 0), ledger)
    disk.close()


@pytest.fixture(params=["backend", "flask-caching"])
def store(request: pytest.FixtureRequest, backend: DiskcacheBackend) -> below.FrameStore:
    if request.param == "backend":
        return backend
    cache: below.FrameStore = flask_cache(flask.Flask(__name__), backend)
    return cache


@pytest.fixture(params=["write-behind", "fake"])
def frames(
    request: pytest.FixtureRequest, store: below.FrameStore
) -> Iterator[above.WriteBehindFrames]:
    if request.param == "fake":
        yield FakeFrames()
        return
    cache = FrameCache(store)
    yield cache
    cache.close()


BODIES = [b"", b"\0pickle\x80\n", bytes(INLINE_BYTES), b"x" * (INLINE_BYTES + 1)]
FRAMES = [HeadedBytes(b"{}" * len(body), body) for body in BODIES]
VALUES = [*BODIES, *FRAMES]


@pytest.mark.parametrize("value", VALUES, ids=len)
def test_bytes_come_back_as_they_were(store: below.FrameStore, value: Any) -> None:
    assert store.get("a") is None
    assert store.set("a", value)
    assert store.set("b", HeadedBytes(b"", b"another"))
    assert store.get("a") == value


def test_the_last_value_counts(store: below.FrameStore) -> None:
    for value in VALUES:
        store.set("a", value)
        assert store.get("a") == value


@pytest.mark.parametrize("value", ["text", 1, None, {"a": b"x"}, bytearray(b"x")], ids=repr)
def test_nothing_but_bytes_is_stored(store: below.FrameStore, value: Any) -> None:
    with pytest.raises(TypeError, match="bytes"):
        store.set("a", value)
    assert store.get("a") is None


def test_what_does_not_fit_is_not_stored(store: below.FrameStore) -> None:
    assert not store.set("a", HeadedBytes(b"", bytes(2**24 + 1)))
    assert store.get("a") is None


def test_threads_need_no_application_context(store: below.FrameStore) -> None:
    found: list[Any] = []
    frame = FRAMES[1]
    thread = threading.Thread(target=lambda: found.append((store.set("a", frame), store.get("a"))))
    thread.start()
    thread.join()
    assert found == [(True, frame)]


@pytest.mark.parametrize("value", FRAMES, ids=len)
def test_a_frame_is_there_at_once(frames: above.WriteBehindFrames, value: HeadedBytes) -> None:
    assert frames.get("a") is None
    frames.put("a", lambda: value, len(value))
    assert frames.get("a") == value
    assert frames.get("b") is None


def test_a_frame_stays_after_it_was_written(frames: above.WriteBehindFrames) -> None:
    for number in range(4):
        frames.put(f"{number}", lambda number=number: FRAMES[number], 1)  # type: ignore[misc]
    if isinstance(frames, FrameCache):
        frames.flush()
    assert [frames.get(f"{number}") for number in range(4)] == FRAMES
