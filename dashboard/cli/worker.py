"""`lamella worker`: the prefetch worker as a process of its own."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from dashboard.cli.file_rights import CAP_SETGID, CAP_SETUID, drop
from dashboard.cli.process import check_startup, die_with_parent, queue_signals
from dashboard.settings import Settings
from dashboard.time_slice import compute_in_long_slices

if TYPE_CHECKING:
    from dashboard.runtime.dask_pool import DaskPool

ENDED_BY_ITSELF = 0
# A scheduler that does not answer is not waited for.
ENDS_WITHIN_S = 3.0


def run(settings: Settings, parent: int | None = None) -> None:
    """Decode ahead until SIGTERM; `parent` is the supervisor's process id."""
    check_startup(settings, serves=False)
    drop(CAP_SETGID, CAP_SETUID)  # It asks nobody's rights.
    from dashboard.runtime.container import build_services  # noqa: PLC0415  # refusals do not wait for it

    signals: SimpleQueue[int] = SimpleQueue()
    queue_signals(signals)
    die_with_parent(parent)

    compute_in_long_slices()
    services = build_services(settings, role="worker")
    services.start()
    pool = dask_pool(settings)
    runner = services.runner(pool)
    worker = services.worker(runner)
    stop = threading.Event()
    exchange: threading.Thread | None = None
    if pool is not None:
        of = (runner.exchange, stop)
        exchange = threading.Thread(target=pool.run, args=of, name="dask", daemon=True)
        exchange.start()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            worker.run(stop)
        except BaseException as error:  # noqa: BLE001  # raised again where it ends the process
            failures.append(error)
        finally:
            signals.put(ENDED_BY_ITSELF)

    thread = threading.Thread(target=work, name="prefetch")
    thread.start()
    signals.get()
    stop.set()
    # No request waits for the brick in progress.
    services.readers.stop()
    thread.join()
    if exchange is not None:
        exchange.join(timeout=ENDS_WITHIN_S)
    services.close()
    if failures:
        raise failures[0]


def dask_pool(settings: Settings) -> DaskPool | None:
    """What computes slabs of jobs elsewhere, where a scheduler is named."""
    if settings.dask is None:
        return None
    from dashboard.runtime.dask_pool import DaskPool  # noqa: PLC0415  # none is imported without one

    return DaskPool(settings.dask)
