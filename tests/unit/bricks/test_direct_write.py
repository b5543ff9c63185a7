"""Bricks written directly are the same bricks, and buffers and locks are released."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks import direct_write
from dashboard.bricks.brick import FileBrick
from dashboard.bricks.direct_write import DirectBrickWriter
from dashboard.bricks.loader import CacheFull
from dashboard.bricks.pending_file import PendingBrickFile
from dashboard.decoding.brick_reader import BrickTarget
from dashboard.decoding.decoder import Decoder
from dashboard.decoding.sinks import FileSink, MemorySink
from dashboard.storage import direct_io
from dashboard.storage.disk_space import DiskSpace
from tests import files
from tests.parts import Parts
from tests.small_volume import NBYTES, VALUES, brick, same
from tests.waits import WITHIN_S

pytestmark = pytest.mark.usefixtures("volume_file")


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[type]]:
    """The kinds of sinks that bricks were decoded into."""
    kinds: list[type] = []
    honest = Decoder.decode

    def decode(self: Any, volume: Any, address: Any, sink: Any, *rest: Any) -> Any:
        kinds.append(type(sink))
        return honest(self, volume, address, sink, *rest)

    monkeypatch.setattr(Decoder, "decode", decode)
    return kinds


def test_the_same_bricks(here: Parts, sinks: list[type]) -> None:
    here.loader.enable_direct_writes(NBYTES)
    for first in (0, 4, 8):
        found = here.load(brick(here, first), Purpose.WARMUP)
        assert isinstance(found.brick, FileBrick)
        assert found.outcome == "miss"
        same(found, first)
        same(here.load(brick(here, first)), first)
    assert sinks == [MemorySink] * 3


@pytest.mark.parametrize("text", [":,3,:", ":,:,29"])
def test_across_every_axis(here: Parts, text: str) -> None:
    expected = here.frame("data/a.h5", "c", text).frame.body
    here.loader.enable_direct_writes(2**20)
    for address in here.bricks("data/a.h5", "x", text):
        here.load(address, Purpose.WARMUP)
    answer = here.frame("data/a.h5", "x", text)
    assert answer.frame.body == expected
    assert answer.outcome == "prefetched"


def test_what_children_decode_stays_as_it_is(here: Parts, sinks: list[type]) -> None:
    here.loader.enable_direct_writes(NBYTES)
    same(here.load(brick(here, 0, "b"), Purpose.WARMUP), 0)
    assert sinks == []


def test_damaged_chunks_are_reported(here: Parts, data: Path) -> None:
    files.damage(data / "a.h5", "x", (4, 10, 20))
    here.loader.enable_direct_writes(NBYTES)
    found = here.load(brick(here, 4), Purpose.WARMUP)
    assert [chunk.origin for chunk in found.brick.damaged_chunks] == [(4, 10, 20)]


def test_a_brick_that_is_too_large_is_written_piece_by_piece(
    here: Parts, sinks: list[type]
) -> None:
    here.loader.enable_direct_writes(NBYTES - 1)
    same(here.load(brick(here, 0), Purpose.WARMUP), 0)
    assert sinks == [FileSink]


def test_a_full_disk_keeps_nothing_and_gives_the_memory_back(
    here: Parts, monkeypatch: pytest.MonkeyPatch, sinks: list[type]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    here.loader.enable_direct_writes(NBYTES)
    with monkeypatch.context() as patch:
        patch.setattr(direct_io, "write", full)
        with pytest.raises(CacheFull):
            here.load(brick(here, 0), Purpose.WARMUP)
    assert list((here.home / "partial").iterdir()) == []
    monkeypatch.setattr(DiskSpace, "reserve", lambda *_: True)  # it would rest a while
    for first in (0, 4, 8):
        same(here.load(brick(here, first), Purpose.WARMUP), first)
    assert sinks == [MemorySink] * 4


@pytest.mark.parametrize(("limit", "kind"), [(NBYTES, MemorySink), (NBYTES - 1, FileSink)])
def test_it_steps_aside_either_way(
    here: Parts, tmp_path: Path, sinks: list[type], limit: int, kind: type
) -> None:
    stepped: list[bool] = []
    gathered = DirectBrickWriter(limit)
    volume = here.library.volume("data/a.h5", "x")
    with pending(tmp_path, brick(here, 4)) as made, here.open(volume) as file:
        target = gathered.target(made, volume.memory_dtype)
        here.decoder.read_brick(file, made.address, target, lambda: stepped.append(True))
        assert os.pread(made.fd, NBYTES, 0) == VALUES[4:8].tobytes()
    assert sinks == [kind]
    assert stepped


@contextmanager
def pending(folder: Path, address: BrickAddress) -> Iterator[PendingBrickFile]:
    """A file that a brick is to be written to."""
    made = PendingBrickFile(folder, address, VALUES.itemsize, Purpose.WARMUP)
    try:
        yield made
    finally:
        made.discard()


class Slow:
    """Decodes bricks into their targets, which wait, in the order of asking, until they are let go."""

    def __init__(self) -> None:
        self.kinds: list[type] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def decode(self, target: BrickTarget) -> None:
        with target.sink() as sink:
            self.kinds.append(type(sink))
            self.begun.release()
            assert self.go.acquire(timeout=WITHIN_S)


def begun(decoder: Slow, timeout: float = WITHIN_S) -> bool:
    return decoder.begun.acquire(timeout=timeout)


@pytest.mark.parametrize(("turn_s", "at_once"), [(20.0, 1), (0.0, 2)])
def test_one_is_decoded_after_the_other_unless_that_takes_long(
    here: Parts, tmp_path: Path, turn_s: float, at_once: int
) -> None:
    """And a third, for which there is no memory, beside them."""
    decoder = Slow()
    gathered = DirectBrickWriter(NBYTES, turn_s)
    with ExitStack() as stack:
        made = [stack.enter_context(pending(tmp_path, brick(here, n))) for n in (0, 4, 8)]

        def work(number: int) -> None:
            decoder.decode(gathered.target(made[number], VALUES.dtype))

        with ThreadPoolExecutor(3) as pool:
            working = [pool.submit(work, 0)]
            assert begun(decoder)
            working.append(pool.submit(work, 1))
            assert begun(decoder, WITHIN_S if at_once == 2 else 0.2) is (at_once == 2)
            assert decoder.kinds == [MemorySink] * at_once
            working.append(pool.submit(work, 2))
            assert begun(decoder)
            assert decoder.kinds == [MemorySink] * at_once + [FileSink]
            for _ in working:
                decoder.go.release()
            for one in working:
                one.result(timeout=WITHIN_S)
            decoder.go.release()
            work(0)
            assert decoder.kinds[-1] is MemorySink, "the memory was not given back"


def test_an_error_gives_turn_and_memory_back(
    here: Parts, monkeypatch: pytest.MonkeyPatch, sinks: list[type]
) -> None:
    def changed(*_: Any) -> None:
        raise errors.Changed("It changed.")

    here.loader.enable_direct_writes(NBYTES)
    with monkeypatch.context() as patch:
        patch.setattr(MemorySink, "put", changed)
        for first in (0, 4, 8):
            with pytest.raises(errors.Changed):
                here.load(brick(here, first), Purpose.WARMUP)
    assert list((here.home / "partial").iterdir()) == []
    same(here.load(brick(here, 0), Purpose.WARMUP), 0)
    assert sinks == [MemorySink] * 4
    assert not here.loader.in_use


@pytest.mark.parametrize(
    ("memory", "total", "largest", "expected"),
    [
        (1000, 200, 50, False),  # what stands unwritten
        (1000, 201, 50, True),
        (1000, 201, 62, True),
        (1000, 201, 63, False),  # two of them are more than an eighth
        (800, 8000, 50, True),
        (799, 8000, 50, False),
    ],
)
def test_when_it_is_worthwhile(
    monkeypatch: pytest.MonkeyPatch, memory: int, total: int, largest: int, expected: bool
) -> None:
    monkeypatch.setattr(direct_io, "memory_bytes", lambda: memory)
    assert direct_write.should_bypass_page_cache(total, largest) is expected
