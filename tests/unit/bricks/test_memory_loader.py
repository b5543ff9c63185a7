"""Stacks and cuts: a plane is served before the brick is decoded and written, and all is counted once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.outcomes import Outcome, Purpose
from dashboard.bricks import memory_loader
from dashboard.bricks.cause import Holder
from dashboard.codecs.bitshuffle import Blocks
from dashboard.decoding import bands, memory_decoder
from dashboard.decoding.memory_brick import MemoryBrick
from dashboard.decoding.memory_decoder import MemoryDecoder, leading_bytes
from dashboard.disconnects import client
from tests import files
from tests.parts import Parts

SHAPE = (40, 12, 10)
VALUES = files.made_up("<u2", SHAPE)
BRICK = range(32)


@pytest.fixture
def early(make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Parts that hold bricks of any size."""
    monkeypatch.setattr(memory_loader, "MIN_PROGRESSIVE_BYTES", 0)
    return make_parts(arena_bytes=2**20)


def write(data: Path, values: Any = VALUES, **how: Any) -> Path:
    """A volume of one-plane chunks."""
    given = {"chunks": (1, *values.shape[1:]), "compression": "gzip"} | how
    return files.write(data / "a.h5", x=(values, given))


def plane(here: Parts, number: int, **how: Any) -> Any:
    return here.frame("data/a.h5", "/x", f"{number},:,:", **how)


