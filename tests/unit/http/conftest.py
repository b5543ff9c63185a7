"""The HTTP worker in a thread, on a real socket, with an injected clock."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from dashboard.http.acceptor import Share
from dashboard.http.shedding import Shedding
from dashboard.http.worker import EventWorker
from tests.waits import WITHIN_S


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Application:
    """What gunicorn asks for the WSGI callable."""

    def __init__(self, wsgi: Any, shedding: Shedding | None) -> None:
        self._wsgi = wsgi
        self.shedding = shedding

    def wsgi(self) -> Any:
        return self._wsgi


class Worker(EventWorker):
    """Without signal handlers, which only the main thread may have."""

    def init_signals(self) -> None:
        self.answering: set[Any] = set()
        self.started.set()

    def _run_request(self, connection: Any) -> None:
        self.answering.add(connection)
        super()._run_request(connection)
        self.answering.discard(connection)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error's code."""
        found: str = json.loads(self.body)["error"]["code"]
        return found


@dataclass
class Client:
    """A connection; what is left of an answer that was read is the next one's beginning."""

    sock: socket.socket
    left: bytes = field(default=b"")

    def send(self, data: bytes) -> Client:
        self.sock.sendall(data)
        return self

    def reply(self, head: bool = False) -> Reply:
        """The next answer."""
        while b"\r\n\r\n" not in self.left:
            self.more()
        text, _, self.left = self.left.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        status = int(first.split(" ")[1])
        size = 0 if head or status == 100 else int(headers.get("content-length", 0))
        while len(self.left) < size:
            self.more()
        body, self.left = self.left[:size], self.left[size:]
        return Reply(status, headers, body)

    def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        try:
            while True:
                self.more()
        except EOFError:
            return self.left

    def more(self) -> None:
        data = self.sock.recv(2**20)
        if not data:
            raise EOFError
        self.left += data


@dataclass
class Running:
    """A worker that runs."""

    worker: EventWorker
    thread: threading.Thread
    clock: Clock
    address: Any
    clients: ExitStack

    def connect(self, receive_bytes: int | None = None) -> Client:
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        sock = self.clients.enter_context(socket.socket(family))
        sock.settimeout(WITHIN_S)
        if receive_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.connect(self.address)
        return Client(sock)

    def stop(self) -> None:
        """What SIGTERM does, seen by the worker."""
        self.worker.alive = False
        os.write(self.worker.PIPE[1], b"\0")
        for _ in range(int(WITHIN_S / 0.05)):
            if not self.worker.acceptor.accepting:
                break
            self.thread.join(0.05)
        # What is called from now on is called in a step of the end.
        noticed = threading.Event()
        self.worker.call_in_loop(noticed.set)
        for _ in range(int(WITHIN_S / 0.05)):
            if noticed.wait(0.05) or not self.thread.is_alive():
                return
        pytest.fail("the worker does not end")


@pytest.fixture
def run() -> Iterator[Callable[..., Running]]:
    """Run a WSGI application with gunicorn's settings as given."""
    with ExitStack() as stack:
        yield lambda wsgi, **settings: stack.enter_context(running(wsgi, **settings))


@contextmanager
def running(
    wsgi: Any,
    listener: socket.socket | None = None,
    shedding: Shedding | None = None,
    share: Share | None = None,
    **settings: Any,
) -> Iterator[Running]:
    config = Config()
    common = {"threads": 2, "keepalive": 30, "graceful_timeout": 20, "forwarder_headers": ""}
    for name, value in (common | settings).items():
        config.set(name, value)
    clock = Clock()
    listener = listener or socket.create_server(("127.0.0.1", 0))
    log = SimpleNamespace(close_on_exec=lambda: None)
    worker = Worker(1, os.getppid(), [listener], Application(wsgi, shedding), 30, config, log)
    worker.clock = clock
    worker.share = share
    worker.started = threading.Event()
    thread = threading.Thread(target=worker.init_process)
    thread.start()
    assert worker.started.wait(WITHIN_S)
    with ExitStack() as clients:
        made = Running(worker, thread, clock, listener.getsockname(), clients)
        try:
            yield made
        finally:
            if thread.is_alive():
                made.stop()
            clients.close()
            clock.now += 1000
            thread.join(WITHIN_S)
            assert not thread.is_alive()
            end = time.monotonic() + WITHIN_S
            while worker.answering and time.monotonic() < end:
                time.sleep(0.01)  # its last act is to write to the pipe
            assert not worker.answering
            worker.tmp.close()
            for descriptor in worker.PIPE:
                os.close(descriptor)
            listener.close()
