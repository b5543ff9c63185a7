"""How often a path is resolved and a file is opened for one slice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.bricks import in_flight
from dashboard.catalog.volume import ReadPath
from dashboard.files.roots import Roots, SourceFile
from dashboard.frames.encode import Format
from tests import files
from tests.parts import Parts

SHAPE, CHUNKS = (12, 40, 80), (4, 10, 10)
STORED: dict[ReadPath, dict[str, Any]] = {
    ReadPath.CONTIGUOUS: {},
    ReadPath.CHUNKS: {"chunks": CHUNKS, "compression": "gzip"},
    ReadPath.HDF5: {"chunks": CHUNKS, **files.CHUNKED["blosc2"]},
}


class CountingRoots(Roots):
    """Roots that note each resolution of a path."""

    seen: list[str]

    def stat(self, path: Path) -> os.stat_result:
        self.seen.append("stat")
        return super().stat(path)

    def open(self, path: Path) -> SourceFile:
        self.seen.append("open")
        return super().open(path)


def count(here: Parts) -> list[str]:
    """From now on, how paths are resolved."""
    roots = CountingRoots(here.library.catalog.roots)
    roots.seen = []
    here.library.catalog.beneath = roots
    return roots.seen


@pytest.mark.parametrize("text", ["1,:,:", ":,:,3"])
@pytest.mark.parametrize("path", list(ReadPath))
@pytest.mark.parametrize("bricks", ["one brick", "several bricks", "progressively"])
def test_a_cold_slice_looks_the_file_up_and_opens_it_once(
    make_parts: Callable[..., Parts],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    path: ReadPath,
    bricks: str,
) -> None:
    monkeypatch.setattr(in_flight, "MIN_PROGRESSIVE_BYTES", 1)
    how = {
        "max_brick_bytes": 4000 if bricks == "several bricks" else 2**26,
        "arena_bytes": 2**20 if bricks == "progressively" else 0,
    }
    values = files.made_up("<u2", SHAPE)
    files.write(data / "a.h5", x=(values, STORED[path]))
    # Described, listed and sampled before, as by the first slice of a volume.
    before = make_parts(**how)
    before.frame("data/a.h5", "x", "11,:,:" if text[0] == "1" else ":,:,79", Format.U8)
    before.loader.close()
    here = make_parts(**how)
    seen = count(here)
    answer = here.frame("data/a.h5", "x", text, Format.U8)
    assert not answer.frame_cache_hit
    here.loader.close()
    assert seen == ["stat", "open"]


def test_cached_slices_open_nothing(here: Parts, data: Path) -> None:
    files.write(data / "a.h5", x=(files.made_up("<u2", SHAPE), STORED[ReadPath.CHUNKS]))
    here.frame("data/a.h5", "x", "1,:,:")
    seen = count(here)
    assert here.frame("data/a.h5", "x", "2,:,:").outcome == "hit"
    assert here.frame("data/a.h5", "x", "2,:,:").frame_cache_hit
    assert seen == ["stat", "stat"]
