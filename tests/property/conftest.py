"""One application for all examples of a module, over the directory of their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import Parts, make_children, parts
from tests.web import App, running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Served as `data`."""
    made = tmp_path_factory.mktemp("property") / "data"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def app(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application with small bricks, so that planes are put together from several of them."""
    with running(tmp_path_factory.mktemp("home"), folder, max_brick_bytes=2**20) as made:
        yield made


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[Parts]:
    """The parts over the folder; the limits of a child are low."""
    home = folder.parent / "home"
    pool = make_children([folder], home / "empty", memory_bytes=2**29, seconds=5.0)
    with parts({"data": folder}, home, pool) as made:
        yield made
    pool.close()


@pytest.fixture(scope="module")
def uncached(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application that keeps neither bricks nor frames."""
    home = tmp_path_factory.mktemp("uncached")
    with running(home, folder, brick_cache_bytes=0, frame_cache_bytes=0) as made:
        yield made
