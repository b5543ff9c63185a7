"""TLS in the HTTP worker: the same behaviour as without, and handshakes that occupy no thread."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import SetupError
from dashboard.http import worker as module
from dashboard.http.tls import server_context
from tests import certificates
from tests.certificates import Certificate
from tests.unit.http.applications import CHUNKED, GET, LARGE, POST, echo, eventually, large, sending
from tests.unit.http.conftest import Client, Running

Run = Callable[..., Running]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificates.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def run_tls(run: Run, certificate: Certificate) -> Run:
    """As `run`, with TLS."""
    files = {"certfile": str(certificate.certfile), "keyfile": str(certificate.keyfile)}
    return lambda wsgi, **settings: run(wsgi, **files, **settings)


def connect(running: Running, context: ssl.SSLContext, receive_bytes: int | None = None) -> Client:
    plain = running.connect(receive_bytes)
    # The end of the stream has to be the server's own: a cut raises an error.
    secured = context.wrap_socket(
        plain.sock, server_hostname="localhost", suppress_ragged_eofs=False
    )
    return Client(running.clients.enter_context(secured))


@pytest.fixture
def context(certificate: Certificate) -> ssl.SSLContext:
    return certificate.client_context()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_and_the_end(
    run_tls: Run, context: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    context.minimum_version = context.maximum_version = version
    client = connect(run_tls(echo), context).send(POST + CHUNKED + GET)
    assert [client.reply().body for _ in range(3)] == [b"/p hello", b"/c hello", b"/ "]
    reply = client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").reply()
    assert reply.headers["connection"] == "close"
    assert client.rest() == b""


def test_a_request_may_come_in_any_records(run_tls: Run, context: ssl.SSLContext) -> None:
    client = connect(run_tls(echo), context)
    for at in range(len(CHUNKED)):
        client.send(CHUNKED[at : at + 1])
    assert client.reply().body == b"/c hello"


def test_older_versions_are_refused(
    run_tls: Run, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    running = run_tls(echo)
    # As an alert of the server, not as a connection that is reset.
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        connect(running, context)
    eventually(running, lambda: "a TLS handshake failed" in caplog.text)


def test_the_environment_says_https(run_tls: Run, context: ssl.SSLContext) -> None:
    def scheme(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Content-Length", "5")])
        return [environ["wsgi.url_scheme"].encode()]

    assert connect(run_tls(scheme), context).send(GET).reply().body == b"https"


def test_http_1_1_is_negotiated(run_tls: Run, context: ssl.SSLContext) -> None:
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = connect(run_tls(echo), context)
    assert isinstance(client.sock, ssl.SSLSocket)
    assert client.sock.selected_alpn_protocol() == "http/1.1"


def test_plain_http_gets_a_sentence_about_https(run_tls: Run, context: ssl.SSLContext) -> None:
    running = run_tls(echo)
    client = running.connect().send(GET)
    reply = client.reply()
    assert (reply.status, reply.code) == (426, "upgrade_required")
    assert b"https://" in reply.body
    assert reply.headers["upgrade"] == "TLS/1.2, HTTP/1.1"
    assert client.rest() == b""
    assert connect(running, context).send(GET).reply().status == 200


@pytest.mark.parametrize(
    "sent", [b"", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"]
)
def test_handshakes_have_their_time_and_no_thread(
    run_tls: Run, context: ssl.SSLContext, sent: bytes
) -> None:
    running = run_tls(echo, threads=1)
    slow = [running.connect().send(sent) for _ in range(5)]
    client = connect(running, context)
    assert client.send(GET).reply().status == 200
    running.clock.now += module.HANDSHAKE_WITHIN_S + 1
    assert [one.rest() for one in slow] == [b""] * 5
    # Who has completed it has the time of every idle connection.
    assert client.send(GET).reply().status == 200


def test_what_is_no_tls_ends_with_an_alert(run_tls: Run) -> None:
    client = run_tls(echo).connect().send(b"\x16\x03\x01\x00\x05nonsense and more of it")
    assert client.rest()[:1] == b"\x15"


def test_large_responses_arrive_whole(run_tls: Run, context: ssl.SSLContext) -> None:
    client = connect(run_tls(large), context)
    for _ in range(2):
        assert client.send(GET.replace(b"/ ", b"/large ")).reply().body == LARGE


def test_slow_readers_occupy_no_thread(run_tls: Run, context: ssl.SSLContext) -> None:
    running = run_tls(large, threads=1)
    slow = connect(running, context, receive_bytes=4096)
    slow.send(GET.replace(b"/ ", b"/large "))
    sending(running, 1)
    assert connect(running, context).send(GET).reply().status == 200
    assert slow.reply().body == LARGE
    assert slow.send(GET).reply().body == b"/ "


def test_a_client_that_leaves_is_no_error(
    run_tls: Run, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    running = run_tls(large)
    for sent in (b"", GET[:5], GET.replace(b"/ ", b"/large ")):
        connect(running, context).send(sent).sock.close()
    assert connect(running, context).send(GET).reply().status == 200
    eventually(running, lambda: len(running.worker.connections) <= 1)
    assert caplog.records == []


def test_a_key_of_its_own_file_or_of_the_same(certificate: Certificate, tmp_path: Path) -> None:
    server_context(certificate.certfile, certificate.keyfile)
    both = tmp_path / "both.pem"
    both.write_text(certificate.certfile.read_text() + certificate.keyfile.read_text())
    server_context(both)


def test_certificates_that_cannot_be_used(certificate: Certificate, tmp_path: Path) -> None:
    other = certificates.make(tmp_path, "other")
    secret = certificates.make(tmp_path, "secret", passphrase="correct horse")
    text = tmp_path / "text"
    text.write_text("no certificate")
    good = certificate.certfile
    for certfile, keyfile, reason in (
        (tmp_path / "none", None, "none cannot be read: no such file"),
        (good, tmp_path / "none", "none cannot be read: no such file"),
        (tmp_path, None, "cannot be read"),
        (good, None, "as PEM"),
        (good, other.keyfile, "key values mismatch"),
        (text, certificate.keyfile, "as PEM"),
        (secret.certfile, secret.keyfile, "without a passphrase"),
    ):
        with pytest.raises(SetupError, match=reason):
            server_context(certfile, keyfile)
