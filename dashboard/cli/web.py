"""`lamella web`: gunicorn, embedded, with processes and threads."""

from __future__ import annotations

import logging
import math
import os
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from gunicorn import sock
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from dashboard.cli.file_rights import start_helper
from dashboard.cli.listener import open_listener
from dashboard.cli.process import (
    check_startup,
    die_with_parent,
    freeze_gc,
    limit_log,
    sign_in_link,
    tune_malloc,
    with_token,
)
from dashboard.errors import SetupError
from dashboard.http.acceptor import ConnectionCounts
from dashboard.http.refusal import LINE_LIMIT
from dashboard.http.shedding import Shedding
from dashboard.http.worker import EventWorker
from dashboard.people.configuration import taken_up
from dashboard.people.shared_limit import shared_counts
from dashboard.settings import Settings, service_id
from dashboard.sign_in_settings import UNIX

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

log = logging.getLogger(__name__)

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # gunicorn makes and unlinks its own files there

LOOPBACK = ("127.0.0.1", "::1")
# Longer than pages that nobody uses (`panels.IDLE_TICK_MS`) and nginx' upstream connections (60 s) are silent.
KEEP_ALIVE_S = 75
SWITCH_INTERVAL_S = 0.0005

# Of one process; beyond it the connection that has been idle for longest is closed for a new one.
CONNECTIONS = 1000


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's log, which has handlers of its own, with the lines of all others."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        ours = logging.getLogger().handlers
        for handler in self.error_log.handlers if ours else ():
            handler.setFormatter(ours[0].formatter)
        limit_log(self.error_log)


class WebArbiter(Arbiter):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's parent of the web processes, which leaves the socket file to the process that made it."""

    LISTENERS: list[Any]

    def stop(self, graceful: bool = True) -> None:
        sock.close_sockets(self.LISTENERS, unlink=False)
        self.LISTENERS = []
        super().stop(graceful)

    def reload(self) -> None:
        """On SIGHUP: start new web processes, unless they could not start; gunicorn would end with them."""
        try:
            with taken_up(self.app.settings.config):
                check_startup(self.app.settings)
        except SetupError as error:
            log.error("nothing was changed: %s", error.message)  # noqa: TRY400  # the sentence says it all
        else:
            super().reload()


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn over a socket that is bound already; `ready` is a descriptor for `report_ready`."""

    def __init__(self, settings: Settings, listener: int, ready: int | None = None) -> None:
        self.settings = settings
        self._listener = listener
        self._ready = ready
        self._services: Services | None = None
        self.shedding: Shedding | None = None
        self._counts = ConnectionCounts()
        super().__init__()

    def run(self) -> None:
        WebArbiter(self).run()

    def load_config(self) -> None:
        settings = self.settings
        proxies = (peer for peer in settings.proxy_peers if peer != UNIX)
        shared = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)
        options: dict[str, Any] = {
            "bind": f"fd://{self._listener}",
            "certfile": settings.certfile and str(settings.certfile),
            "keyfile": settings.keyfile and str(settings.keyfile),
            "worker_class": EventWorker,
            "workers": settings.web_processes,
            "threads": settings.web_threads,
            # Heartbeat files on a busy disk would get healthy workers killed.
            "worker_tmp_dir": str(SHARED_MEMORY) if shared else None,
            # HDF5's children and the caches' connections must not be shared by a fork.
            "preload_app": False,
            "control_socket_disable": True,
            "timeout": math.ceil(settings.wait_seconds) + 30,
            "graceful_timeout": math.ceil(settings.wait_seconds) + 5,
            "keepalive": KEEP_ALIVE_S,
            "worker_connections": CONNECTIONS,
            "limit_request_line": LINE_LIMIT,
            # The one that the tests are about; gunicorn takes another one where it happens to be installed.
            "http_parser": "python",
            # Whose X-Forwarded-Proto counts; gunicorn would take others from the environment.
            "forwarded_allow_ips": ",".join((*LOOPBACK, *proxies)),
            # Otherwise a local client could set the WSGI environment with headers of these names.
            "forwarder_headers": "",
            "logger_class": ServerLog,
            "loglevel": "warning" if settings.log_level == "INFO" else settings.log_level.lower(),
            "proc_name": "lamella",
            "pre_fork": self._give_share,
            "post_fork": lambda arbiter, _worker: die_with_parent(arbiter.pid),
            "post_worker_init": lambda _worker: self._report_ready(),
            "worker_exit": lambda _arbiter, _worker: self.close(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        # Longest wait of a request that returns from a system call for a computing thread: with the default
        # of 5 ms, write-behind of one response would delay the next.
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        tune_malloc()
        from dashboard.app import create_app  # noqa: PLC0415  # in the forked worker, not before

        server = create_app(self.settings).server
        self._services = server.extensions["lamella"]
        self.shedding = server.extensions["lamella.shedding"]
        freeze_gc()
        return server

    def _give_share(self, arbiter: Any, worker: EventWorker) -> None:
        """Before a web process is forked: its share of the connections."""
        others = (one.share for one in arbiter.WORKERS.values())
        worker.share = self._counts.share(one.place for one in others if one is not None)

    def _report_ready(self) -> None:
        """In a worker, before its first request: write the number of workers that the supervisor waits for."""
        if self._ready is not None:
            # Who is started later finds that nobody reads any more.
            with suppress(OSError):
                os.write(self._ready, f"{self.settings.web_processes}\n".encode())

    def close(self) -> None:
        """In a worker after its last request: flush what is only in memory."""
        if self._services is not None:
            self._services.close()


def run(
    settings: Settings,
    parent: int | None = None,
    listener: int | None = None,
    ready: int | None = None,
) -> None:
    """Serve until SIGTERM, then finish the requests in progress.

    A supervisor passes its process id as `parent`, and the descriptors of a listening socket and of a pipe to
    which each web process writes a line when it is ready.
    """
    with taken_up(settings.config) if listener is None else nullcontext():
        check_startup(settings)
    die_with_parent(parent)
    start_helper(settings)
    shared_counts()
    service_id()  # The same for all processes that are forked from here on.
    given, settings = settings, with_token(settings)
    if settings is not given:
        click.echo(f"Lamella asks for sign-in: {sign_in_link(settings)}")
    if listener is not None:
        WebServer(settings, listener, ready).run()
        return
    with open_listener(settings) as own:
        WebServer(settings, os.dup(own.socket.fileno()), ready).run()
