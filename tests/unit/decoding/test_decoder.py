"""Decoded bricks equal what h5py reads, for every way of decoding and writing them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.addressing.addresses import BrickAddress
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.decoding import bands as module
from dashboard.decoding.chunk_reader import DamagedChunk
from dashboard.decoding.memory_decoder import MemoryDecoder, is_stack
from dashboard.decoding.progressive import is_one_chunk_thick, required_bytes
from dashboard.decoding.sinks import FileSink, PlaneSink
from dashboard.errors import Changed
from dashboard.meter import recording
from tests import files
from tests.files import open_below
from tests.parts import MIB, Parts
from tests.unit.decoding.samples import taken

FAST = [name for name in files.CHUNKED if name not in files.BY_CHILD]


def brick_of(values: Any, address: BrickAddress) -> Any:
    """What NumPy says the brick holds, planes first."""
    box = tuple(slice(a, b) for a, b in zip(address.start, address.stop, strict=True))
    native = values[box].astype(values.dtype.newbyteorder("="))
    return native.transpose(address.order).reshape(-1, *address.shape[-2:])


def decoded_whole(
    here: Parts, volume: Volume, address: BrickAddress, path: Path
) -> tuple[Any, list[DamagedChunk]]:
    """The brick that the decoder writes into a file."""
    with path.open("w+b") as stream:
        damaged = here.decode(volume, address, FileSink(stream.fileno(), address))
    found = np.fromfile(path, volume.memory_dtype)
    return found.reshape(-1, *address.shape[-2:]), damaged


def decoded_in_steps(
    here: Parts, volume: Volume, address: BrickAddress, plane: int, path: Path
) -> Any:
    """(plane borrowed first, the brick written after it, damaged chunks)."""
    if not is_one_chunk_thick(volume, address) or is_stack(volume, address):
        return decoded_in_memory(here, volume, address, plane, path)
    arena = np.full(required_bytes(volume, address) + 16, 0xEE, np.uint8)
    with here.open(volume) as file:
        kept = here.decoder.start_progressive(file, address, arena, plane)
        here.decoder.decode_to(file, kept, kept.first_pass_bytes(plane))
    with kept.borrow_plane(plane, 0.0) as early, kept.borrow_plane(plane, 0.0) as again:
        assert early is not None
        assert again is not None
        assert again.tobytes() == early.tobytes()
    with kept.borrow_plane(0, 0.0) as other:
        assert other is not None
    with path.open("w+b") as stream, here.open(volume) as file:
        here.decoder.write_planes(file, kept, FileSink(stream.fileno(), address))
    found = np.fromfile(path, volume.memory_dtype).reshape(-1, *address.shape[-2:])
    assert other.tobytes() == found[0].tobytes()
    return early, found, kept.damaged_chunks


def decoded_in_memory(
    here: Parts, volume: Volume, address: BrickAddress, plane: int, path: Path
) -> Any:
    """The same of stacks and cuts, which are decoded in another way."""
    decoder = MemoryDecoder(here.decoder)
    seen: list[bool] = []
    with here.open(volume) as file:
        brick = decoder.start(file, address)

        def meanwhile() -> None:
            seen.append(brick.has_plane(plane))

        if is_stack(volume, address):
            decoder.decode_plane(file, brick, plane, meanwhile)
        else:
            decoder.decode_cut(file, brick, lambda _: meanwhile())
        early = brick.wait(plane, 0.0)
        assert early is not None
        early = early.copy()
        if is_stack(volume, address):
            decoder.decode_others(file, brick, plane, meanwhile)
    assert not seen[0]
    assert all(brick.has_plane(number) for number in range(address.planes))
    with here.open(volume) as file:
        alone, _ = here.decoder.read_plane(file, address, plane)
    assert alone.tobytes() == early.tobytes()
    written, _ = decoded_whole(here, volume, address, path)
    assert written.tobytes() == brick.values.tobytes()
    return early, brick.values, brick.damaged_chunks


def bricks(volume: Volume, rows: int, cols: int) -> list[BrickAddress]:
    """All bricks of a volume whose planes have these two dimensions."""
    grid = volume.grid
    others = [d for d in range(len(volume.shape)) if d not in (rows, cols)]
    spots: list[dict[int, int]] = [{}]
    for dim in others:
        steps = range(0, volume.shape[dim], grid.brick_shape(rows, cols)[dim])
        spots = [spot | {dim: at} for spot in spots for at in steps]
    return [b for spot in spots for b in grid.bricks(volume.address, spot, rows, cols)]


def check_all(here: Parts, volume: Volume, values: Any, scratch: Path) -> None:
    """Every brick of every orientation, written at once and from memory."""
    for rows, cols in combinations(range(len(volume.shape)), 2):
        for address in bricks(volume, rows, cols):
            expected = brick_of(values, address)
            found, damaged = decoded_whole(here, volume, address, scratch)
            assert damaged == []
            assert found.tobytes() == expected.tobytes()
            plane = address.planes - 1
            early, later, damaged = decoded_in_steps(here, volume, address, plane, scratch)
            assert damaged == []
            assert early.tobytes() == expected[plane].tobytes()
            assert later.tobytes() == expected.tobytes()
            sink = PlaneSink(address, volume.memory_dtype, 0)
            here.decode(volume, address, sink)
            assert sink.values.tobytes() == expected[0].tobytes()


@pytest.mark.parametrize("how", FAST)
def test_every_filter(here: Parts, data: Path, tmp_path: Path, how: str) -> None:
    values = files.made_up("<u2", (9, 20, 31))
    files.write(data / "a.h5", x=(values, {"chunks": (4, 7, 8), **files.CHUNKED[how]}))
    volume = here.library.volume("data/a.h5", "/x")
    assert volume.read_path is ReadPath.CHUNKS
    check_all(here, volume, values, tmp_path / "brick")


@pytest.mark.parametrize("dtype", files.DTYPES)
def test_every_type(here: Parts, data: Path, tmp_path: Path, dtype: str) -> None:
    values = files.made_up(dtype, (5, 9, 7))
    how = {"chunks": (2, 4, 3), "compression": "gzip", "shuffle": True, "fletcher32": True}
    files.write(data / "a.h5", x=(values, how))
    volume = here.library.volume("data/a.h5", "/x")
    assert volume.read_path is ReadPath.CHUNKS
    check_all(here, volume, values, tmp_path / "brick")


@pytest.mark.parametrize("how", ["checksum-first", "checksum-amid"])
def test_a_checksum_before_other_filters(here: Parts, data: Path, tmp_path: Path, how: str) -> None:
    values = files.made_up("<i4", (4, 9, 7))
    order = {"checksum-first": (3, 2, 1), "checksum-amid": (2, 3, 1)}[how]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((2, 4, 3))
    for number in order:
        plist.set_filter(number, 0, (4,) if number == 1 else ())
    with h5py.File(data / "a.h5", "w") as file:
        files.write_low(file, "x", h5py.h5t.STD_I32LE, values, plist)
    volume = here.library.volume("data/a.h5", "/x")
    assert [number for number, _ in volume.pipeline] == list(order)
    check_all(here, volume, values, tmp_path / "brick")


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], int, int]:
    rank = draw(st.integers(2, 5))
    # Thousands of bricks of a volume of many dimensions tell no more than hundreds.
    longest = {2: 30, 3: 9, 4: 6, 5: 4}[rank]
    shape = tuple(draw(st.lists(st.integers(1, longest), min_size=rank, max_size=rank)))
    chunks = tuple(draw(st.integers(1, n)) for n in shape)
    # Half of them with chunks of one plane each, or as thick as the volume.
    if draw(st.booleans()):
        thin = draw(st.integers(0, rank - 1))
        chunks = tuple(1 if dim == thin else n for dim, n in enumerate(shape))
    return shape, chunks, draw(st.integers(1, 3000)), draw(st.integers(1, 300))


@given(layout=layouts())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_grid_and_every_cut(
    make_parts: Callable[..., Parts],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: tuple[tuple[int, ...], tuple[int, ...], int, int],
) -> None:
    shape, chunks, brick_bytes, piece = layout
    values = files.made_up("<u2", shape)
    name = f"{abs(hash(layout))}.h5"
    files.write(data / name, x=(values, {"chunks": chunks, "compression": "gzip"}))
    here = make_parts(f"home-{name}", max_brick_bytes=brick_bytes)
    with monkeypatch.context() as patch:
        # Bands of a few rows, so that small volumes have several of them.
        patch.setattr(module, "PIECE_BYTES", piece)
        volume = here.library.volume(f"data/{name}", "/x")
        check_all(here, volume, values, tmp_path / "brick")


def test_what_was_never_written_is_the_fill_value(here: Parts, data: Path, tmp_path: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        dataset = file.create_dataset("x", (8, 12, 10), ">i2", chunks=(3, 4, 5), fillvalue=-9)
        dataset[3:5, 1:6, 5:8] = 7
        values = dataset[()]
        empty = file.create_dataset("y", (8, 12, 10), "f4", chunks=(3, 4, 5))
        zeros = empty[()]
    check_all(here, here.library.volume("data/a.h5", "/x"), values, tmp_path / "brick")
    check_all(here, here.library.volume("data/a.h5", "/y"), zeros, tmp_path / "brick")


def test_a_damaged_chunk_is_named_and_the_rest_is_right(
    here: Parts, data: Path, tmp_path: Path
) -> None:
    values = files.made_up("<u2", (6, 20, 15))
    path = files.write(data / "a.h5", x=(values, {"chunks": (2, 6, 4), "compression": "gzip"}))
    files.damage(path, "x", (2, 12, 8))
    volume = here.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 3}, 1, 2)
    expected = brick_of(values, address)
    expected[:, 12:18, 8:12] = 0
    found, damaged = decoded_whole(here, volume, address, tmp_path / "brick")
    assert [b.origin for b in damaged] == [(2, 12, 8)]
    assert "cannot be decoded" in damaged[0].reason
    assert found.tobytes() == expected.tobytes()
    early, later, again = decoded_in_steps(here, volume, address, 1, tmp_path / "brick")
    assert list(again) == damaged
    assert early.tobytes() == expected[1].tobytes()
    assert later.tobytes() == expected.tobytes()


def change_index(here: Parts, volume: Volume, place: int, **columns: int) -> None:
    """Plant another entry for one chunk among the rows of indexes."""
    index = here.index(volume)
    arrays = {
        name: getattr(index, name).copy() for name in ("numbers", "offsets", "sizes", "masks")
    }
    stored = b"".join(array.tobytes() for array in arrays.values())
    for name, value in columns.items():
        arrays[name][place] = value
    (key,) = (
        key
        for key in here.metadata_rows.keys_with_prefix("")
        if here.metadata_rows.get(key) == stored
    )
    here.metadata_rows.set(key, b"".join(array.tobytes() for array in arrays.values()))
    # Another one, which has not read the index yet.
    here.library = MetadataService(
        here.library.catalog,
        here.library.hdf5,
        here.metadata_rows,
        max_brick_bytes=64 * MIB,
        max_chunk_bytes=64 * MIB,
    )


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"sizes": 2**40}, "claims 1099511627776 stored bytes"),
        ({"offsets": 2**40}, "cut short"),
        ({"offsets": 2**63 - 2}, "cannot be read"),
        ({"sizes": 3}, "cannot be decoded"),
        ({"sizes": 0}, "cannot be decoded"),
        ({"offsets": 0}, "cannot be decoded"),
    ],
    ids=str,
)
def test_an_index_that_lies_is_damage(
    here: Parts, data: Path, tmp_path: Path, columns: dict[str, int], reason: str
) -> None:
    values = files.made_up("<u2", (2, 8, 8))
    files.write(data / "a.h5", x=(values, {"chunks": (1, 4, 4), "compression": "gzip"}))
    volume = here.library.volume("data/a.h5", "/x")
    change_index(here, volume, 1, **columns)
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)
    found, damaged = decoded_whole(here, volume, address, tmp_path / "brick")
    assert [b.origin for b in damaged] == [(0, 0, 4)]
    assert reason in damaged[0].reason
    expected = values.copy()
    expected[0, :4, 4:] = 0
    assert found.tobytes() == expected.tobytes()


def test_another_state_of_the_file_is_refused(here: Parts, data: Path, tmp_path: Path) -> None:
    values = files.made_up("<u2", (2, 8, 8))
    path = files.write(data / "a.h5", x=(values, {"chunks": (1, 4, 4)}))
    volume = here.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)
    with path.open("r+b") as stream:
        stream.seek(0, os.SEEK_END)
        stream.write(b"more")
    with pytest.raises(Changed):
        decoded_whole(here, volume, address, tmp_path / "brick")


def test_a_change_while_it_is_read_is_noticed(here: Parts, data: Path) -> None:
    values = files.made_up("<u2", (2, 8, 8))
    path = files.write(data / "a.h5", x=(values, {"chunks": (1, 4, 4)}))
    volume = here.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)

    class Meddling(PlaneSink):
        def put(self, row: int, band: Any) -> None:
            path.rename(path.with_suffix(".old"))
            files.write(path, x=(values + 1, {"chunks": (1, 4, 4)}))
            super().put(row, band)

    with pytest.raises(Changed):
        here.decode(volume, address, Meddling(address, volume.memory_dtype, 0))


def test_what_a_sink_raises_comes_out_and_the_next_brick_is_decoded(
    here: Parts, data: Path, tmp_path: Path
) -> None:
    values = files.made_up("<u2", (2, 40, 40))
    files.write(data / "a.h5", x=(values, {"chunks": (1, 4, 4)}))
    volume = here.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)

    class Full(PlaneSink):
        def put(self, row: int, band: Any) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        here.decode(volume, address, Full(address, volume.memory_dtype, 0))
    found, _ = decoded_whole(here, volume, address, tmp_path / "brick")
    assert found.tobytes() == values.tobytes()


def test_no_descriptor_is_left_open(here: Parts, data: Path, tmp_path: Path) -> None:
    values = files.made_up("<u2", (2, 8, 8))
    path = files.write(data / "a.h5", x=(values, {"chunks": (1, 4, 4), "compression": "gzip"}))
    volume = here.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)
    decoded_whole(here, volume, address, tmp_path / "brick")
    before = len(open_below(tmp_path))
    decoded_whole(here, volume, address, tmp_path / "brick")
    decoded_in_steps(here, volume, address, 0, tmp_path / "brick")
    taken(here, volume, 3, 1)
    os.utime(path)
    for work in (
        lambda: decoded_whole(here, volume, address, tmp_path / "brick"),
        lambda: decoded_in_steps(here, volume, address, 0, tmp_path / "brick"),
        lambda: taken(here, volume, 3, 1),
    ):
        with pytest.raises(Changed):
            work()
    assert len(open_below(tmp_path)) <= before


def test_who_steps_aside_leaves_the_threads_to_the_others(
    make_parts: Callable[..., Parts], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With one thread, work that waited inside it for another decoding would wait for ever.
    here = make_parts(threads=1)
    monkeypatch.setattr(module, "PIECE_BYTES", 1)
    values = files.made_up("<u2", (2, 40, 8))
    files.write(data / "a.h5", x=(values, {"chunks": (1, 4, 4)}))
    volume = here.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)
    background, demand = address.of_plane(0), address.of_plane(1)
    assert len(module.bands(volume, background)) == 10
    served = []

    with ThreadPoolExecutor(1) as other:

        def serve() -> None:
            sink = PlaneSink(demand, volume.memory_dtype, 0)
            other.submit(here.decode, volume, demand, sink).result(timeout=60)
            served.append(sink.values.tobytes())

        sink = PlaneSink(background, volume.memory_dtype, 0)
        here.decode(volume, background, sink, serve)
    assert served == [values[1].tobytes()] * 10
    assert sink.values.tobytes() == values[0].tobytes()


def test_reading_and_decoding_are_charged(here: Parts, data: Path, tmp_path: Path) -> None:
    values = files.made_up("<u2", (4, 50, 50))
    files.write(data / "a.h5", x=(values, {"chunks": (2, 10, 10), "compression": "gzip"}))
    volume = here.library.volume("data/a.h5", "/x")
    (address,) = volume.grid.bricks(volume.address, {0: 0}, 1, 2)
    here.index(volume)
    with recording("cache") as record:
        decoded_whole(here, volume, address, tmp_path / "brick")
    assert record.seconds["read"] > 0
    assert record.seconds["decode"] > 0
    assert sum(record.seconds.values()) == pytest.approx(record.total_s, rel=0.05)
