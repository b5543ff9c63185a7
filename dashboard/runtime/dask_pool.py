"""Slabs of jobs on Dask: sent to a scheduler, and computed by its workers, each of which has an engine of its own.

Nothing here is imported unless a scheduler is named. All that is sent and comes back are plain values; how Dask
packs them, and that its workers do what its scheduler says, is Dask's. A client that reaches the port of a
scheduler runs code there, so off loopback it has to be reached by TLS, with certificates of both sides
(`cluster_settings.py`).
"""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from dashboard.jobs.job import Job
from dashboard.jobs.runner import Flight, PoolLost
from dashboard.jobs.work import Plain, Work
from dashboard.runtime.engine import Engine, build_engine
from dashboard.runtime.jobs import begin
from dashboard.settings import load_settings

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

# How often slabs are sent and fetched.
TURN_S: Final = 0.1
# How often the scheduler is asked for its workers, and tried again when it is gone.
FOLLOW_S: Final = 5.0
LIMIT_S: Final = 2.0
# Slabs take less than a second; one that does not come back is computed here. It may wait behind work of others.
PATIENCE_S: Final = 30.0
# Slabs for each thread of the workers: one is computed while another one's result is fetched.
AHEAD: Final = 2
# Behind what others have computed on the same cluster.
PRIORITY: Final = -10


class DaskPool:
    """The workers of the scheduler at `address`; a thread of its own has to `run` it."""

    def __init__(self, address: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._monotonic = monotonic
        self._client: Client | None = None
        self._threads = 0
        self._followed_at = -math.inf

    def run(self, exchange: Callable[[], object], stop: threading.Event) -> None:
        """Follow the scheduler, and call `exchange`, until `stop` is set."""
        while not stop.wait(TURN_S):
            try:
                self._follow()
                exchange()
            except Exception:
                log.exception("slabs of jobs were not exchanged with Dask")
                self._lose()
        self._lose()

    def capacity(self) -> int:
        """Some slabs for each thread of the workers that are there."""
        return self._threads * AHEAD

    def send(self, job: str, slab: Plain) -> Flight:
        """Have a slab computed by some worker."""
        client = self._client
        if client is None or client.status != "running":
            raise PoolLost("the scheduler is gone")
        future = client.submit(compute, job, slab, pure=False, priority=PRIORITY)
        return _Flight(future, self._monotonic)

    def _follow(self) -> None:
        """Count the threads of the workers; connect to the scheduler where that was not done."""
        client = self._client
        if client is not None and client.status != "running":
            log.warning("the Dask scheduler at %s is gone: jobs are done here", self._address)
            self._lose()
            return
        if self._monotonic() - self._followed_at < FOLLOW_S:
            return
        self._followed_at = self._monotonic()
        try:
            if self._client is None:
                self._client = _connect(self._address)
            found = self._client.nthreads(callback_timeout=LIMIT_S)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            reason = str(error) or type(error).__name__
            log.warning("the Dask scheduler at %s cannot be used: %s", self._address, reason)
            self._lose()
            return
        self._threads = sum(found.values())
        if client is None:
            log.info("jobs are sent to the Dask scheduler at %s", self._address)

    def _lose(self) -> None:
        client, self._client, self._threads = self._client, None, 0
        if client is not None:
            with suppress(Exception):
                client.close(timeout=LIMIT_S)


def _connect(address: str) -> Client:
    from distributed import Client  # noqa: PLC0415  # only where a scheduler is named
    from distributed.security import Security  # noqa: PLC0415

    url = urlsplit(address)
    # A client that cannot connect leaves a thread behind.
    socket.create_connection((url.hostname or "", url.port or 0), LIMIT_S).close()
    # The certificates are in Dask's own settings.
    security = Security(require_encryption=url.scheme == "tls")
    return Client(address, timeout=LIMIT_S, security=security, set_as_default=False)


class _Flight:
    """A slab that Dask computes."""

    def __init__(self, future: Future[Plain], monotonic: Callable[[], float]) -> None:
        self._future = future
        self._monotonic = monotonic
        self._sent_at = monotonic()

    def result(self) -> Plain | None:
        """As `Flight.result`."""
        status = self._future.status
        if status == "pending":
            if self._monotonic() - self._sent_at > PATIENCE_S:
                raise PoolLost(f"Dask did not compute a slab within {PATIENCE_S:.0f} s")
            return None
        if status != "finished":
            raise PoolLost(f"a slab was not computed by Dask: {self._reason(status)}")
        try:
            result: Plain = self._future.result(timeout=LIMIT_S)
        except Exception as error:
            raise PoolLost(f"a result was not fetched from Dask: {type(error).__name__}") from error
        self._future.release()
        return result

    def cancel(self) -> None:
        """As `Flight.cancel`: Dask forgets what no client wants any more."""
        self._future.release()

    def _reason(self, status: str | None) -> str:
        with suppress(Exception):
            return str(self._future.exception(timeout=LIMIT_S))[:200]
        return str(status)


def compute(job: str, slab: Plain) -> Plain:
    """The result of a slab of a job (JSON), over the settings that this process has: what Dask's workers call."""
    return _work_of(job).compute(slab)


_building: Final = threading.Lock()
_here: Final = threading.local()


@cache
def _engine() -> Engine:
    return build_engine(load_settings({}), "cli")


def _work_of(job: str) -> Work:
    """The work of a job, begun once by each thread, since one thread uses it at a time."""
    begun: tuple[str, Any] | None = getattr(_here, "begun", None)
    if begun is None or begun[0] != job:
        if begun is not None:
            _here.begun = None
            begun[1].close()
        with _building:
            engine = _engine()
        begun = job, begin(engine, Job.model_validate_json(job))
        _here.begun = begun
    work: Work = begun[1]
    return work
