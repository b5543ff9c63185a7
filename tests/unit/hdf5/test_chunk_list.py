"""Lists of chunks, from C and by h5py."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard.hdf5.worker import chunk_list


@pytest.fixture(params=["compiled", "not compiled"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "not compiled":
        monkeypatch.setattr(chunk_list, "_compiled", False)
        # Several blocks.
        monkeypatch.setattr(chunk_list, "BLOCK", 7)
    elif not chunk_list.available():
        pytest.skip("not compiled on this machine")


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_chunks_that_are_stored(tmp_path: Path, libver: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver=libver) as file:
        dataset = file.create_dataset("x", (50, 60), "u2", chunks=(10, 7), compression="gzip")
        # In another order than that of the grid.
        dataset[40:, 14:] = np.arange(460).reshape(10, 46)
        dataset[:10] = 1
        dataset.id.write_direct_chunk((20, 0), b"abc", filter_mask=1)
        file.flush()
        found = chunk_list.chunks_of(dataset)
        assert (found.is_sound, found.is_inside) == (True, True)
        assert found.numbers.tolist() == [*range(9), 18, *range(38, 45)]
        for number, offset, size, mask in zip(*found.parts, strict=True):
            info = dataset.id.get_chunk_info_by_coord((number // 9 * 10, number % 9 * 7))
            assert (info.byte_offset, info.size, info.filter_mask) == (offset, size, mask)


@pytest.mark.usefixtures("compiled")
def test_none_is_stored(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        found = chunk_list.chunks_of(file.create_dataset("x", (50, 60), "u2", chunks=(10, 7)))
    assert [len(part) for part in found.parts] == [0, 0, 0, 0]
    assert (found.is_sound, found.is_inside) == (True, True)


@pytest.mark.usefixtures("compiled")
def test_a_growing_dataset_that_has_nothing_yet(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("x", (0, 60), "u2", chunks=(10, 7), maxshape=(None, 60))
        found = chunk_list.chunks_of(dataset)
    assert [len(part) for part in found.parts] == [0, 0, 0, 0]
    assert (found.is_sound, found.is_inside) == (True, True)


@pytest.mark.usefixtures("compiled")
def test_what_the_library_cannot_list(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (500, 60), "u2", chunks=(10, 7))[...] = 1
    content = path.read_bytes()
    # The nodes of the tree below its root.
    path.write_bytes(content.replace(b"TREE\1\0", b"EERT\1\0"))
    with h5py.File(path) as file, pytest.raises((OSError, RuntimeError)):
        chunk_list.chunks_of(file["x"])


class Elsewhere:
    """A dataset whose shape, or chunk shape, is another one than that of its chunks."""

    def __init__(
        self, dataset: h5py.Dataset, shape: tuple[int, ...], chunks: tuple[int, ...]
    ) -> None:
        self.id, self.shape, self.chunks = dataset.id, shape, chunks


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("shape", "chunks", "sound", "inside", "count"),
    [((20, 60), (10, 7), True, False, 18), ((50, 60), (20, 7), False, True, 45)],
)
def test_chunks_in_other_places(
    tmp_path: Path,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    sound: bool,
    inside: bool,
    count: int,
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("x", (50, 60), "u2", chunks=(10, 7))
        dataset[...] = 1
        file.flush()
        found = chunk_list.chunks_of(Elsewhere(dataset, shape, chunks))
    assert (found.is_sound, found.is_inside, len(found.numbers)) == (sound, inside, count)
