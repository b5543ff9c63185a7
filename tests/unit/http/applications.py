"""Requests, applications that answer them, and waiting for the state of connections."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.http import worker as module
from tests.waits import WITHIN_S

POST = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = (
    bytes(range(256)) * 2**15
)  # 8 MiB: more than the kernel takes for a client that does not read


def echo(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Path and body."""
    body = environ["PATH_INFO"].encode("latin-1") + b" " + environ["wsgi.input"].read()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def large(environ: dict[str, Any], start: Any) -> list[bytes]:
    if environ["PATH_INFO"] != "/large":
        return echo(environ, start)
    start("200 OK", [("Content-Length", str(len(LARGE)))])
    return [LARGE]


def all_are_sent_to(running: Any) -> bool:
    return all(one.state is module.State.SENDING for one in running.worker.connections)


def sending(running: Any, count: int, at_least: bool = False) -> None:
    """Wait until `count` connections wait for their readers."""

    def reached() -> bool:
        states = [one.state for one in running.worker.connections]
        found = states.count(module.State.SENDING)
        return found == count or (at_least and found >= count)

    eventually(running, reached)


def eventually(running: Any, holds: Callable[[], bool]) -> None:
    """Wait until something holds in the event loop."""
    reached = threading.Event()

    def check() -> None:
        if holds():
            reached.set()

    for _ in range(int(WITHIN_S / 0.05)):
        running.worker.call_in_loop(check)
        if reached.wait(0.05):
            return
    pytest.fail("that never came to hold")
