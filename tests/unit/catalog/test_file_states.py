"""A file is described once per fingerprint, and a new fingerprint is another volume."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard import errors
from tests import files
from tests.parts import Parts


def asked(here: Parts, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on, what the children are asked."""
    seen: list[str] = []
    ask = here.library.hdf5.call

    def noted(request: Any, *arguments: Any, **more: Any) -> Any:
        seen.append(request.op)
        return ask(request, *arguments, **more)

    monkeypatch.setattr(here.library.hdf5, "call", noted)
    return seen


def test_a_file_that_is_being_written_without_swmr(here: Parts, data: Path) -> None:
    # The mark that a writer leaves in the superblock until it closes the file, here for ever.
    path = data / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["x"] = np.zeros((3, 4))
    content = bytearray(path.read_bytes())
    assert content[8] >= 3, "an older superblock has no such mark"
    content[11] |= 1
    path.write_bytes(content)
    with pytest.raises(errors.LamellaError) as caught:
        here.library.volume("data/a.h5", "x")
    assert caught.value.status in (409, 422)
    assert str(data) not in caught.value.message


def test_a_file_is_described_once_per_state(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(data / "a.h5", x=np.zeros((2, 3)), y=np.zeros(3))
    seen = asked(here, monkeypatch)
    for _ in range(3):
        here.library.datasets("data/a.h5")
        here.library.volume("data/a.h5", "x")
        with pytest.raises(errors.CannotShow):
            here.library.volume("data/a.h5", "y")
    assert sorted(seen) == ["describe", "describe", "list"]
    files.write(path, x=np.zeros((4, 5)))
    assert here.library.volume("data/a.h5", "x").shape == (4, 5)
    assert len(here.library.datasets("data/a.h5")) == 1
    assert seen[3:] == ["describe", "list"]


def test_another_process_knows_it_too(
    here: Parts, make_parts: Callable[..., Parts], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = files.made_up("<u2", (9, 20, 31))
    files.write(data / "a.h5", x=(values, {"chunks": (4, 7, 8), "compression": "gzip"}))
    here.library.datasets("data/a.h5")
    here.index(here.library.volume("data/a.h5", "x"))
    other = make_parts()
    seen = asked(other, monkeypatch)
    volume = other.library.volume("data/a.h5", "x")
    other.library.datasets("data/a.h5")
    found = other.index(volume)
    assert seen == []
    assert found.numbers.tolist() == list(range(3 * 3 * 4))


def test_a_planted_fact_is_made_anew(
    here: Parts, make_parts: Callable[..., Parts], data: Path
) -> None:
    values = files.made_up("<u2", (9, 20))
    files.write(data / "a.h5", x=(values, {"chunks": (4, 7)}))
    here.index(here.library.volume("data/a.h5", "x"))
    rows = here.metadata_rows
    for key in rows.keys_with_prefix(""):
        rows.set(key, b"\xff" * 27)
    other = make_parts()
    volume = other.library.volume("data/a.h5", "x")
    assert len(other.index(volume).numbers) == 9
    assert other.frame("data/a.h5", "x", ":,:").frame.body == values.tobytes()


def test_a_volume_of_an_older_version_is_refused(here: Parts, data: Path) -> None:
    path = files.write(data / "a.h5", x=np.zeros((2, 3)))
    volume = here.library.volume("data/a.h5", "x")
    with here.open(volume) as file:
        file.ensure_unchanged()
        files.write(path, x=np.ones((2, 3)))
        with pytest.raises(errors.Changed):
            file.ensure_unchanged()
    with here.open(volume) as file, pytest.raises(errors.Changed):
        file.ensure_unchanged()
    path.unlink()
    with here.open(volume) as file, pytest.raises(errors.NotFound):
        file.ensure_unchanged()


def test_a_file_that_changes_while_its_chunks_are_listed(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.write(data / "a.h5", x=(np.zeros((4, 6)), {"chunks": (2, 2)}))
    volume = here.library.volume("data/a.h5", "x")
    ask = here.library.hdf5.call

    def meddling(op: str, *arguments: Any, **more: Any) -> Any:
        found = ask(op, *arguments, **more)
        os.utime(path)
        return found

    monkeypatch.setattr(here.library.hdf5, "call", meddling)
    with pytest.raises(errors.Changed):
        here.index(volume)
    monkeypatch.undo()
    assert len(here.index(here.library.volume("data/a.h5", "x")).numbers) == 6


def test_what_was_not_there_may_come(here: Parts, data: Path) -> None:
    with h5py.File(data / "a.h5", "w") as file:
        file["x"] = h5py.ExternalLink("b.h5", "/x")
    for _ in range(2):
        with pytest.raises(errors.CannotShow, match=r"'/x' in the file 'b\.h5', which is missing"):
            here.library.volume("data/a.h5", "x")
    files.write(data / "b.h5", y=np.zeros((2, 3)))
    with pytest.raises(errors.CannotShow, match=r"'/x' in 'b\.h5', which does not exist"):
        here.library.volume("data/a.h5", "x")
    files.write(data / "b.h5", x=np.zeros((2, 3)))
    assert here.library.volume("data/a.h5", "x").shape == (2, 3)
    files.write(data / "b.h5", x=np.zeros((4, 3)))
    assert here.library.volume("data/a.h5", "x").shape == (4, 3)


def test_an_unknown_dataset_does_not_fill_the_cache(here: Parts, data: Path) -> None:
    files.write(data / "a.h5", x=np.zeros((2, 3)))
    before = len(here.metadata_rows.keys_with_prefix(""))
    for n in range(20):
        with pytest.raises(errors.NotFound):
            here.library.volume("data/a.h5", f"/guess{n}")
    assert len(here.metadata_rows.keys_with_prefix("")) == before
