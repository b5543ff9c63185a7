"""What clients say of themselves in headers ends at the documented nginx site."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import certificates, nginx
from tests.certificates import Certificate
from tests.waits import WITHIN_S
from tests.web import POLL_S

pytestmark = [pytest.mark.stress, pytest.mark.timeout(300)]

NAME = "scans.example"

SPOOFED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "spoofed",
    "X-Forwarded-Protocol": "spoofed",
    "X-Forwarded-Ssl": "spoofed",
    "X-Forwarded-Host": "spoofed.example",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/spoofed",
    "X-Real-IP": "6.6.6.6",
    "X-Remote-User": "spoofed",
    "X-Request-ID": "spoofed-spoofed",
    "Forwarded": "for=6.6.6.6;proto=spoofed",
    "Via": "1.1 spoofed",
    "X_Remote_User": "spoofed",
    "X_Forwarded_For": "6.6.6.6",
    "Remote_User": "spoofed",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificates.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def received() -> Iterator[tuple[int, list[dict[str, str]]]]:
    """The port of a server that keeps the headers of each request."""
    found: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.append(dict(self.headers.items()))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
        thread.start()
        yield server.server_address[1], found
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/lamella/", "/lamella/metrics"])
@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_what_a_client_says_of_itself_reaches_nobody(
    received: tuple[int, list[dict[str, str]]],
    tmp_path: Path,
    certificate: Certificate,
    path: str,
    change: Callable[[str], str],
) -> None:
    port, found = received
    upstream = f"127.0.0.1:{port}"
    with nginx.running(tmp_path / "nginx", upstream, certificate) as made:
        connection = http.client.HTTPSConnection(
            "localhost", made.https, timeout=WITHIN_S, context=certificate.client_context()
        )
        headers = {change(name): value for name, value in SPOOFED.items()}
        connection.request("GET", path, headers={"Host": NAME} | headers)
        assert connection.getresponse().status == 200
        connection.close()
    (headers,) = found
    text = json.dumps(headers).lower()
    assert "spoofed" not in text
    assert "6.6.6.6" not in text
    assert "666" not in headers.values()
    assert {name: headers[name] for name in ("X-Forwarded-For", "X-Forwarded-Proto", "Host")} == {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Proto": "https",
        "Host": NAME,
    }
