"""Viewers and their connections."""

from __future__ import annotations

import dataclasses
import http.client
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from dashboard.addressing.outcomes import Outcome, Provenance
from dashboard.benchmarking import client as client_module
from dashboard.benchmarking import player
from dashboard.benchmarking.client import Client, SliceResponse, outcome_of, total_ms_of
from dashboard.benchmarking.player import CONNECTIONS, TraceTarget, play
from dashboard.benchmarking.processes import private_bytes, process_tree, wait_until_idle
from dashboard.benchmarking.traces import Step, Trace, Viewer
from dashboard.web.cache_status import cache_status
from tests.waits import WITHIN_S
from tests.web import POLL_S

ADDRESS = TraceTarget(("a", "b"), "/v", lambda axis, index: f"{axis}:{index}")


@dataclass
class Fake:
    """Answers at once and remembers what it was asked; a barrier holds requests back until all are there."""

    asked: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)
    barrier: threading.Barrier | None = None
    open: int = 0
    opened: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self) -> Fake:
        with self.lock:
            self.open += 1
            self.opened += 1
        return self

    def slice(self, file: str, dataset: str, selection: str, **more: str) -> SliceResponse:
        with self.lock:
            self.asked.append((file, dataset, selection, more))
        if self.barrier is not None:
            self.barrier.wait(WITHIN_S)
        if selection == "0:13":
            raise http.client.RemoteDisconnected
        return SliceResponse(200, "miss", False, 1.5, 0.0, 1e9, b"")

    def close(self) -> None:
        with self.lock:
            self.open -= 1


def steps(*indices: int) -> tuple[Step, ...]:
    return tuple(Step(0.0, 0, index) for index in indices)


def test_every_viewer_asks_for_every_slice() -> None:
    fake = Fake()
    trace = Trace("t", "", (Viewer(0, steps(1, 2, 13)), Viewer(1, steps(4))))
    seen = play(trace, ADDRESS, fake.connect)
    assert [(one.viewer, one.number, one.step.index) for one in seen] == [
        (0, 0, 1),
        (0, 1, 2),
        (0, 2, 13),
        (1, 0, 4),
    ]
    assert [one.status for one in seen] == [200, 200, 0, 200]
    assert seen[0].outcome == "miss"
    assert seen[0].total_ms == 1.5
    assert ("b", "/v", "0:4", {"viewer": "bench-1", "format": "u8"}) in fake.asked
    assert fake.open == 0


def test_a_busy_server_is_asked_again_as_by_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "BUSY_WAIT_S", 0.0)

    class Busy(Fake):
        def slice(self, *address: str, **more: str) -> SliceResponse:
            answer = super().slice(*address, **more)
            times = sum(asked[2] == address[2] for asked in self.asked)
            busy = times < 2 if address[2] == "0:1" else True
            return dataclasses.replace(answer, status=503, body=b"busy") if busy else answer

    seen = play(Trace("t", "", (Viewer(0, steps(1, 2)),)), ADDRESS, Busy().connect)
    assert [(one.status, one.tries, one.error) for one in seen] == [(200, 2, ""), (503, 3, "busy")]


def test_what_is_due_at_once_is_asked_for_at_once() -> None:
    fake = Fake(barrier=threading.Barrier(CONNECTIONS))
    seen = play(Trace("t", "", (Viewer(0, steps(*range(CONNECTIONS))),)), ADDRESS, fake.connect)
    assert len(seen) == CONNECTIONS


def test_paced_slices_come_one_by_one() -> None:
    fake = Fake()
    trace = Trace("t", "", (Viewer(0, steps(1, 2, 3)),), paced=True)
    seen = play(trace, ADDRESS, fake.connect)
    assert fake.opened == 1
    assert [asked[2] for asked in fake.asked] == ["0:1", "0:2", "0:3"]
    assert all(one.late_ms is not None for one in seen)


def test_what_is_due_long_ago_is_not_asked_for() -> None:
    fake = Fake()
    seen = play(Trace("t", "", (Viewer(0, steps(1)),)), ADDRESS, fake.connect, grace_s=-1.0)
    assert not fake.asked
    assert seen[0].late_ms is None


def test_a_failure_ends_the_trace() -> None:
    class Broken(Fake):
        def slice(self, *_: object, **__: object) -> SliceResponse:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        play(Trace("t", "", (Viewer(0, (Step(0.0, 0, 1), Step(3600.0, 0, 2))),)), ADDRESS, Broken)


@pytest.mark.parametrize(
    ("outcome", "from_frames"),
    [(outcome, False) for outcome in ("hit", "prefetched", "coalesced", "miss")]
    + [("hit", True), ("prefetched", True)],
)
def test_the_outcome_is_read_as_the_server_writes_it(outcome: str, from_frames: bool) -> None:
    assert outcome_of(cache_status(Provenance(Outcome(outcome)), from_frames)) == outcome


def test_the_total_is_read() -> None:
    assert total_ms_of("cache;dur=1.000, total;dur=12.345") == 12.345
    assert total_ms_of("") != total_ms_of("")


class Handler(http.server.BaseHTTPRequestHandler):
    """Closes the connection after each answer, without a word about it."""

    protocol_version = "HTTP/1.1"
    targets: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.targets.append(self.path)
        body = b'{"a": 1}'
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Status", "frames; hit")
        self.send_header("Server-Timing", "total;dur=2.5")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Handler.targets.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_the_client(port: int) -> None:
    with Client(port) as client:
        got = client.slice("f", "/v", "1,:,:", format="u8")
        assert (got.status, got.outcome, got.frame_cache_hit, got.total_ms) == (
            200,
            "hit",
            True,
            2.5,
        )
        assert got.body == b'{"a": 1}'
        assert got.ended >= got.began
        # The server has hung up meanwhile: asked again over a new connection.
        assert client.json("/stats", window="all") == {"a": 1}
        assert client.status("/missing") == 404
    assert Handler.targets == [
        "/api/v1/slice?file=f&dataset=%2Fv&selection=1%2C%3A%2C%3A&format=u8",
        "/stats?window=all",
        "/missing",
    ]


def test_a_server_that_is_gone_is_an_error() -> None:
    with (
        Client(1, timeout_s=client_module.TIMEOUT_S) as client,
        pytest.raises(ConnectionRefusedError),
    ):
        client.status("/")


class TestProcesses:
    """What /proc tells."""

    def test_the_family_and_its_memory(self) -> None:
        import os
        import subprocess
        import sys

        script = "import sys; held = bytes(64 * 2**20); print(flush=True); sys.stdin.read()"
        alone = private_bytes(os.getpid())
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            process.stdout.readline()
            assert process.pid in process_tree(os.getpid())
            assert private_bytes(process.pid) < 2**30
            assert private_bytes(os.getpid()) > alone
            process.stdin.close()
        assert process_tree(process.pid) == []
        assert private_bytes(process.pid) == 0

    def test_settling(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = iter(range(1000))
        for busy, calm in (([0, 1, 2, 2, 2], True), (range(1000), False)):
            figures = iter(busy)
            monkeypatch.setattr(
                "dashboard.benchmarking.processes.busy_s", lambda _, of=figures: float(next(of))
            )
            state = wait_until_idle(
                1, within_s=20, clock=lambda: float(next(clock)), sleep=lambda _: None
            )
            assert state is calm
