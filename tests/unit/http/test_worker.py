"""The HTTP worker: slow, silent or malformed clients occupy no thread."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from dashboard.http import connection
from dashboard.http import worker as module
from dashboard.http.environment import READABLE_AT
from tests.unit.http.applications import (
    CHUNKED,
    GET,
    POST,
    WITHIN_S,
    echo,
    large,
)


def test_requests_of_a_connection_are_answered_one_after_the_other(run: Any) -> None:
    client = run(echo).connect()
    for path in (b"/a", b"/b"):
        reply = client.send(GET.replace(b"/ ", path + b" ")).reply()
        assert (reply.status, reply.body) == (200, path + b" ")
        assert reply.headers["connection"] == "keep-alive"
    reply = client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").reply()
    assert reply.headers["connection"] == "close"
    assert client.rest() == b""


@pytest.mark.parametrize("data", [POST, CHUNKED, GET])
def test_a_request_may_come_in_any_pieces(run: Any, data: bytes) -> None:
    client = run(echo).connect()
    for at in range(len(data)):
        client.send(data[at : at + 1])
    path = data.split(b" ")[1]
    assert client.reply().body == path + b" " + (b"hello" if data is not GET else b"")


def test_requests_may_be_sent_ahead(run: Any) -> None:
    client = run(echo).connect().send(POST + CHUNKED + GET + POST)
    bodies = [client.reply().body for _ in range(4)]
    assert bodies == [b"/p hello", b"/c hello", b"/ ", b"/p hello"]


def test_head_has_no_body(run: Any) -> None:
    client = run(echo).connect().send(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.reply(head=True).headers["content-length"] == "3"
    assert client.send(GET).reply().body == b"/ "


def test_a_client_that_waits_to_be_asked_is_asked(run: Any) -> None:
    head = POST.removesuffix(b"hello").replace(b"Host", b"Expect: 100-continue\r\nHost")
    client = run(echo).connect().send(head)
    assert client.reply().status == 100
    assert client.send(b"hello").reply().body == b"/p hello"
    # What comes with its body does not wait.
    assert client.send(head + b"hello").reply().body == b"/p hello"


def test_the_environment_says_when_the_request_arrived(run: Any) -> None:
    seen: list[dict[str, Any]] = []

    def view(environ: dict[str, Any], start: Any) -> list[bytes]:
        seen.append(environ)
        return echo(environ, start)

    running = run(view)
    client = running.connect().send(GET)
    client.reply()
    running.clock.now += 7.0
    client.send(GET).reply()
    assert [one[READABLE_AT] for one in seen] == [1000.0, 1007.0]


MALFORMED = [
    (b"nonsense\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
    (b"\r\n\r\n", 400, "bad_request"),
    (b"\x16\x03\x01\x02\x00\x01\x00\n\n", 400, "bad_request"),
    (b"GET /\x00 HTTP/1.1\r\n\r\n", 400, "bad_request"),
    (b"GET /\xff HTTP/1.1\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/3.0\r\n\r\n", 505, "http_version_not_supported"),
    (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\r\nNo colon\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400, "bad_request"),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "bad_request"),
    (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413, "too_large"),
    (POST.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"), 400, "bad_request"),
    (CHUNKED.replace(b"chunked", b"gzip, chunked"), 501, "not_implemented"),
    (CHUNKED.replace(b"chunked", b"mystery"), 501, "not_implemented"),
    (CHUNKED.replace(b"chunked", b"chunked, chunked"), 400, "bad_request"),
    (CHUNKED.replace(b"2\r\nhe", b"zz\r\nhe"), 400, "bad_request"),
    (CHUNKED.replace(b"2\r\nhe", b"100001\r\nhe"), 413, "too_large"),
    (CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0"), 400, "bad_request"),
    (b"GET /" + b"x" * 8190 + b" HTTP/1.1\r\n\r\n", 414, "request_uri_too_long"),
    (b"x" * 9000, 414, "request_uri_too_long"),
    (GET[:-2] + b"X: " + b"y" * 8190 + b"\r\n\r\n", 431, "request_header_fields_too_large"),
    (GET[:-2] + b"X: y\r\n" * 101 + b"\r\n", 431, "request_header_fields_too_large"),
    (GET[:-2] + (b"X: " + b"y" * 8000 + b"\r\n") * 9, 431, "request_header_fields_too_large"),
    (POST.replace(b"Host", b"Expect: magic\r\nHost"), 417, "expectation_failed"),
]


@pytest.mark.parametrize(("data", "status", "code"), MALFORMED, ids=lambda one: repr(one)[:40])
def test_what_is_malformed_is_refused(
    run: Any, caplog: pytest.LogCaptureFixture, data: bytes, status: int, code: str
) -> None:
    client = run(echo).connect().send(data)
    reply = client.reply()
    assert reply.status == status
    assert reply.code == code
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["connection"] == "close"
    assert client.rest() == b""
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize("header", [b"SCRIPT_NAME: /x", b"PATH_INFO: /y", b"REMOTE_USER: z"])
def test_headers_do_not_set_the_environment(run: Any, header: bytes) -> None:
    client = run(echo).connect().send(GET[:-2] + header + b"\r\n\r\n")
    assert client.reply().body == b"/ "


@pytest.mark.parametrize("sent", [GET[:1], GET[:-1], POST[:-1], CHUNKED[:-1], CHUNKED[:-9]])
def test_half_a_request_has_its_time(run: Any, sent: bytes) -> None:
    running = run(echo)
    client = running.connect().send(sent)
    other = running.connect()
    assert other.send(GET).reply().status == 200
    running.clock.now += module.RECEIVE_WITHIN_S + 1
    reply = client.reply()
    assert (reply.status, reply.code) == (408, "request_timeout")
    assert client.rest() == b""
    assert other.send(GET).reply().status == 200


def test_a_silent_connection_is_closed(run: Any) -> None:
    running = run(echo)
    silent, used = running.connect(), running.connect()
    used.send(GET).reply()
    running.clock.now += 29
    assert used.send(GET).reply().status == 200
    running.clock.now += 2
    assert silent.rest() == b""
    assert used.send(GET).reply().status == 200


def test_the_next_request_waits_for_what_follows_the_answer(run: Any) -> None:
    order: list[str] = []
    go_on = threading.Event()

    class Content:
        def __init__(self, path: str) -> None:
            self.path = path

        def __iter__(self) -> Iterator[bytes]:
            order.append(f"answer {self.path}")
            return iter([b"x"])

        def close(self) -> None:
            assert go_on.wait(WITHIN_S)
            order.append(f"close {self.path}")

    def wsgi(environ: dict[str, Any], start: Any) -> Content:
        start("200 OK", [("Content-Length", "1")])
        return Content(environ["PATH_INFO"])

    client = run(wsgi).connect().send(GET.replace(b"/ ", b"/1 ") + GET.replace(b"/ ", b"/2 "))
    assert client.reply().body == b"x"  # while `close` has not ended
    go_on.set()
    assert client.reply().body == b"x"
    assert order[:3] == ["answer /1", "close /1", "answer /2"]


@pytest.mark.parametrize("begun", [False, True])
def test_an_application_that_fails(run: Any, caplog: pytest.LogCaptureFixture, begun: bool) -> None:
    def wsgi(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        if begun:
            start("200 OK", [("Content-Length", "9")])
            yield b"x"
        raise RuntimeError("/secret/path")

    running = run(wsgi)
    client = running.connect().send(GET)
    if begun:
        assert client.rest().endswith(b"\r\n\r\nx")
    else:
        reply = client.reply()
        assert (reply.status, reply.code) == (500, "internal")
        assert b"secret" not in reply.body
    assert [one.levelno for one in caplog.records if one.exc_info] == [logging.ERROR]
    assert running.connect().send(b"nonsense\r\n\r\n").reply().status == 400


def test_a_client_that_leaves_is_no_error(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def wsgi(environ: dict[str, Any], start: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/large":
            arrived.set()
            assert go_on.wait(WITHIN_S)
        return large(environ, start)

    running = run(wsgi)
    for sent in (b"", GET[:5], POST[:-1]):
        running.connect().send(sent).sock.close()
    client = running.connect().send(GET.replace(b"/ ", b"/large "))
    assert arrived.wait(WITHIN_S)
    client.sock.close()
    go_on.set()
    assert running.connect().send(GET).reply().status == 200
    assert caplog.records == []


def test_beyond_the_limit_the_longest_idle_is_closed(run: Any) -> None:
    running = run(echo, worker_connections=5)
    used = running.connect()
    used.send(GET).reply()
    silent = []
    for _ in range(8):
        running.clock.now += 0.01
        silent.append(running.connect())
        latest = running.connect()
        assert latest.send(GET).reply().status == 200
        latest.sock.close()
    assert used.send(GET).reply().status == 200
    assert silent[0].rest() == b""


def test_what_is_being_answered_is_finished(run: Any) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def wsgi(environ: dict[str, Any], start: Any) -> list[bytes]:
        arrived.set()
        assert go_on.wait(WITHIN_S)
        return echo(environ, start)

    running = run(wsgi)
    idle = running.connect()
    busy = running.connect().send(GET)
    assert arrived.wait(WITHIN_S)
    running.stop()
    # A request that comes on an open connection meanwhile is answered as well, and the last one there.
    idle.send(GET)
    go_on.set()
    for client in (busy, idle):
        reply = client.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert client.rest() == b""
        client.sock.close()
    running.thread.join(WITHIN_S)
    assert not running.thread.is_alive()


@pytest.mark.parametrize(
    "body", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
)
def test_a_body_that_was_overlooked_is_not_the_next_request(
    run: Any, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(connection, "BODY_FIELDS", re.compile(rb"(?!)"))
    client = run(echo).connect()
    assert client.send(b"POST / HTTP/1.1\r\nHost: x\r\n" + body + GET).reply().status == 400
    assert client.rest() == b""


@pytest.mark.parametrize("name", [b"content-LENGTH", b"Content-Length \t"])
def test_a_body_is_found_however_its_length_is_written(run: Any, name: bytes) -> None:
    client = run(echo).connect()
    # gunicorn refuses white space before the colon.
    status = 400 if name.endswith(b"\t") else 200
    request = b"POST / HTTP/1.1\r\nHost: x\r\n" + name + b": 3\r\n\r\nabc"
    assert client.send(request).reply().status == status


def test_a_malformed_request_without_a_body_is_refused_by_its_thread(run: Any) -> None:
    client = run(echo).connect()
    assert client.send(b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n").reply().status == 400
    assert client.rest() == b""


def test_an_idle_connection_does_not_delay_the_end(run: Any) -> None:
    running = run(echo)
    idle = running.connect()
    idle.send(GET).reply()
    running.stop()
    idle.sock.settimeout(5.0)
    # The client may have its response before the loop knows that it was sent, and begins to wait.
    for _ in range(3):
        running.clock.now += module.CLOSE_WITHIN_S + 0.1
        with suppress(TimeoutError):
            assert idle.rest() == b""
            break
    else:
        pytest.fail("The connection is still open.")
    idle.sock.close()
    running.thread.join(WITHIN_S)
    assert not running.thread.is_alive()
