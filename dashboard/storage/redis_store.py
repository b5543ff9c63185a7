"""The connection to a Redis or Valkey that several machines share, and what they agree on: its clock.

Imported only where a store is named (`lamella[cluster]`). A store that does not answer within `LIMIT_S` is left
alone for `PAUSE_S`, so that a process waits once and not for each row.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dashboard.storage.rows import RowsUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

LIMIT_S: Final = 0.2
PAUSE_S: Final = 1.0


class RedisStore:
    """A store that may be gone; thread-safe, and usable after a fork. `clock` gives monotonic seconds."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = redis.ConnectionPool.from_url(
            url,
            socket_timeout=LIMIT_S,
            socket_connect_timeout=LIMIT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self.client = redis.Redis(connection_pool=self._pool)
        self._clock = clock
        self._lock = threading.Lock()
        self._failing = False
        self._alone_until = float("-inf")
        self._offset_s = 0.0

    def call(self, use: Callable[[], T]) -> T:
        """The result of a use of `client`; raises `RowsUnavailable`, at once while the store is left alone."""
        if self._failing:
            with self._lock:
                now = self._clock()
                if now < self._alone_until:
                    raise RowsUnavailable("the shared store does not answer")
                # One thread tries it.
                self._alone_until = now + PAUSE_S
        try:
            result = use()
        except redis.ResponseError as error:
            # It answers: it is full, for instance, and what it has can be read.
            raise RowsUnavailable(str(error)) from error
        except (redis.RedisError, OSError) as error:
            self._failed(error)
            raise RowsUnavailable(str(error) or type(error).__name__) from error
        if self._failing:
            self._failing = False
            log.info("the shared store answers again")
        return result

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._alone_until = self._clock() + PAUSE_S
            first, self._failing = not self._failing, True
        # Others of the pool are as dead after a restart of the store.
        self._pool.disconnect(inuse_connections=False)
        if first:
            log.warning("the shared store does not answer, this machine works by itself: %s", error)

    @property
    def answers(self) -> bool:
        """Whether it answered when it was used last."""
        return not self._failing

    def script(self, source: str) -> Callable[..., Any]:
        """A script that the store runs as one step; called with its arguments it raises `RowsUnavailable`."""
        registered = self.client.register_script(source)
        return lambda *arguments: self.call(lambda: registered(args=arguments))

    def compare_clocks(self) -> None:
        """Take the store's clock for that of all machines; raises `RowsUnavailable`."""
        before = time.time()
        seconds, micros = self.call(self.client.time)
        self._offset_s = seconds + micros / 1e6 - (before + time.time()) / 2

    def time(self) -> float:
        """Unix time (s) by the store's clock, as it was compared last."""
        return time.time() + self._offset_s

    def close(self) -> None:
        """Close the connections that are not in use; later calls open new ones."""
        self._pool.disconnect(inuse_connections=False)
