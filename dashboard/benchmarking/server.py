"""A real `lamella serve` for a measurement, on a free loopback port and with an empty cache."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from dashboard.benchmarking import processes
from dashboard.benchmarking.client import Client
from dashboard.errors import SetupError
from dashboard.settings import PREFIX
from dashboard.sign_in_settings import SignInSettings

START_WITHIN_S = 60.0
END_WITHIN_S = 60.0

# Settings that are given here, or that would change access to the server.
OURS = (
    *("DATA", "HOST", "PORT", "URL_PREFIX", "CACHE_DIR", "LOG_LEVEL"),
    *("BIND", "CERTFILE", "KEYFILE", "ALLOWED_HOSTS", "CONFIG", "ROOTS"),
    *map(str.upper, SignInSettings.model_fields),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running `lamella serve`: its port and the process id of its supervisor."""

    port: int
    pid: int

    def client(self) -> Client:
        """A new connection, which the caller closes."""
        return Client(self.port)

    def wait_until_idle(self) -> None:
        """Wait until the server appears to be idle."""
        processes.wait_until_idle(self.pid)

    def stats(self) -> Any:
        """`/api/v1/stats` since the ledger began, including the last second."""
        # Ledger rows are written once a second and read once a second.
        time.sleep(2.2)
        with self.client() as client:
            return client.json("/api/v1/stats", window="all")


@contextmanager
def serving(
    paths: Sequence[str],
    beside: Path,
    environment: Mapping[str, str] | None = None,
    module: str = "dashboard",
) -> Iterator[Server]:
    """`lamella serve PATHS`, ready and idle, with a cache in a new folder of `beside`.

    Server and folder are removed with the context. Settings come from this process's environment, overridden by
    `environment`. `module` is what Python runs as `lamella`. Raises `SetupError` when the server does not start.
    """
    with tempfile.TemporaryDirectory(
        prefix="bench-", dir=beside, ignore_cleanup_errors=True
    ) as folder:
        port = free_port()
        # The kernel ends the server with this process, even on SIGKILL.
        arguments = ["--parent", str(os.getpid()), "--port", str(port)]
        arguments += ["--cache-dir", str(Path(folder) / "cache")]
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in {PREFIX + ours for ours in OURS}
        }
        log = Path(folder) / "log"
        with log.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", module, "serve", *arguments, "--", *paths],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stream,
                # Do not import a folder called `dashboard` in the current directory.
                env=kept
                | {"PYTHONSAFEPATH": "1", f"{PREFIX}LOG_LEVEL": "WARNING"}
                | dict(environment or {}),
                process_group=0,
            )
        try:
            _await_ready(process, port, log)
            server = Server(port, process.pid)
            # HDF5 workers are still starting, which must not be measured.
            server.wait_until_idle()
            yield server
        finally:
            _end(process)


def free_port() -> int:
    """An unused port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    assert process.stdout is not None
    deadline = time.monotonic() + START_WITHIN_S
    ready = wait([process.stdout.fileno()], START_WITHIN_S)
    if not ready or not process.stdout.readline():
        lines = log.read_text(errors="replace").strip().splitlines()
        raise SetupError(
            "The server did not start"
            + (f": {lines[-1].removeprefix('lamella: ')}" if lines else ".")
        )
    # The web process responds before the worker is ready.
    with Client(port) as client:
        while client.status("/readyz") != 200:
            if time.monotonic() > deadline:
                raise SetupError("The server's prefetch worker did not start.")
            time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()
