"""The real `lamella serve`: killed at any moment, shut down gracefully, and nothing left behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from tests.nightly import mostly
from tests.waits import WITHIN_S

pytestmark = pytest.mark.stress


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=WITHIN_S) as answer:
        body: bytes = answer.read()
        return body


def descendants(pid: int) -> dict[int, str]:
    """All processes below `pid`: id → command line."""
    parents: dict[int, list[int]] = {}
    lines: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            lines[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: dict[int, str] = {}
    ahead = [pid]
    while ahead:
        for child in parents.get(ahead.pop(), []):
            found[child] = lines[child]
            ahead.append(child)
    return found


def one(pid: int, role: str) -> int:
    """The child of the supervisor `pid` that has the role."""
    with open(f"/proc/{pid}/task/{pid}/children") as stream:
        children = [int(number) for number in stream.read().split()]
    lines = descendants(pid)
    return next(child for child in children if f" dashboard {role} " in lines.get(child, ""))


@contextmanager
def watched(pids: list[int]) -> Iterator[Callable[[], list[int]]]:
    """Afterwards, a call waits for the processes to end and returns those that did not."""
    descriptors = {pid: os.pidfd_open(pid) for pid in pids}

    def left() -> list[int]:
        return [pid for pid, descriptor in descriptors.items() if not wait([descriptor], WITHIN_S)]

    try:
        yield left
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


def slice_url(url: str, index: int = 3) -> str:
    return f"{url}/api/v1/slice?file=v.h5&dataset=/scan&selection={index},:,:"


@pytest.mark.parametrize("number", mostly([signal.SIGTERM, signal.SIGINT], [signal.SIGINT]))
def test_it_ends_in_good_order(
    serve: Callable[..., Any], volume: Path, number: signal.Signals
) -> None:
    server = serve(str(volume))
    assert len(get(slice_url(server.url))) == 60 * 50 * 2
    with watched(list(descendants(server.process.pid))) as left:
        assert server.stop(number) == 0
        assert not left()
    with pytest.raises(urllib.error.URLError):
        get(f"{server.url}/healthz")


def test_a_supervisor_that_is_killed_leaves_nothing_behind(
    serve: Callable[..., Any], volume: Path
) -> None:
    server = serve(str(volume))
    get(slice_url(server.url))
    below = list(descendants(server.process.pid))
    assert len(below) >= 4
    with watched(below) as left:
        server.process.kill()
        assert not left()


def heard_of(url: str, role: str) -> set[int]:
    """The ids of the processes of a role that the statistics have."""
    processes = json.loads(get(f"{url}/api/v1/stats"))["processes"]
    return {process["pid"] for process in processes if process["role"] == role}


@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_process_that_is_killed_comes_back(
    serve: Callable[..., Any], volume: Path, role: str
) -> None:
    server = serve(str(volume))
    expected = get(slice_url(server.url))
    before = one(server.process.pid, role)
    known = heard_of(server.url, role) | set(descendants(server.process.pid))
    # What it leaves behind ends by itself; a connection that it still takes ends with it.
    with watched([before, *descendants(before)]) as left:
        os.kill(before, signal.SIGKILL)
        assert not left()
    # The socket is the supervisor's: a request waits now, and is not refused.
    assert get(slice_url(server.url)) == expected
    assert json.loads(get(f"{server.url}/healthz"))
    # A supervisor that is to end before it has noticed starts nothing again.
    end = time.monotonic() + WITHIN_S
    while "is started again" not in server.log.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert "is started again" in server.log.read_text()
    while not (heard_of(server.url, role) - known) and time.monotonic() < end:
        time.sleep(0.2)
    assert heard_of(server.url, role) - known
    # The service was started once.
    assert len(json.loads(get(f"{server.url}/api/v1/stats/series"))["starts"]) == 1
    assert server.stop() == 0


def test_a_stopped_worker_is_reported_until_it_goes_on(
    serve: Callable[..., Any], volume: Path
) -> None:
    server = serve(str(volume))

    def worker(state: str) -> dict[str, Any]:
        """The worker as the statistics have it, once it is in that state."""
        end = time.monotonic() + WITHIN_S
        while True:
            found: dict[str, Any] = json.loads(get(f"{server.url}/api/v1/stats"))["worker"]
            if found["state"] == state or time.monotonic() > end:
                return found
            time.sleep(0.2)

    assert worker("up")["state"] == "up"
    pid = one(server.process.pid, "worker")
    os.kill(pid, signal.SIGSTOP)
    try:
        away = worker("away")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert away["state"] == "away"
    assert away["since_s"] >= 10.0
    assert worker("up")["state"] == "up"
    metrics = get(f"{server.url}/metrics").decode()
    assert "lamella_worker_up 1.0" in metrics
    assert 'lamella_process_rss_bytes{process="web-0",role="web"}' in metrics


def test_who_is_connected_is_answered_to_the_end(serve: Callable[..., Any], volume: Path) -> None:
    server = serve(str(volume))
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=WITHIN_S)
    path = slice_url("", 20)
    bodies = []
    for ask_to_end in (False, True):
        if ask_to_end:
            server.process.terminate()
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        bodies.append(answer.read())
    connection.close()
    assert bodies[0] == bodies[1]
    assert server.process.wait(WITHIN_S) == 0


def test_a_second_server_on_the_port_is_refused(
    serve: Callable[..., Any], volume: Path, tmp_path: Path
) -> None:
    server = serve(str(volume))
    port = server.url.rpartition(":")[2]
    refused = subprocess.run(
        [*server.process.args[:4], "--port", port, "--cache-dir", str(tmp_path / "c"), str(volume)],
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert f"Port {port}" in refused.stderr


def test_the_token_of_a_start_is_in_its_link_and_nowhere_else(
    serve: Callable[..., Any], volume: Path
) -> None:
    server = serve("--sign-in", str(volume))
    (link,) = (word for word in server.line.split() if "?token=" in word)
    token = link.partition("?token=")[2]
    assert len(token) >= 32
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{server.url}/api/v1/files")
    request = urllib.request.Request(f"{server.url}/api/v1/files")
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
        files = json.loads(answer.read())["files"]
    request.full_url = f"{server.url}/api/v1/datasets?file={files[0]['file']}"
    with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
        assert answer.status == 200
    form = urllib.parse.urlencode({"token": token}).encode()
    for scheme in ("http", "https"):
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": "192.0.2.1",
            "X-Forwarded-Proto": scheme,
        }
        connection.request("POST", "/sign-in", form, headers)
        answer = connection.getresponse()
        assert answer.status == 303
        assert ("; Secure" in answer.headers["Set-Cookie"]) == (scheme == "https")
        connection.close()
    below = descendants(server.process.pid)
    readers = [pid for pid, line in below.items() if "hdf5.worker" in line]
    assert readers
    assert not any(token in line for line in below.values())
    for pid in readers:
        with suppress(FileNotFoundError):
            assert token.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    assert token not in server.log.read_text()
