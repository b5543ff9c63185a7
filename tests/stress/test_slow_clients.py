"""A real server beside clients that are silent, slow or malformed, and one that is restarted under load.

`SLOW_CLIENTS` and `SLOW_CLIENTS_S` make it longer: `.ci/nightly` has 500 of each kind for 60 seconds.
"""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import files
from tests.stress.test_serve import one

pytestmark = pytest.mark.stress

COUNT = int(os.environ.get("SLOW_CLIENTS", "60"))
EVERY_S = 0.2
SECONDS = float(os.environ.get("SLOW_CLIENTS_S", "0"))

HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Filler: " + b"a" * 400
POST = b"POST /api/v1/telemetry HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{"
CHUNKED = b"POST /_dash-update-component HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = b"GET /api/v1/slice?file=v.h5&dataset=/large&selection=%d,:,: HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

# What each connection sends at first, and then again and again.
KINDS = {
    "silent": (b"", b""),
    "slow head": (HEAD[:20], b"a"),
    "slow body": (POST, b"x"),
    "slow chunks": (CHUNKED, b"1\r\nx\r\n"),
    "half a head": (HEAD, b""),
    "half a body": (POST, b""),
    "slow reader": (LARGE, b""),
}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A small dataset to ask for, and one whose slices are larger than a connection's buffers."""
    random = np.random.default_rng(3)
    return files.write(
        tmp_path / "v.h5",
        scan=(np.arange(40 * 60 * 50, dtype="u2").reshape(40, 60, 50), {"chunks": (8, 16, 16)}),
        large=(random.integers(0, 255, (2, 3000, 3000), "u1"), {"chunks": (1, 500, 500)}),
    )


@contextmanager
def beside(port: int, first: bytes, then: bytes, count: int) -> Iterator[list[socket.socket]]:
    """So many connections of a kind, kept up by a thread."""
    with ExitStack() as stack:
        sockets = []
        for number in range(count):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(30)
            sock.connect(("127.0.0.1", port))
            sock.sendall(first % (number % 2) if first is LARGE else first)
            if first is LARGE:
                sock.recv(1)  # its response is being sent
            sockets.append(sock)
        ended = threading.Event()

        def keep_up() -> None:
            while not ended.wait(EVERY_S):
                for sock in sockets:
                    with suppress(OSError):  # the server has closed it
                        sock.sendall(then)

        thread = threading.Thread(target=keep_up)
        thread.start()
        try:
            yield sockets
        finally:
            ended.set()
            thread.join()


def closed(sockets: list[socket.socket]) -> int:
    """How many of the connections the server has closed."""
    poller = select.poll()
    for sock in sockets:
        poller.register(sock, select.POLLRDHUP)
    return len(poller.poll(0))


def ask(connection: http.client.HTTPConnection, index: int) -> bytes:
    connection.request("GET", f"/api/v1/slice?file=v.h5&dataset=/scan&selection={index},:,:")
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read()


def longest_s(port: int, seconds: float) -> float:
    """The longest that a client waits who asks twenty times a second, on new connections and old ones."""
    longest = 0.0
    end = time.monotonic() + seconds
    while not longest or time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for index in range(4):
            started = time.monotonic()
            assert len(ask(connection, index)) == 60 * 50 * 2
            took = time.monotonic() - started
            longest = max(longest, took)
            time.sleep(max(0.0, 0.05 - took))
        connection.close()
    return longest


@pytest.mark.timeout(300 + 3 * SECONDS * len(KINDS))
def test_slow_clients_do_not_delay_others(serve: Callable[..., Any], volume: Path) -> None:
    server = serve(str(volume), LAMELLA_WEB_PROCESSES="1")
    port = int(server.url.rpartition(":")[2])
    print(f"quiet: {longest_s(port, SECONDS) * 1e3:.0f} ms")
    for kind, (first, then) in KINDS.items():
        with beside(port, first, then, COUNT) as clients:
            # A thread that waited for one of them would answer when it is closed.
            longest_s(port, 0.0)
            assert closed(clients) == 0, kind
            print(f"{COUNT} × {kind}: {longest_s(port, SECONDS) * 1e3:.0f} ms")
    assert server.stop() == 0


def test_malformed_requests_do_not_flood_the_log(serve: Callable[..., Any], volume: Path) -> None:
    server = serve(str(volume), LAMELLA_WEB_PROCESSES="1")
    port = int(server.url.rpartition(":")[2])
    before = len(server.log.read_text().splitlines())
    malformed = [
        (b"nonsense\r\n\r\n", 400),
        (CHUNKED + b"zz\r\n", 400),
        (CHUNKED + b"2\r\n[[\r\n0\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000, 414),
        (b"GET /_dash-component-suites/x/y HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2000000\r\n\r\n", 413),
    ]
    started = time.monotonic()
    for number in range(350):
        data, status = malformed[number % len(malformed)]
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
            sock.sendall(data)
            answer = sock.recv(20)
            assert answer.split(b" ")[1] == str(status).encode(), data[:60]
    seconds = time.monotonic() - started
    assert server.stop() == 0
    text = server.log.read_text()
    assert "Traceback" not in text
    assert len(text.splitlines()) - before <= 6 * (seconds + 2)


def test_a_restart_under_load_loses_no_answer(serve: Callable[..., Any], volume: Path) -> None:
    server = serve(str(volume), LAMELLA_WEB_PROCESSES="1")
    port = int(server.url.rpartition(":")[2])
    ended, failures = threading.Event(), []
    counts = [0] * 4

    def load(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while not ended.is_set():
                ask(connection, counts[number] % 40)
                counts[number] += 1
        except (OSError, http.client.HTTPException, AssertionError) as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=load, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            go_on_by(20, counts, failures)
            before = Path(f"/proc/{one(server.process.pid, 'web')}")
            os.kill(int(before.name), signal.SIGTERM)
            wait_until(lambda path=before: not path.exists(), failures)
            go_on_by(20, counts, failures)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert server.stop() == 0


def wait_until(holds: Callable[[], bool], failures: list[Exception]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert failures == []
        assert time.monotonic() < end
        time.sleep(0.05)


def go_on_by(more: int, counts: list[int], failures: list[Exception]) -> None:
    """Wait until each client has had `count` more responses."""
    reached = [count + more for count in counts]
    wait_until(lambda: all(a >= b for a, b in zip(counts, reached, strict=True)), failures)
