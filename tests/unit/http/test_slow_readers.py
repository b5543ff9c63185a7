"""Clients that read slowly or not at all: they occupy no thread, and what waits for them is bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard.http import worker as module
from dashboard.http.environment import GIVEN_UP
from tests.unit.http.applications import (
    CHUNKED,
    GET,
    LARGE,
    POST,
    all_are_sent_to,
    eventually,
    large,
    sending,
)
from tests.waits import WITHIN_S


def test_no_connection_takes_a_thread_that_has_nothing_to_compute(run: Any) -> None:
    running = run(large)
    for sent in (b"", GET[:10], POST[:-2], CHUNKED[:-2]):
        for _ in range(10):
            running.connect().send(sent)
    readers = [running.connect(2**16).send(GET.replace(b"/ ", b"/large ")) for _ in range(6)]
    assert running.connect().send(GET).reply().status == 200
    for reader in readers:
        assert reader.reply().body == LARGE


def test_a_reader_that_takes_nothing_is_given_up(run: Any) -> None:
    running = run(large)
    stalled = running.connect(2**16).send(GET.replace(b"/ ", b"/large "))
    running.connect().send(GET).reply()
    sending(running, 1)
    running.clock.now += module.SEND_PROGRESS_S + 1
    sending(running, 0)
    with pytest.raises((EOFError, ConnectionError)):
        stalled.reply()


def test_a_response_that_is_given_up_is_counted_once(run: Any) -> None:
    given_up: list[str] = []

    def wsgi(environ: dict[str, Any], start: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        environ[GIVEN_UP] = lambda: given_up.append(path)
        return large(environ | {"PATH_INFO": "/large"}, start)

    running = run(wsgi)
    assert running.connect().send(GET).reply().status == 200
    for path in (b"/left", b"/stalled"):
        client = running.connect(2**16).send(GET.replace(b"/ ", path + b" "))
        sending(running, 1)
        if path == b"/left":
            client.sock.close()
        else:
            running.clock.now += module.SEND_PROGRESS_S + 1
        sending(running, 0)
    assert given_up == ["/left", "/stalled"]


def test_what_readers_leave_in_memory_is_bounded(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # One response fits; of each the kernel takes up to some 4 MiB.
    limit = len(LARGE)
    monkeypatch.setattr(module, "UNSENT_TOTAL_LIMIT", limit)
    asked: list[None] = []

    def counted(environ: Any, start: Any) -> Any:
        asked.append(None)
        return large(environ, start)

    running = run(counted)
    readers = []
    for count in range(1, 6):
        readers.append(running.connect(2**16).send(GET.replace(b"/ ", b"/large ")))
        # Every request so far is answered, and waits for its reader or was given up.
        eventually(running, lambda n=count: len(asked) == n and all_are_sent_to(running))  # type: ignore[misc]
        running.clock.now += 0.1
    assert running.worker.unsent_bytes <= limit
    assert readers[-1].reply().body == LARGE
    with pytest.raises((EOFError, ConnectionError)):
        readers[0].reply()


@pytest.mark.parametrize("more", [b"b" * 10, LARGE + LARGE])
def test_an_answer_that_outlasts_the_time_for_finishing_ends_like_one_whose_client_has_gone(
    run: Any, caplog: pytest.LogCaptureFixture, more: bytes
) -> None:
    closed = threading.Event()

    def wsgi(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        start("200 OK", [])
        yield b"a"
        closed.wait(WITHIN_S)
        yield more
        yield more

    running = run(wsgi)
    client = running.connect().send(GET)
    client.more()
    running.stop()
    running.clock.now += 1000
    running.thread.join(WITHIN_S)
    closed.set()
    end = time.monotonic() + WITHIN_S
    while running.worker.answering and time.monotonic() < end:
        time.sleep(0.01)
    assert not running.worker.answering
    assert not caplog.records


def test_an_answer_in_pieces_is_never_in_memory_as_a_whole(run: Any) -> None:
    made: list[int] = []

    def pieces(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        start("200 OK", [("Content-Length", str(24 * 2**20))])
        for number in range(24):
            made.append(number)
            yield bytes([number]) * 2**20

    client = run(pieces).connect(2**16).send(GET)
    while len(client.left) < 1000:
        client.more()
    assert len(made) < 24
    assert client.reply().body == b"".join(bytes([n]) * 2**20 for n in range(24))
