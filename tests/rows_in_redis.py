"""A plugin of pytest: the applications of all tests keep their rows in a real Redis, as several machines do.

    pytest -p tests.rows_in_redis tests/contract

Each cache directory has a database of its own there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from unittest import mock

import pytest

from dashboard.runtime import caches, engine
from dashboard.runtime.caches import Caches, Shared
from dashboard.settings import Settings
from dashboard.storage.local_copies import LocalCopies
from dashboard.storage.redis_rows import RedisRows
from dashboard.storage.redis_store import RedisStore
from tests import redis_server

DATABASES = 4096


@pytest.fixture(scope="session", autouse=True)
def _rows_in_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    folder = tmp_path_factory.mktemp("redis")
    with redis_server.running(folder, "--databases", str(DATABASES)) as server:

        def open_shared(settings: Settings, found: Caches) -> Shared:
            if settings.cluster is not None:
                return caches.open_shared(settings, found)
            store = RedisStore(f"{server.url}/{numbers[str(found.home)]}")
            return Shared(
                plans=RedisRows(store, "plans"),
                ledger=RedisRows(store, "ledger"),
                facts=LocalCopies(RedisRows(store, "facts"), found.metadata),
                clock=store.time,
            )

        with mock.patch.object(engine, "open_shared", open_shared):
            yield
