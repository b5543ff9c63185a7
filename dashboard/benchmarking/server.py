"""The real `lamella serve` for a measurement: a free loopback port and an empty cache of its own."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.benchmarking import processes
from dashboard.benchmarking.client import Client
from dashboard.errors import SetupError
from dashboard.settings import PREFIX

START_WITHIN_S = 60.0
END_WITHIN_S = 60.0

# What is given here, or would make it another server than one that is open on loopback.
OURS = ("DATA", "HOST", "PORT", "URL_PREFIX", "PUBLIC", "ALLOWED_HOSTS", "CACHE_DIR", "LOG_LEVEL")


@dataclass(frozen=True, slots=True)
class Server:
    """A running `lamella serve`: its port and the id of its uppermost process."""

    port: int
    pid: int

    def client(self) -> Client:
        """A connection to it, the caller's to close."""
        return Client(self.port)

    def wait_until_idle(self) -> None:
        """Wait until the server appears to be idle."""
        processes.wait_until_idle(self.pid)

    def stats(self) -> Any:
        """`/api/v1/stats` since the cache began, when the last second is in it as well."""
        # A row of the ledger is written once a second, and read as often.
        time.sleep(2.2)
        with self.client() as client:
            return client.json("/api/v1/stats", window="all")


@contextmanager
def serving(
    paths: Sequence[str], beside: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """`lamella serve PATHS`, ready and at rest, with a cache in a new folder of `beside`.

    Both end with the context. Other settings are those of the environment, then `environment`. Raises
    `SetupError` when it does not start.
    """
    with tempfile.TemporaryDirectory(
        prefix="bench-", dir=beside, ignore_cleanup_errors=True
    ) as folder:
        port = free_port()
        # The kernel ends it with this process, however that ends.
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
                [sys.executable, "-m", "dashboard", "serve", *arguments, "--", *paths],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stream,
                # A folder called `dashboard` where the command was started is not ours.
                env=kept
                | {"PYTHONSAFEPATH": "1", f"{PREFIX}LOG_LEVEL": "WARNING"}
                | dict(environment or {}),
                process_group=0,
            )
        try:
            _await_ready(process, port, log)
            server = Server(port, process.pid)
            # Its children still start, which is not what is measured.
            server.wait_until_idle()
            yield server
        finally:
            _end(process)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    assert process.stdout is not None
    deadline = time.monotonic() + START_WITHIN_S
    ready, _, _ = select.select([process.stdout], [], [], START_WITHIN_S)
    if not ready or not process.stdout.readline():
        lines = log.read_text(errors="replace").strip().splitlines()
        raise SetupError(
            "The server did not start"
            + (f": {lines[-1].removeprefix('lamella: ')}" if lines else ".")
        )
    # It answers as soon as the web process is there; the worker takes a little longer.
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
