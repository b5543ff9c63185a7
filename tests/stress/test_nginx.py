"""A real nginx with the documented site in front: it holds off slow clients, and changes nothing else."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import re
import socket
import ssl
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests import certificates, files, nginx
from tests.certificates import Certificate
from tests.conftest import Server, serving, unused_port
from tests.contract.sign_in.requests import OPEN, addresses
from tests.nginx import Nginx
from tests.nightly import mostly
from tests.stress.test_reload import Reader, reload
from tests.waits import WITHIN_S
from tests.web import running as application

pytestmark = [pytest.mark.stress, pytest.mark.timeout(300)]

TOKEN = "correct-horse-battery-staple"
NAME = "scans.example"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
VALUES = np.random.default_rng(3).integers(0, 2**16, (4, 1500, 1400)).astype("u2")


@dataclass
class Site:
    """A server behind nginx."""

    server: Server
    nginx: Nginx
    context: ssl.SSLContext

    def connect(self, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "localhost",
            self.nginx.https,
            timeout=WITHIN_S,
            context=self.context,
            source_address=(source, 0),
        )

    def get(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        method: str = "GET",
        body: str | None = None,
        source: str = "127.0.0.1",
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self.connect(source)
        try:
            connection.request(method, path, body, {"Host": NAME} | (headers or {}))
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificates.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    how = {"chunks": (4, 250, 250), "compression": "gzip"}
    return files.write(tmp_path_factory.mktemp("data") / "v.h5", scan=(VALUES, how))


@pytest.fixture(scope="module", params=mostly(["unix", "tcp"], ["tcp"]))
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    data: Path,
    certificate: Certificate,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    port, path = unused_port(), folder / "lamella.sock"
    how = ("--bind", f"unix:{path}") if request.param == "unix" else ("--allowed-host", NAME)
    peer = ("--proxy-peer", "unix" if request.param == "unix" else "127.0.0.1")
    with ExitStack() as stack:
        server = stack.enter_context(
            serving(
                *(
                    folder / "server",
                    port,
                    "serve",
                    "--url-prefix",
                    "/lamella",
                    *how,
                    *peer,
                    str(data),
                ),
                LAMELLA_TOKEN=TOKEN,
                LAMELLA_WEB_THREADS="2",
                LAMELLA_WEB_PROCESSES="1",
            )
        )
        upstream = str(path) if request.param == "unix" else f"127.0.0.1:{port}"
        made = stack.enter_context(nginx.running(folder / "nginx", upstream, certificate))
        yield Site(server, made, certificate.client_context())


def slice_path(index: int = 1) -> str:
    return f"/lamella/api/v1/slice?file=v.h5&dataset=scan&selection={index},:,:"


def test_http_leads_to_https(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.nginx.http, timeout=WITHIN_S)
    connection.request("GET", "/lamella/?file=v.h5", headers={"Host": NAME})
    response = connection.getresponse()
    assert response.status == 301
    assert response.headers["Location"] == f"https://{NAME}/lamella/?file=v.h5"
    connection.close()
    response, _ = site.get("/lamella/healthz")
    assert response.status == 200
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    response, _ = site.get("/lamella")
    assert response.status == 308
    # Outside of a test the port is 443, which nginx leaves out.
    assert response.headers["Location"] == f"https://{NAME}:{site.nginx.https}/lamella/"


def test_sign_in_with_cookies_and_redirects(site: Site) -> None:
    page = "/lamella/?file=v.h5&dataset=/scan&axis=0&index=2"
    html = {"Accept": "text/html", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    response, body = site.get(page, html)
    assert response.status == 401
    action = re.search(rb'action="([^"]+)"', body)
    assert action is not None
    form = urllib.parse.urlencode({"token": TOKEN, "next": page})
    same = {"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    response, _ = site.get(action[1].decode(), same | kind, "POST", form)
    assert response.status == 303
    assert response.headers["Location"] in (page, f"https://{NAME}{page}")
    cookie = response.headers["Set-Cookie"]
    assert "; Secure" in cookie
    assert "; HttpOnly" in cookie
    assert "; Path=/lamella" in cookie
    session = {"Cookie": cookie.partition(";")[0]}
    response, body = site.get(page, html | session)
    assert response.status == 200
    assert b'"/lamella/assets/' in body
    assert site.get("/lamella/sign-out", same | session, "POST")[0].status == 303
    assert site.get(page, html | session)[0].status == 401
    # A browser that does not say where it comes from is known by the host's name.
    response, _ = site.get(action[1].decode(), {"Origin": f"https://{NAME}"} | kind, "POST", form)
    assert response.status == 303
    response, _ = site.get(
        action[1].decode(), {"Origin": "https://evil.example"} | kind, "POST", form
    )
    assert response.status == 403


def test_slices_come_whole_with_all_headers(site: Site) -> None:
    response, body = site.get(slice_path(), BEARER)
    assert response.status == 200
    assert body == VALUES[1].astype("<u2").tobytes()
    assert response.headers["X-Slice-Shape"] == "1500,1400"
    assert "total;dur=" in response.headers["Server-Timing"]
    assert "frames" in response.headers["Cache-Status"]
    assert response.headers["Content-Length"] == str(len(body))
    again = BEARER | {"If-None-Match": response.headers["ETag"]}
    response, body = site.get(slice_path(), again)
    assert (response.status, body) == (304, b"")
    assert "Server-Timing" in response.headers


@pytest.mark.parametrize(
    "path",
    ["/lamella/api/v1/files", "/lamella/assets/main.mjs", "/lamella/", "/lamella/_dash-layout"],
)
def test_responses_are_compressed_once(site: Site, path: str) -> None:
    plain, body = site.get(path, BEARER)
    assert plain.status == 200
    assert plain.headers["Content-Encoding"] is None
    packed, data = site.get(path, BEARER | {"Accept-Encoding": "gzip"})
    encodings = packed.headers.get_all("Content-Encoding") or []
    assert encodings in ([], ["gzip"])
    found = gzip.decompress(data) if encodings else data
    # Each page has a nonce of its own.
    assert found == body or (path == "/lamella/" and len(found) == len(body))
    if len(body) > 10_000:
        assert encodings == ["gzip"]
        assert len(data) < len(body)


def test_metrics_are_for_this_machine_alone(site: Site) -> None:
    assert site.get("/lamella/metrics", BEARER)[0].status == 200
    assert site.get("/lamella/metrics")[0].status == 401
    for path in (
        "/lamella/metrics",
        "/lamella//metrics",
        "/lamella/%6detrics",
        "/lamella/x/../metrics",
    ):
        response, body = site.get(path, BEARER, source="127.0.0.2")
        assert response.status == 403, path
        assert b"lamella_" not in body
    # It is the address of the client that counts, not that of the path.
    assert site.get("/lamella/api/v1/files", BEARER, source="127.0.0.2")[0].status == 200


def test_a_body_that_is_too_long_is_refused(site: Site) -> None:
    response, _ = site.get("/lamella/api/v1/telemetry", BEARER, "POST", "x" * (2**20 + 1))
    assert response.status == 413


def test_ids_of_requests_are_those_of_nginx(site: Site) -> None:
    response, _ = site.get("/lamella/healthz", {"X-Request-ID": "chosen-by-the-client"})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


def test_who_is_not_signed_in_gets_nothing(site: Site, data: Path, tmp_path: Path) -> None:
    """Every route of the URL map, and spellings of the open ones, as without a proxy."""
    with application(tmp_path, data, token=TOKEN, url_prefix="/lamella") as app:
        asked = addresses(app)
    opened = {f"/lamella{path}" for path in OPEN}
    connection = site.connect()
    answered = 0
    for method, path in asked:
        if method == "CONNECT" or "|" in path:
            continue
        for headers in ({}, {"X-Remote-User": "root", "X-Forwarded-For": "127.0.0.1"}):
            connection.request(method, path, headers={"Host": NAME} | headers)
            response = connection.getresponse()
            body = response.read()
            answered += 1
            if path.split("?")[0] in opened and response.status < 400:
                continue
            assert response.status in (308, 400, 401, 403, 404, 405, 501), (method, path)
            assert b"v.h5" not in body
    connection.close()
    assert answered > 100


def test_slow_clients_occupy_no_thread(site: Site) -> None:
    with ExitStack() as stack:
        for number in range(12):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(WITHIN_S)
            sock.connect(("127.0.0.1", site.nginx.https))
            slow = stack.enter_context(site.context.wrap_socket(sock, server_hostname=NAME))
            request = (
                f"GET {slice_path(number % 4)} HTTP/1.1\r\nHost: {NAME}\r\n"
                f"Authorization: Bearer {TOKEN}\r\n\r\n"
            ).encode()
            # Half of them do not finish their request, the others do not read the response.
            slow.sendall(request[:-2] if number % 2 else request)
        for index in range(8):
            response, body = site.get(slice_path(index % 4), BEARER)
            assert response.status == 200
            assert len(body) == VALUES[0].nbytes


def test_no_request_fails_while_the_server_is_reloaded(site: Site) -> None:
    failures: list[str] = []

    class ThroughNginx(Reader):
        def run(self) -> None:
            connection = site.connect()
            while not self.stopped.wait(self._pause_s):
                connection.request(
                    "GET", slice_path(self.answered % 4), headers={"Host": NAME} | BEARER
                )
                response = connection.getresponse()
                if response.status != 200 or len(response.read()) != VALUES[0].nbytes:
                    failures.append(f"{response.status}")
                self.answered += 1
            connection.close()

    readers = [ThroughNginx(site.connect, pause) for pause in (0.0, 0.05)]
    for reader in readers:
        reader.start()
    try:
        reload(site.server)
        reload(site.server)
    finally:
        for reader in readers:
            reader.stopped.set()
            reader.join()
    assert failures == []
    assert all(reader.answered > 0 for reader in readers)


@pytest.fixture(scope="module", params=mostly(["unix", "tcp"], ["tcp"]))
def named(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    data: Path,
    certificate: Certificate,
) -> Iterator[Site]:
    """As `site`, where nginx asks for names and passwords, and says in a header who it is."""
    folder = tmp_path_factory.mktemp("named")
    port, path = unused_port(), folder / "lamella.sock"
    bind = ("--bind", f"unix:{path}") if request.param == "unix" else ("--allowed-host", NAME)
    peer = "unix" if request.param == "unix" else "127.0.0.1"
    header = ("--proxy-header", "X-Remote-User", "--proxy-peer", peer)
    shown = files.write(folder / "shown.h5", scan=(VALUES[:, :9, :9], {}))
    root = ("--root", f"closed={data}:beamline", "--root", f"open={shown}:*")
    passwords = folder / "passwords"
    # {PLAIN} is for tests alone.
    passwords.write_text("ada:{PLAIN}difference\n")
    page = nginx.SITE.parents[1] / "host-for-a-team.md"
    (asking,) = re.findall(r"```nginx\n(.*?)```", page.read_text(), re.DOTALL)
    asking = asking.replace("/etc/nginx/lamella.passwords", str(passwords))
    cleared = 'proxy_set_header X-Remote-User "";'
    text = nginx.SITE.read_text()
    assert text.count(cleared) == 1
    text = text.replace(cleared, asking)
    with ExitStack() as stack:
        arguments = ("serve", "--url-prefix", "/lamella", *bind, *header, *root)
        server = stack.enter_context(serving(folder / "server", port, *arguments))
        upstream = str(path) if request.param == "unix" else f"127.0.0.1:{port}"
        made = stack.enter_context(nginx.running(folder / "nginx", upstream, certificate, text))
        yield Site(server, made, certificate.client_context())


def test_sign_in_by_the_header_of_nginx(named: Site) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(b"ada:difference").decode()}
    spoofed = {"X-Remote-User": "root", "X-Remote-Groups": "beamline"}
    for headers in ({}, spoofed, {"Authorization": "Basic cm9vdDpyb290"}):
        assert named.get("/lamella/api/v1/files", headers)[0].status == 401
    for headers in (basic, basic | spoofed):
        response, body = named.get("/lamella/api/v1/files", headers)
        assert response.status == 200
        assert [one["file"] for one in json.loads(body)["files"]] == ["open"]
    # Not even from this machine.
    for path in ("/lamella/metrics", "/lamella/healthz"):
        assert named.get(path, spoofed)[0].status == 401
