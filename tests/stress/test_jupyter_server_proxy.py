"""The entry point of jupyter-server-proxy: started as the proxy does, and asked as the proxy asks."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import dashboard
from dashboard import notebook

pytestmark = pytest.mark.stress

BASE_URL = "/user/ann/"
WITHIN_S = 60.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=WITHIN_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WITHIN_S)
        self.sock.connect(str(self._path))


class Proxied:
    """A server that was started from the dictionary, with `{}` replaced as the proxy does."""

    def __init__(self, entry: dict[str, Any], folder: Path, environment: dict[str, str]) -> None:
        self.path = folder / "socket"
        names = {"port": 0, "unix_socket": str(self.path), "base_url": BASE_URL}
        command = [part.format(**names) for part in entry["command"]]
        given = {k: v.format(**names) for k, v in entry["environment"].items()}
        self.override = {k: v.format(**names) for k, v in entry["request_headers_override"].items()}
        self.process = subprocess.Popen(command, cwd=folder, env=os.environ | environment | given)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        """Status and body of a response to what the proxy sends on."""
        connection = UnixConnection(self.path)
        try:
            sent = {"Host": "hub.example", "X-Forwarded-Proto": "https", **headers}
            connection.request(method, f"{BASE_URL}lamella{path}", headers=sent | self.override)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def ready(self) -> None:
        """Wait until it answers anything, as the proxy does."""
        end = time.monotonic() + WITHIN_S
        while True:
            try:
                self.ask("/")
            except OSError:
                assert self.process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.1)
            else:
                return


@pytest.fixture
def proxied(volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxied]:
    folder = tmp_path / "home {of} ann"
    folder.mkdir()
    volume.rename(folder / "v.h5")
    monkeypatch.chdir(folder)
    made = Proxied(
        notebook.jupyter_server_proxy(), folder, {"LAMELLA_CACHE_DIR": str(tmp_path / "cache")}
    )
    try:
        made.ready()
        yield made
    finally:
        made.process.terminate()
        made.process.wait(WITHIN_S)


def test_a_person_has_a_server(proxied: Proxied) -> None:
    status, page = proxied.ask("/", Accept="text/html")
    assert status == 200
    assert f"{BASE_URL}lamella/assets/" in page
    status, files = proxied.ask("/api/v1/files")
    assert status == 200
    assert "home {of} ann/v.h5" in files
    # Of its own pages, as browsers send it over plain HTTP and HTTPS.
    same = {"Origin": "https://hub.example", "Sec-Fetch-Site": "same-origin"}
    assert proxied.ask("/api/v1/prefetch", "POST", **same)[0] == 400
    assert proxied.ask("/api/v1/prefetch", "POST", Origin="http://hub.example")[0] == 400
    for foreign in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert proxied.ask("/api/v1/files", **foreign)[0] == 403
    # Another account of the machine that reached the socket would have no token.
    proxied.override = {}
    assert proxied.ask("/api/v1/files")[0] == 401
    assert proxied.path.stat().st_mode & 0o007 == 0


def test_the_entry_point_leads_there() -> None:
    project = tomllib.loads((Path(dashboard.__file__).parents[1] / "pyproject.toml").read_text())
    group = "jupyter_serverproxy_servers"
    ((name, value),) = project["project"]["entry-points"][group].items()
    assert name == "lamella"
    made = EntryPoint(name, value, group).load()()
    assert Path(made["launcher_entry"]["icon_path"]).suffix == ".svg"
    assert Path(made["launcher_entry"]["icon_path"]).is_file()
    other = notebook.jupyter_server_proxy()
    assert other["request_headers_override"] != made["request_headers_override"]


def test_the_folder_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMELLA_DATA", "/data/scans")
    assert notebook.jupyter_server_proxy()["command"][-1] == "--"
