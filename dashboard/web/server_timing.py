"""`Server-Timing`: the stages of a slice, from entering the application to sending the headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from dashboard.addressing.outcomes import Provenance, Stage
from dashboard.addressing.requester import VIEWER_ID
from dashboard.disconnects import client, has_left
from dashboard.http.environment import GIVEN_UP, HAS_LEFT, READABLE_AT
from dashboard.meter import Recording, recording
from dashboard.telemetry.ledger import GIVEN_UP as GIVEN_UP_COUNTERS
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.mean_level import MeanLevel
from dashboard.telemetry.stages import SERVER_STAGES

RECORDING = "lamella.recording"
PROVENANCE = "lamella.provenance"
# The `Demand` of a viewer.
DEMAND = "lamella.demand"

# Whether the request's person was let in: others may claim to be any viewer.
ADMITTED = "lamella.admitted"

# Shorter queues are the event loop's own time.
SHOWN_QUEUE_S = 0.001

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


class ServerTimingMiddleware:
    """WSGI middleware around the whole application, so that all of it is measured.

    Time outside of stages is attributed to `other`. The total begins when the connection became readable, where
    the HTTP server says so; the time until here is the queue for a thread, part of `wait`. The view leaves the
    slice's provenance in the environment; the demand and its stages are recorded in the ledger when the headers
    are sent.
    """

    def __init__(self, application: Wsgi, path: str, ledger: Ledger) -> None:
        self._application = application
        self._path = path
        self._ledger = ledger
        self._busy = MeanLevel()
        ledger.gauge("threads.busy", self._busy.read)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self._busy.add(1)
        try:
            return self._measured(environ, start_response)
        finally:
            self._busy.add(-1)

    def _measured(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != self._path:
            with client(environ.get(HAS_LEFT)):
                return self._application(environ, start_response)
        # On Linux, `time.perf_counter` and `time.monotonic` are one clock.
        now = time.monotonic()
        queued_s = max(now - environ.get(READABLE_AT, now), 0.0)
        with recording(Stage.OTHER, queued_s=queued_s) as record:
            environ[RECORDING] = record
            environ[GIVEN_UP] = partial(
                self._ledger.count,
                f"{GIVEN_UP_COUNTERS}.{kind_of(environ.get('QUERY_STRING', ''))}",
            )

            def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                record.end()
                kind, code = kind_of(environ.get("QUERY_STRING", "")), status[:3]
                counted = kind == "demand" and code >= "400" and ADMITTED in environ
                viewer = _viewer(environ) if counted else None
                # The server counts those that leave during a response, which here has no reader any more.
                given_up = environ.pop(GIVEN_UP) if code == "503" and has_left() else None
                if given_up is None:
                    self._ledger.request(f"{kind}_{code}", record.queued_s, viewer)
                else:
                    given_up()
                headers.append(("Server-Timing", server_timing(record)))
                found: Provenance | None = environ.get(PROVENANCE)
                if found is not None and code in ("200", "304"):
                    self._ledger.served(
                        found,
                        environ.get(DEMAND),
                        record.seconds,
                        record.total_s,
                        0 if environ.get("REQUEST_METHOD") == "HEAD" else _content_length(headers),
                        record.nbytes,
                    )
                return start_response(status, headers, *rest)

            with client(environ.get(HAS_LEFT)):
                return self._application(environ, started)


def _content_length(headers: list[tuple[str, str]]) -> int:
    return next((int(value) for name, value in headers if name == "Content-Length"), 0)


def kind_of(query: str) -> str:
    """Who requests a slice: a viewer that wants to see it (demand), its page in advance (ahead), or a script."""
    # Parsing takes 10 µs; another parameter's name may end like these, as in `previewer=`.
    query = f"&{query}&"
    if "&viewer=" not in query:
        return "script"
    return "ahead" if "&ahead=1&" in query else "demand"


def _viewer(environ: Environ) -> str | None:
    """The viewer that a request names, where that is a valid id."""
    (name,) = parse_qs(environ["QUERY_STRING"]).get("viewer", [""])[:1]
    return name if VIEWER_ID.fullmatch(name) else None


def server_timing(record: Recording) -> str:
    """The header's value, in ms: stages that took time, in the pipeline's order, the `queue` for a thread from
    1 ms on, and `total`.
    """
    parts = [
        f"{stage};dur={record.seconds[stage] * 1e3:.3f}"
        for stage in SERVER_STAGES
        if record.seconds.get(stage, 0.0) > 0.0
    ]
    if record.queued_s >= SHOWN_QUEUE_S:
        parts.append(f"queue;dur={record.queued_s * 1e3:.3f}")
    return ", ".join([*parts, f"total;dur={record.total_s * 1e3:.3f}"])