@contextmanager
def delayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The planes that nobody has asked for are decoded once the event is set."""
    go_on = threading.Event()
    others = MemoryDecoder.decode_others

    def slow(*arguments: Any) -> None:
        assert go_on.wait(60)
        others(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryDecoder, "decode_others", slow)
        try:
            yield go_on
        finally:
            go_on.set()


@pytest.mark.parametrize("shape", [(3, 64, 1000), (3, 61, 997)])
def test_a_large_chunk_is_split_among_the_threads(
    early: Parts, data: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    values = files.made_up("<u2", shape)
    path = write(data, values, **{"compression": None} | dict(hdf5plugin.Bitshuffle(nelems=512)))
    with h5py.File(path) as file:
        chunk = file["x"].id.get_chunk_info_by_coord((2, 0, 0))
    with path.open("r+b") as stream:
        # The length of the first block.
        stream.seek(chunk.byte_offset + 12)
        stream.write(b"\xff" * 4)
    monkeypatch.setattr(memory_decoder, "MIN_SPLIT_BYTES", 0)
    ranges, decode = [], Blocks.decode

    def counted(blocks: Blocks, first: int, last: int, spare: Any) -> None:
        ranges.append((first, last))
        decode(blocks, first, last, spare)

    monkeypatch.setattr(Blocks, "decode", counted)
    with delayed(monkeypatch):
        assert plane(early, 1).frame.body == values[1].tobytes()
        assert len(ranges) == 2
    with pytest.raises(errors.CannotShow, match="damaged"):
        plane(early, 2)
    assert plane(early, 0).frame.body == values[0].tobytes()


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"shuffle": True, "fletcher32": True},
        {"compression": "lzf"},
        {"compression": None},
        {"chunks": (1, 5, 4)},
        {"chunks": (1, 12, 4)},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["<u2", ">i4"])
def test_all_planes_are_right(early: Parts, data: Path, how: dict[str, Any], dtype: str) -> None:
    values = files.made_up(dtype, SHAPE)
    write(data, values, **how)
    native = values.astype(values.dtype.newbyteorder("="))
    assert plane(early, 5).outcome == "miss"
    for number in (6, 5, 0, 31, 4):
        assert plane(early, number, counted=False).frame.body == native[number].tobytes()
    early.loader.close()
    (address,) = early.bricks("data/a.h5", "/x", "5,:,:")
    brick = early.store.get(address, native.dtype)
    assert brick is not None
    assert brick.planes.tobytes() == native[BRICK.start : BRICK.stop].tobytes()
    assert all(brick.sound(number) for number in BRICK)
    assert early.ledger.counted["bricks.decoded"] == 1


def test_the_first_plane_is_served_while_the_others_are_not_decoded(
    early: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(data)
    with delayed(monkeypatch) as go_on, ThreadPoolExecutor(1) as pool:
        assert plane(early, 5).frame.body == VALUES[5].tobytes()
        assert early.loader.in_use
        # It has no file yet.
        assert list((early.home / "partial").iterdir()) == []
        assert plane(early, 5, purpose=Purpose.DEMAND).outcome == "hit"
        begun = threading.Event()
        wait = MemoryBrick.wait

        def noted(*how: Any) -> Any:
            begun.set()
            return wait(*how)

        monkeypatch.setattr(MemoryBrick, "wait", noted)
        waiting = pool.submit(plane, early, 7)
        assert begun.wait(60)
        go_on.set()
        found = waiting.result()
    assert found.frame.body == VALUES[7].tobytes()
    assert found.outcome == "coalesced"
    assert found.provenance.own
    early.loader.close()
    assert not early.loader.in_use
    assert list((early.home / "locks").iterdir()) == []


def test_accesses_before_there_is_a_file_are_in_it(
    early: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(data)
    (address,) = early.bricks("data/a.h5", "/x", "5,:,:")
    with delayed(monkeypatch):
        early.load(address, plane=5, counted=True)
        again = early.load(address, plane=5, counted=True)
    assert (again.outcome, again.provenance.seen) == (Outcome.HIT, True)
    early.loader.close()
    seen = [early.load(address, plane=n, counted=True).provenance.seen for n in (5, 6, 6)]
    assert seen == [True, False, True]
    assert early.ledger.counted["bricks.first_wanted"] == 1


def test_a_damaged_plane_spoils_no_other(early: Parts, data: Path) -> None:
    files.damage(write(data), "x", (6, 0, 0))
    assert plane(early, 5).frame.body == VALUES[5].tobytes()
    with pytest.raises(errors.CannotShow, match=r"chunk at \[6, 0, 0\] of '/x' in 'data/a.h5'"):
        plane(early, 6)
    early.loader.close()
    with pytest.raises(errors.CannotShow, match=r"chunk at \[6, 0, 0\]"):
        plane(early, 6)
    assert plane(early, 7).frame.body == VALUES[7].tobytes()


def test_planes_that_were_never_written_have_the_fill_value(early: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        dataset = file.create_dataset("x", SHAPE, ">i2", chunks=(1, 12, 10), fillvalue=-9)
        dataset[3] = 7
    for number, value in ((3, 7), (4, -9)):
        body = plane(early, number).frame.body
        assert np.frombuffer(body, "i2").tolist() == [value] * 120


def test_a_file_that_changes_meanwhile_leaves_nothing_behind(
    early: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(data)
    with delayed(monkeypatch):
        assert plane(early, 5).frame.body == VALUES[5].tobytes()
        with path.open("ab") as stream:
            stream.write(b"more")
    early.loader.close()
    assert early.ledger.counted.get("bricks.decoded") is None
    for folder in ("partial", "locks"):
        assert list((early.home / folder).iterdir()) == []


def test_without_memory_the_brick_is_decoded_at_once(
    make_parts: Callable[..., Parts], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_loader, "MIN_PROGRESSIVE_BYTES", 0)
    write(data)
    here = make_parts(arena_bytes=1)
    assert plane(here, 5).frame.body == VALUES[5].tobytes()
    assert not here.loader.in_use
    assert here.ledger.counted["bricks.decoded"] == 1


def test_on_a_full_disk_no_other_plane_is_decoded(
    make_parts: Callable[..., Parts], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(data)
    here = make_parts(floor=2**62)
    seen: list[Any] = []
    decode = here.decoder.decode

    def noted(file: Any, address: Any, *more: Any) -> Any:
        seen.append(address.shape)
        return decode(file, address, *more)

    monkeypatch.setattr(here.decoder, "decode", noted)
    assert plane(here, 5).frame.body == VALUES[5].tobytes()
    assert seen == [(1, 12, 10)]


@pytest.fixture
def across(make_parts: Callable[..., Parts], monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Parts whose bricks across the chunks have two or three planes."""
    monkeypatch.setattr(memory_loader, "MIN_PROGRESSIVE_BYTES", 0)
    return make_parts(arena_bytes=2**20, max_brick_bytes=8000)


@pytest.mark.parametrize("how", [{}, {"shuffle": True}, {"compression": None}], ids=str)
@pytest.mark.parametrize(
    ("text", "near"), [(":,1,:", ":,0,:"), (":,11,:", ":,10,:"), (":,:,4", ":,:,5")]
)
def test_cuts_have_neighbouring_planes_of_all_chunks(
    across: Parts, data: Path, how: dict[str, Any], text: str, near: str
) -> None:
    write(data, **how)
    (address,) = across.bricks("data/a.h5", "/x", text)
    assert (
        address.nbytes(2)
        <= 2000
        < across.library.volume("data/a.h5", "/x").grid.decoded_bytes(address)
    )
    for shown, outcome in ((text, "miss"), (near, "hit")):
        index = tuple(slice(None) if part == ":" else int(part) for part in shown.split(","))
        found = across.frame("data/a.h5", "/x", shown)
        assert found.frame.body == VALUES[index].tobytes()
        assert found.outcome == outcome
    across.loader.close()
    assert len(across.frames) == 2
    brick = across.store.get(address, VALUES.dtype)
    assert brick is not None
    assert all(brick.sound(number) for number in range(address.planes))
    assert across.ledger.counted["bricks.decoded"] == 1


