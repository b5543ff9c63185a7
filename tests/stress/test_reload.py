"""SIGHUP: configuration, certificate and program are read again without a failed request."""

from __future__ import annotations

import http.client
import json
import os
import pty
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from dashboard.http.worker import CLOSE_WITHIN_S
from tests import certificates
from tests.conftest import Server, unused_port
from tests.nightly import mostly
from tests.stress.test_serve import WITHIN_S, descendants, one

pytestmark = pytest.mark.stress

# A server may close a connection that is idle, and any client repeats a request that comes too late for it. Here
# that takes a thread that was not scheduled for some time.
IDLE_S = CLOSE_WITHIN_S / 2

SLICE = "/api/v1/slice?file=v.h5&dataset=/scan&selection={},:,:"


class Reader(threading.Thread):
    """Requests slices over one connection for as long as it is kept, with a pause now and then."""

    def __init__(self, connect: Callable[[], http.client.HTTPConnection], pause_s: float) -> None:
        super().__init__()
        self.stopped = threading.Event()
        self.failures: list[str] = []
        self.answered = self.connections = 0
        self._connect = connect
        self._pause_s = pause_s

    def run(self) -> None:
        connection = None
        received = 0.0
        while not self.stopped.wait(self._pause_s):
            reused = connection is not None
            if connection is None:
                connection = self._connect()
                self.connections += 1
            try:
                try:
                    connection.request("GET", SLICE.format(self.answered % 40))
                finally:
                    sent = time.monotonic()
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or len(body) != 60 * 50 * 2:
                    self.failures.append(f"{response.status}: {body[:200]!r}")
                received = time.monotonic()
                if response.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                connection = None
                if reused and sent - received > IDLE_S:
                    continue
                self.failures.append(repr(error))
            self.answered += 1
        if connection is not None:
            connection.close()


def web(server: Server) -> int:
    return one(server.process.pid, "web")


def reload(server: Server) -> int:
    """Send SIGHUP, and wait until another web process answers alone; returns its id."""
    before = web(server)
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 2 * WITHIN_S
    while time.monotonic() < end:
        lines = descendants(server.process.pid)
        pids = {pid for pid, line in lines.items() if " dashboard web " in line}
        if before not in pids and pids:
            return web(server)
        time.sleep(0.05)
    pytest.fail("The web process was not replaced.")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", mostly(["http", "https", "unix"], ["https", "unix"]))
def test_no_request_fails(
    serve: Callable[..., Server], volume: Path, tmp_path: Path, how: str
) -> None:
    certificate = certificates.make(tmp_path)
    context = certificate.client_context()
    path = tmp_path / "lamella.sock"
    arguments = {
        "http": (),
        "https": ("--certfile", certificate.certfile, "--keyfile", certificate.keyfile),
        "unix": ("--bind", f"unix:{path}"),
    }[how]
    server = serve(*map(str, arguments), str(volume), LAMELLA_WEB_PROCESSES="2")
    port = int(server.url.rpartition(":")[2])

    def connect() -> http.client.HTTPConnection:
        if how == "https":
            return http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=2 * WITHIN_S, context=context
            )
        if how == "http":
            return http.client.HTTPConnection("127.0.0.1", port, timeout=2 * WITHIN_S)
        return UnixConnection(path)

    readers = [Reader(connect, pause) for pause in (0.0, 0.0, 0.01, 0.2)]
    for reader in readers:
        reader.start()
    try:
        webs = {web(server), *(reload(server) for _ in range(3))}
        settled = [reader.answered for reader in readers]
        end = time.monotonic() + WITHIN_S
        while any(
            reader.answered < before + 3 for reader, before in zip(readers, settled, strict=True)
        ):
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        for reader in readers:
            reader.stopped.set()
        for reader in readers:
            reader.join()
    assert [reader.failures for reader in readers] == [[]] * len(readers)
    assert len(webs) == 4
    # Connections are kept: a reader has a new one for each process that has gone, and a few more at most.
    assert all(reader.connections <= 10 for reader in readers)
    assert server.stop() == 0
    assert not path.exists()


