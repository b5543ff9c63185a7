"""`lamella worker`: the prefetch worker as a process of its own."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from dashboard.cli.file_rights import CAP_SETGID, CAP_SETUID, drop
from dashboard.cli.process import check_startup, die_with_parent, queue_signals
from dashboard.settings import Settings
from dashboard.time_slice import compute_in_long_slices

ENDED_BY_ITSELF = 0


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
    worker = services.worker()
    stop = threading.Event()
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
    services.close()
    if failures:
        raise failures[0]
