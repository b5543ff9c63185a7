"""A real Redis on a loopback port, without a disk, that can be stopped, killed and started again."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from tests.conftest import unused_port
from tests.programs import needed
from tests.waits import WITHIN_S


class RedisServer:
    """One server; `url` is its address, also after a restart. `options` are those of redis-server."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = unused_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = redis.Redis(port=self.port, host="127.0.0.1")
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        given = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no")
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [needed("redis-server"), "--port", str(self.port), *given, *self._options],
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + WITHIN_S
        while True:
            with suppress(redis.RedisError):
                self.client.ping()
                return
            assert self._process.poll() is None, (self._folder / "redis.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> None:
        """Kill it, also where it is stopped."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WITHIN_S)
            self._process = None
        self.client.connection_pool.disconnect()


@contextmanager
def running(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A server that answers, killed afterwards."""
    server = RedisServer(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.end()


@contextmanager
def hole() -> Iterator[str]:
    """The address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
