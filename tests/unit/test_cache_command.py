"""`lamella cache`: what it lists, and what it drops."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.terminal import run

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, capsys: Capsys) -> str:
    """A cache directory with the bricks of two volumes."""
    values = np.arange(32 * 40 * 30, dtype="u2").reshape(32, 40, 30)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(8, 16, 16), compression="gzip")
        file.create_dataset("y", data=values[:8], chunks=(8, 16, 16), compression="gzip")
    home = str(tmp_path / "cache")
    for dataset in ("/x", "/y"):
        path = str(tmp_path / "v.h5")
        status, _, error = run(capsys, "warm", "--cache-dir", home, path, "--dataset", dataset)
        assert status == 0, error
    return home


def test_what_is_cached_is_listed_and_dropped(home: str, capsys: Capsys) -> None:
    _, out, _ = run(capsys, "cache", "show", "--cache-dir", home)
    head, first, second = out.splitlines()
    assert head.split() == ["volume", "axis", "bricks", "size"]
    assert first.split()[:3] == ["v.h5/x", "0", "4"]
    assert second.split()[:3] == ["v.h5/y", "0", "1"]
    drop = ("cache", "drop", "--cache-dir", home, "v.h5/x")
    assert run(capsys, *drop, "--axis", "1")[1].startswith("Dropped 0 bricks")
    assert run(capsys, *drop)[1].startswith("Dropped 4 bricks")
    _, out, _ = run(capsys, "cache", "show", "--json", "--cache-dir", home)
    assert [(one["volume"], one["bricks"]) for one in json.loads(out)] == [("v.h5/y", 1)]
