"""The contract of `BrickReader`, which the reader of every read path keeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.selection import parse
from dashboard.bricks.direct_write import DirectBrickWriter
from dashboard.bricks.pending_file import PendingBrickFile
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_reader import BrickReader, BrickTarget
from tests import files
from tests.files import open_below
from tests.parts import Parts

SHAPE, CHUNKS = (9, 20, 31), (4, 7, 8)
# One way to store a dataset for each read path.
STORED: dict[ReadPath, dict[str, Any]] = {
    ReadPath.CONTIGUOUS: {},
    ReadPath.CHUNKS: {"chunks": CHUNKS, "compression": "gzip", "shuffle": True},
    ReadPath.HDF5: {"chunks": CHUNKS, **files.CHUNKED["blosc2"]},
}


@dataclass
class Scene:
    """A volume of one read path, its reader, and what NumPy sees."""

    here: Parts
    path: Path
    values: files.Values
    volume: Volume

    @property
    def reader(self) -> BrickReader:
        return self.here.readers.of(self.volume)

    def bricks(self) -> list[BrickAddress]:
        """Bricks of every orientation that slices of the volume have."""
        chosen = [parse(text, SHAPE) for text in ("8,:,:", ":,15,:", ":,:,30", ":,:,3")]
        return [
            brick
            for selection in chosen
            if not self.volume.reads_planes_directly(selection)
            for brick in self.volume.bricks(selection)
        ]

    def expected(self, address: BrickAddress) -> files.Values:
        """The planes of a brick."""
        box = tuple(slice(a, b) for a, b in zip(address.start, address.stop, strict=True))
        native = self.values[box].astype(self.values.dtype.newbyteorder("="))
        return native.transpose(address.order).reshape(-1, *address.shape[-2:])


@pytest.fixture(params=list(ReadPath))
def scene(request: pytest.FixtureRequest, here: Parts, data: Path) -> Scene:
    values = files.made_up(">i4", SHAPE)
    path = files.write(data / "a.h5", x=(values, STORED[request.param]))
    volume = here.library.volume("data/a.h5", "x")
    assert volume.read_path is request.param
    return Scene(here, path, values, volume)


Target = Callable[[PendingBrickFile], BrickTarget]


@pytest.fixture(params=["written band by band", "assembled in memory", "too large for memory"])
def target(request: pytest.FixtureRequest, scene: Scene) -> Target:
    if request.param == "written band by band":
        return lambda pending: pending
    writer = DirectBrickWriter(2**20 if request.param == "assembled in memory" else 0)
    return lambda pending: writer.target(pending, scene.volume.memory_dtype)


@contextmanager
def pending(folder: Path, address: BrickAddress) -> Iterator[PendingBrickFile]:
    made = PendingBrickFile(folder, address, 4, Purpose.DEMAND)
    try:
        yield made
    finally:
        made.discard()


def written(made: PendingBrickFile, scene: Scene) -> files.Values:
    data = os.pread(made.fd, made.data_bytes, 0)
    return np.frombuffer(data, scene.volume.memory_dtype).reshape(-1, *made.address.shape[-2:])


def test_every_brick_is_what_numpy_sees(scene: Scene, tmp_path: Path, target: Target) -> None:
    bricks = scene.bricks()
    assert bricks
    for address in bricks:
        with pending(tmp_path, address) as made, scene.here.open(scene.volume) as file:
            assert scene.reader.read_brick(file, address, target(made)) == []
            np.testing.assert_array_equal(written(made, scene), scene.expected(address))


def test_a_plane_alone_is_that_of_its_brick(scene: Scene) -> None:
    for address in scene.bricks():
        for number in (0, address.planes - 1):
            with scene.here.open(scene.volume) as file:
                plane, damaged = scene.reader.read_plane(file, address, number)
            assert damaged == []
            assert plane.dtype == scene.volume.memory_dtype
            np.testing.assert_array_equal(plane, scene.expected(address)[number])


def test_a_voxel(scene: Scene) -> None:
    with scene.here.open(scene.volume) as file:
        for index in ((0, 0, 0), (8, 19, 30), (4, 7, 8), (3, 6, 7)):
            value = scene.reader.read_voxel(file, index)
            assert value.dtype == scene.volume.memory_dtype
            assert value == scene.values[index]


def test_a_sample_is_of_the_volume_and_the_same_each_time(scene: Scene) -> None:
    samples = []
    for seed in (1, 1, 2):
        with scene.here.open(scene.volume) as file:
            samples.append(scene.reader.sample(file, seed))
    first, again, _ = samples
    assert first.ndim == 1
    assert first.tobytes() == again.tobytes()
    # So small a volume is sampled whole.
    for sample in samples:
        assert sorted(sample.tolist()) == sorted(scene.values.ravel().tolist())


def uses(scene: Scene, tmp_path: Path) -> dict[str, Callable[[VolumeFile], object]]:
    """Each method of the reader."""
    address = scene.bricks()[0]

    def brick(file: VolumeFile) -> None:
        with pending(tmp_path, address) as made:
            scene.reader.read_brick(file, address, made)

    return {
        "brick": brick,
        "plane": lambda file: scene.reader.read_plane(file, address, 0),
        "voxel": lambda file: scene.reader.read_voxel(file, (1, 2, 3)),
        "sample": lambda file: scene.reader.sample(file, 1),
    }


@pytest.mark.parametrize("name", ["brick", "plane", "voxel", "sample"])
def test_another_version_of_the_file_is_never_read(scene: Scene, tmp_path: Path, name: str) -> None:
    use = uses(scene, tmp_path)[name]
    with scene.here.open(scene.volume) as before, scene.here.open(scene.volume) as after:
        use(before)
        os.utime(scene.path)
        # The descriptor is the same one, and its status tells.
        with pytest.raises(errors.Changed):
            use(before)
        with pytest.raises(errors.Changed):
            use(after)
    assert not list(tmp_path.glob("*-*")), "a file was left behind"


@pytest.mark.parametrize("name", ["brick", "plane", "voxel", "sample"])
def test_the_file_is_opened_once_however_much_is_read(
    scene: Scene, tmp_path: Path, opens: Callable[[Path], Callable[[], list[str]]], name: str
) -> None:
    use = uses(scene, tmp_path)[name]
    with scene.here.open(scene.volume) as file:
        use(file)
        seen = opens(scene.path.parent)
        for _ in range(3):
            use(file)
        # An HDF5 worker has the descriptor from here, and opens what that leads to.
        if scene.volume.read_path is ReadPath.CHUNKS:
            assert seen() == []
    before = len(open_below(tmp_path))
    for _ in range(2):
        with scene.here.open(scene.volume) as file:
            use(file)
    assert len(open_below(tmp_path)) <= before


def test_background_work_may_yield_at_any_step(scene: Scene, tmp_path: Path) -> None:
    address, yielded = scene.bricks()[0], []
    with pending(tmp_path, address) as made, scene.here.open(scene.volume) as file:
        scene.reader.read_brick(file, address, made, lambda: yielded.append(True))
        np.testing.assert_array_equal(written(made, scene), scene.expected(address))
    assert yielded


def test_a_failed_write_is_an_error_of_the_system(scene: Scene, tmp_path: Path) -> None:
    address = scene.bricks()[0]
    with pending(tmp_path, address) as made, scene.here.open(scene.volume) as file:
        writable = made.fd
        made.fd = os.open(made.path, os.O_RDONLY)
        try:
            with pytest.raises(OSError, match="Bad file descriptor"):
                scene.reader.read_brick(file, address, made)
        finally:
            os.close(made.fd)
            made.fd = writable
        assert scene.reader.read_brick(file, address, made) == []
        np.testing.assert_array_equal(written(made, scene), scene.expected(address))


@pytest.mark.parametrize("path", [ReadPath.CHUNKS, ReadPath.HDF5])
def test_damaged_chunks_are_named_and_the_rest_is_right(
    here: Parts, data: Path, tmp_path: Path, path: ReadPath
) -> None:
    values = files.made_up("<u2", SHAPE)
    stored = files.write(data / "a.h5", x=(values, STORED[path]))
    files.damage(stored, "x", (4, 7, 8))
    scene = Scene(here, stored, values.copy(), here.library.volume("data/a.h5", "x"))
    assert scene.volume.read_path is path
    (address,) = scene.volume.bricks(parse("5,:,:", SHAPE))
    scene.values[4:8, 7:14, 8:16] = 0
    with here.open(scene.volume) as file:
        made = PendingBrickFile(tmp_path, address, 2, Purpose.DEMAND)
        try:
            damaged = scene.reader.read_brick(file, address, made)
            np.testing.assert_array_equal(written(made, scene), scene.expected(address))
        finally:
            made.discard()
        assert [chunk.origin for chunk in damaged] == [(4, 7, 8)]
        plane, damaged = scene.reader.read_plane(file, address, 1)
        np.testing.assert_array_equal(plane, scene.expected(address)[1])
        assert (4, 7, 8) in [chunk.origin for chunk in damaged]
        assert scene.reader.read_voxel(file, (4, 6, 8)) == values[4, 6, 8]
        with pytest.raises(errors.CannotShow, match=r"chunk at \[4, 7, 8\] .* is damaged"):
            scene.reader.read_voxel(file, (5, 8, 9))
        assert len(scene.reader.sample(file, 1)) == values.size - 4 * 7 * 8