@pytest.mark.usefixtures("part_by_part")
def test_a_cut_of_a_chunk_that_proves_damaged_is_not_kept(across: Parts, data: Path) -> None:
    path = write(data)
    with h5py.File(path) as file:
        chunk = file["x"].id.get_chunk_info_by_coord((20, 0, 0))
    with path.open("r+b") as stream:
        stream.seek(chunk.byte_offset + chunk.size - 1)
        last = stream.read(1)[0]
        stream.seek(chunk.byte_offset + chunk.size - 1)
        stream.write(bytes([last ^ 1]))
    assert across.frame("data/a.h5", "/x", ":,1,:").frame.body == VALUES[:, 1].tobytes()
    across.loader.close()
    assert across.frames == {}
    with pytest.raises(errors.CannotShow, match=r"chunk at \[20, 0, 0\]"):
        across.frame("data/a.h5", "/x", ":,1,:")
    assert across.frame("data/a.h5", "/x", ":20,1,:").frame.body == VALUES[:20, 1].tobytes()


@pytest.mark.usefixtures("part_by_part")
def test_inflating_stops_where_the_rows_lie(across: Parts, data: Path) -> None:
    write(data)
    volume = across.library.volume("data/a.h5", "/x")
    (address,) = across.bricks("data/a.h5", "/x", ":,2,:")
    assert leading_bytes(volume, address) == address.stop[1] * 10 * 2
    (last,) = across.bricks("data/a.h5", "/x", ":,11,:")
    assert leading_bytes(volume, last) is None


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The shares of cuts that are reported, in many steps each, which are given up at once without a client."""
    monkeypatch.setattr(bands, "PIECE_BYTES", 1)
    monkeypatch.setattr(memory_loader, "LEAVE_S", 0.0)
    shares: list[float] = []
    report = Holder.report

    def noted(holder: Holder, share: float) -> None:
        report(holder, share)
        shares.append(share)

    monkeypatch.setattr(Holder, "report", noted)
    return shares


def test_other_processes_see_how_much_is_done(
    across: Parts, data: Path, steps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(data)
    bricks = across.bricks("data/a.h5", "/x", ":,:,4")
    seen: list[float | None] = []
    monkeypatch.setattr(
        memory_loader, "has_left", lambda: bool(seen.append(across.loader.progress(bricks)))
    )
    assert across.loader.progress(bricks) is None
    across.frame("data/a.h5", "/x", ":,:,4")
    across.loader.close()
    assert across.loader.progress(bricks) is None
    assert seen == [pytest.approx(share, abs=0.01) for share in steps]
    assert steps == sorted(steps)
    assert steps[0] == 0.0
    assert steps[-1] > 0.9


def test_what_a_client_that_left_had_asked_for_is_given_up(
    across: Parts, data: Path, steps: list[float]
) -> None:
    write(data)
    with client(lambda: len(steps) > 10), pytest.raises(errors.Busy, match="has left"):
        across.frame("data/a.h5", "/x", ":,:,4")
    assert 10 < len(steps) < 20
    assert not across.loader.in_use
    for folder in ("partial", "locks"):
        assert not any((across.home / folder).iterdir())
    assert across.frame("data/a.h5", "/x", ":,:,4").frame.body == VALUES[:, :, 4].tobytes()


def test_what_is_given_up_is_not_awaited_by_the_frames_of_others(
    across: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(data)
    made: list[Any] = []
    in_flight = memory_loader._InFlight  # noqa: SLF001

    def noted(*given: Any) -> Any:
        made.append(in_flight(*given))
        return made[-1]

    def failing(*_: object) -> None:
        raise errors.Busy("no more")

    monkeypatch.setattr(memory_loader, "_InFlight", noted)
    monkeypatch.setattr(MemoryDecoder, "bytes_behind", failing)
    with pytest.raises(errors.Busy, match="no more"):
        across.frame("data/a.h5", "/x", ":,1,:")
    assert made[0].integrity.result(0) is False


def test_what_others_wait_for_is_not_given_up(
    across: Parts, data: Path, steps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(data)
    waits = threading.Event()
    wait = MemoryBrick.wait

    def noted(brick: MemoryBrick, *how: Any) -> Any:
        threading.Timer(0.05, waits.set).start()
        return wait(brick, *how)

    monkeypatch.setattr(MemoryBrick, "wait", noted)

    def has_left() -> bool:
        # The other one comes after the first step.
        if not steps:
            return False
        if not others:
            others.append(pool.submit(across.frame, "data/a.h5", "/x", ":,:,5"))
        assert waits.wait(60)
        return True

    others: list[Any] = []
    with ThreadPoolExecutor(1) as pool, client(has_left):
        found = across.frame("data/a.h5", "/x", ":,:,4")
        assert others[0].result().frame.body == VALUES[:, :, 5].tobytes()
    assert found.frame.body == VALUES[:, :, 4].tobytes()
    assert others[0].result().outcome == "coalesced"