class UnixConnection(http.client.HTTPConnection):
    """A connection to a socket file."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=2 * WITHIN_S)
        self._path = path

    def connect(self) -> None:
        import socket

        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(
    serve: Callable[..., Server], volume: Path, tmp_path: Path
) -> None:
    used = certificates.make(tmp_path, "used")
    arguments = ("--certfile", str(used.certfile), "--keyfile", str(used.keyfile))
    server = serve(*arguments, str(volume))
    port = int(server.url.rpartition(":")[2])

    def presented() -> str:
        return ssl.get_server_certificate(("127.0.0.1", port), timeout=WITHIN_S)

    first = presented()
    assert first == used.certfile.read_text()
    assert server.line.split(" at ")[1].startswith("https://127.0.0.1:")
    renewed = certificates.make(tmp_path, "renewed")
    renewed.keyfile.replace(used.keyfile)
    # The key of one and the certificate of the other: nothing is changed, and nothing ends.
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + WITHIN_S
    while "everything stays as it was" not in server.log.read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert "key values mismatch" in server.log.read_text()
    assert presented() == first
    renewed.certfile.replace(used.certfile)
    reload(server)
    assert presented() == used.certfile.read_text() != first
    assert server.stop() == 0


def test_changed_roots_are_shown_and_a_broken_configuration_is_not_used(
    serve: Callable[..., Server], volume: Path, tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    shutil.copy(volume, tmp_path / "more" / "w.h5")
    config = tmp_path / "lamella.toml"
    one, two = (f'[roots.{name}]\npath = "{tmp_path / name}"\n' for name in ("v.h5", "more"))
    one = one.replace("roots.v.h5", "roots.one")
    config.write_text(one)
    config.chmod(0o600)
    server = serve("--config", str(config))

    def shown() -> int:
        with urllib.request.urlopen(f"{server.url}/api/v1/files", timeout=WITHIN_S) as response:
            return len(json.loads(response.read())["files"])

    assert shown() == 1
    config.write_text(f"{one}{two}unknown = 1\n")
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + WITHIN_S
    while "everything stays as it was" not in server.log.read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    (line,) = (one for one in server.log.read_text().splitlines() if "everything stays" in one)
    assert "the key roots.more.unknown is unknown" in line
    assert shown() == 1
    config.write_text(one + two)
    reload(server)
    assert shown() == 2
    assert server.stop() == 0


def logged(server: Server, text: str, times: int = 1) -> None:
    """Wait until the log has a text so many times."""
    end = time.monotonic() + WITHIN_S
    while server.log.read_text().count(text) < times:
        assert time.monotonic() < end, text
        time.sleep(0.05)


def restarted(server: Server, role: str) -> None:
    """Kill a child, and wait until another one has taken its place."""
    times = server.log.read_text().count("is started again")
    before = one(server.process.pid, role)
    os.kill(before, signal.SIGKILL)
    logged(server, "is started again", times + 1)
    end = time.monotonic() + WITHIN_S
    while not any(
        f" dashboard {role} " in line and pid != before
        for pid, line in descendants(server.process.pid).items()
    ):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "wrong", mostly(["valid", "no TOML", "open to all"], ["no TOML", "open to all"])
)
def test_what_is_started_again_has_the_last_configuration_that_worked(
    serve: Callable[..., Server], volume: Path, tmp_path: Path, wrong: str
) -> None:
    config = tmp_path / "lamella.toml"
    good, other = (f'[roots.{name}]\npath = "{volume}"\n' for name in ("good", "other"))
    config.write_text(good)
    config.chmod(0o600)
    server = serve("--config", str(config))

    def shown() -> list[str]:
        end = time.monotonic() + WITHIN_S
        while True:
            try:
                with urllib.request.urlopen(
                    f"{server.url}/api/v1/files", timeout=WITHIN_S
                ) as response:
                    return [file["file"] for file in json.loads(response.read())["files"]]
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)

    def answers_ready() -> bool:
        try:
            with urllib.request.urlopen(f"{server.url}/readyz", timeout=WITHIN_S) as response:
                return bool(json.loads(response.read())["ready"])
        except OSError:
            return False

    def settled() -> None:
        end = time.monotonic() + WITHIN_S
        while not answers_ready():
            assert time.monotonic() < end
            time.sleep(0.05)

    changes = {"no TOML": ("bogus = [", 0o600), "open to all": (good, 0o666)}
    text, mode = changes.get(wrong, (other, 0o600))
    config.write_text(text)
    config.chmod(mode)
    for role in ("worker", "web"):
        restarted(server, role)
    assert shown() == ["good"]
    settled()
    config.write_text(other)
    config.chmod(0o600)
    # What has been taken up is used from then on, also while further reloads fail.
    reload(server)
    config.chmod(0o666)
    for times in (1, 2):
        server.process.send_signal(signal.SIGHUP)
        logged(server, "everything stays as it was", times)
    for role in ("worker", "web"):
        restarted(server, role)
    assert shown() == ["other"]
    settled()
    # Nothing has died by itself.
    assert server.log.read_text().count("is started again") == 4
    assert server.stop() == 0


def test_a_terminal_that_is_closed_ends_the_server(volume: Path, tmp_path: Path) -> None:
    port = unused_port()
    pid, terminal = pty.fork()
    if pid == 0:
        arguments = ["--port", str(port), "--cache-dir", str(tmp_path / "cache"), str(volume)]
        os.execv(sys.executable, [sys.executable, "-m", "dashboard", "serve", *arguments])
    said = b""
    while b"ready at" not in said:
        assert wait([terminal], WITHIN_S)
        said += os.read(terminal, 4096)
    descriptor = os.pidfd_open(pid)
    # From the shell's point of view: a reload as long as the terminal is there.
    os.kill(pid, signal.SIGHUP)
    while b"web processes answer now" not in said:
        assert wait([terminal], 2 * WITHIN_S)
        said += os.read(terminal, 4096)
    os.close(terminal)
    assert wait([descriptor], WITHIN_S), "the server goes on"
    os.close(descriptor)
    os.waitpid(pid, 0)


def test_the_supervisor_notifies_systemd_once(
    serve: Callable[..., Server], volume: Path, tmp_path: Path
) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(WITHIN_S)
        server = serve(str(volume), NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert notified.recv(100) == b"READY=1"
        reload(server)
        assert server.stop() == 0
        notified.setblocking(False)
        with pytest.raises(BlockingIOError):
            notified.recv(100)


def test_the_log_is_json_to_the_last_line(serve: Callable[..., Server], volume: Path) -> None:
    server = serve("--log-format", "json", "--proxy-peer", "127.0.0.1", str(volume))
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=WITHIN_S)
    connection.request("GET", "/healthz", headers={"X-Request-ID": "given-by-a-proxy"})
    response = connection.getresponse()
    assert response.headers["X-Request-ID"] == "given-by-a-proxy"
    response.read()
    connection.close()
    reload(server)
    # gunicorn's own lines have the same form.
    os.kill(next(iter(descendants(web(server)))), signal.SIGKILL)
    end = time.monotonic() + WITHIN_S
    while "was sent SIGKILL" not in server.log.read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(web(server), signal.SIGKILL)
    while "is started again" not in server.log.read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert server.stop() == 0
    lines: list[dict[str, Any]] = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {"time", "level", "logger", "process", "message"} <= set(lines[0])
    assert any("is started again" in line["message"] for line in lines)


def test_lamella_web_alone_removes_its_socket_file(volume: Path, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dashboard", "web", "--bind", f"unix:{path}"),
            *("--cache-dir", str(tmp_path / "cache"), str(volume)),
        ]
    )
    try:
        end = time.monotonic() + WITHIN_S
        while not path.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        connection = UnixConnection(path)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        process.terminate()
        assert process.wait(WITHIN_S) == 0
    assert not path.exists()
