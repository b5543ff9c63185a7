"""Services over a small volume, as one process has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.runtime.container import Services, build_services
from dashboard.settings import Settings
from tests import files, redis_server
from tests.redis_server import RedisServer
from tests.services import SHAPE


@pytest.fixture
def data(tmp_path: Path) -> Path:
    values = np.arange(np.prod(SHAPE), dtype="<u4").reshape(SHAPE)
    how = {"chunks": (4, 20, 20), "compression": "gzip"}
    files.write(
        tmp_path / "data" / "a.h5",
        x=(values, how),
        flat=values,
        plane=(values[0], {"chunks": (20, 20)}),
    )
    return tmp_path / "data"


@pytest.fixture
def make(
    data: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Services]]:
    """Services of a process over `data`, with frames, not started."""
    made: list[Services] = []

    def build(role: Any = "web", **given: Any) -> Services:
        settings = make_settings(data=(str(data),), free_floor_bytes=0, children=1, **given)
        built = build_services(settings, role)
        made.append(built)
        return built

    yield build
    for built in made:
        built.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(running: RedisServer) -> RedisServer:
    running.client.flushall()
    return running
