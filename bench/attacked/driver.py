"""Sends hostile requests to a server on this machine at a bounded rate, in a separate process.

    python -m bench.attacked.driver PORT SERVER_PID FOLDER SECONDS [RATE [TOKEN]]

Prints as JSON the number of requests by kind and response. It connects to 127.0.0.1 only, and stops only
descendants of SERVER_PID, each for a few seconds.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bench.attacked import hostile_files as files
from dashboard.benchmarking import processes

REQUESTS_A_SECOND: Final = 50
# Some responses take the whole time limit of an HDF5 worker; others are sent meanwhile.
SENDERS = 24
TIMEOUT_S = 12.0
# Maximum number of open connections with an incomplete request.
MAX_UNFINISHED = 60
REPLACE_EVERY_S = 0.7
STOP_EVERY_S, STOPPED_S = 12.0, 4.0
CHILD_MODULE = "dashboard.hdf5.worker"

Action = Callable[[], str]


class Driver:
    """The hostile client; `run` sends for some seconds and returns the responses, counted."""

    def __init__(
        self,
        port: int,
        pid: int,
        folder: Path,
        rate: float = REQUESTS_A_SECOND,
        token: str = "",
        seed: int = 1,
    ) -> None:
        self._port = port
        self._pid = pid
        self._folder = folder
        self._rate = rate
        # What each head begins with after its first line.
        self._head = "Host: 127.0.0.1\r\n"
        if token:
            self._head += f"Authorization: Bearer {token}\r\n"
        self._pick = random.Random(seed)
        self._numbers = itertools.count()
        self._unfinished: deque[socket.socket] = deque()
        self._stopped: dict[int, float] = {}
        self.answers: Counter[str] = Counter()

    def run(self, seconds: float) -> dict[str, int]:
        """Send until the time is over; afterwards no process is stopped and no connection open."""
        begin = time.monotonic()
        replace_at = stop_at = begin
        try:
            with ThreadPoolExecutor(SENDERS) as pool:
                busy: deque[object] = deque()
                for number, (name, action) in enumerate(itertools.cycle(self._actions())):
                    due = begin + number / self._rate
                    if due > begin + seconds:
                        break
                    time.sleep(max(0.0, due - time.monotonic()))
                    now = time.monotonic()
                    if now >= replace_at:
                        replace_at = now + REPLACE_EVERY_S
                        files.replace(self._folder, next(self._numbers))
                    if now >= stop_at:
                        stop_at = now + STOP_EVERY_S
                        self._stop_a_child(now)
                    self._continue(now)
                    if pool._work_queue.qsize() < SENDERS:  # noqa: SLF001  # there is no other name
                        busy.append(pool.submit(self._count, name, action))
                    else:
                        self.answers["not sent: all senders wait"] += 1
        finally:
            self._continue(float("inf"))
            for half in self._unfinished:
                half.close()
        return dict(sorted(self.answers.items()))

    def _actions(self) -> list[tuple[str, Action]]:
        return [
            ("slice with a shuffle width of 2^32 - 1", lambda: self._slice(files.WIDTH)),
            ("slice with wild szip options", lambda: self._slice(files.SZIP)),
            ("report of 1,000 names of a busy dataset", self._report_of_busy_names),
            ("report that lies", self._report_of_lies),
            ("half a head", lambda: self._half(b"GET /api/v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A")),
            ("half a body", self._half_a_body),
            ("connection that sends nothing", lambda: self._half(b"")),
            ("slice of a file that is replaced all the time", self._slice_of_victim),
            ("plan for a file that is replaced all the time", self._slice_of_victim),
            ("slice of a busy dataset", self._slice_of_busy),
            ("listing of a busy file", lambda: self._get(f"/api/v1/datasets?file={_served(files.BUSY)}")),
            ("nested JSON", self._nested),
            ("malformed chunked body", self._malformed_chunks),
            ("script that does not exist", lambda: self._get("/_dash-component-suites/x/y")),
            ("selection of nonsense", lambda: self._slice(files.VICTIM, "9" * 300)),
        ]  # fmt: skip

    def _count(self, name: str, action: Action) -> None:
        try:
            answer = action()
        except OSError as error:
            answer = type(error).__name__
        self.answers[f"{name}: {answer}"] += 1

    def _slice(self, file: str, selection: str = "1,:,:", dataset: str = files.DATASET) -> str:
        viewer = f"hostile-{self._pick.randrange(30)}"
        return self._get(
            f"/api/v1/slice?file={_served(file)}&dataset={quote(dataset)}&selection={quote(selection)}"
            f"&format=u8&viewer={viewer}"
        )

    def _slice_of_victim(self) -> str:
        shape = self._pick.choice(files.SHAPES)
        fixed = [str(self._pick.randrange(n)) for n in shape[:-2]]
        return self._slice(files.VICTIM, ",".join([*fixed, ":", ":"]))

    def _slice_of_busy(self) -> str:
        return self._slice(files.BUSY, ":,:", self._busy_name())

    def _busy_name(self) -> str:
        return "/c" * self._pick.randrange(200) + "/v"

    def _report_of_busy_names(self) -> str:
        names = ["/c" * n + "/v" for n in range(100)] * 10
        return self._report(
            [
                {"file": _served(files.BUSY), "dataset": n, "selection": ":,:", "source": "ring"}
                for n in names
            ]
        )

    def _report_of_lies(self) -> str:
        lie = {
            "file": f"{files.ROOT}/0.h5",
            "dataset": "/volume",
            "source": "ring",
            "draw_ms": 59_000,
        }
        return self._report(
            [{**lie, "selection": f"{n % 300},:,:", "index": 3} for n in range(1000)]
        )

    def _report(self, slices: list[dict[str, object]]) -> str:
        body = json.dumps({"viewer": f"hostile-{next(self._numbers)}", "slices": slices})
        return self._post("/api/v1/telemetry", body.encode())

    def _nested(self) -> str:
        return self._post("/_dash-update-component", b"[" * 50_000 + b"]" * 50_000)

    def _malformed_chunks(self) -> str:
        head = f"POST /_dash-update-component HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
        chunks = self._pick.choice(
            ["zz\r\nabc\r\n", "-5\r\n{}\r\n0\r\n\r\n", "5\r\nabc\r\n0\r\n\r\n"]
        )
        return self._send(f"{head}Transfer-Encoding: chunked\r\n\r\n{chunks}".encode())

    def _half_a_body(self) -> str:
        head = f"POST /api/v1/telemetry HTTP/1.1\r\n{self._head}Content-Length: 100000\r\n\r\n{{"
        return self._half(head.encode())

    def _half(self, beginning: bytes) -> str:
        """Send the beginning of a request and keep the connection; the oldest such connection is closed."""
        connection = self._connect()
        connection.sendall(beginning)
        self._unfinished.append(connection)
        if len(self._unfinished) > MAX_UNFINISHED:
            self._unfinished.popleft().close()
        return "begun"

    def _get(self, target: str) -> str:
        return self._send(
            f"GET {target} HTTP/1.1\r\n{self._head}Connection: close\r\n\r\n".encode()
        )

    def _post(self, target: str, body: bytes) -> str:
        head = f"POST {target} HTTP/1.1\r\n{self._head}Connection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return self._send(head.encode() + body)

    def _send(self, request: bytes) -> str:
        """The status of the response; the rest of it is read and discarded."""
        with self._connect() as connection:
            connection.sendall(request)
            first = connection.recv(65536)
            status = first.split(b" ", 2)[1].decode() if first.count(b" ") > 1 else "no answer"
            with suppress(TimeoutError):
                while b"onnection: close" in first and connection.recv(65536):
                    pass
            return status

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), TIMEOUT_S)

    def _stop_a_child(self, now: float) -> None:
        children = list(self._children())
        if children:
            pid = self._pick.choice(children)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._stopped[pid] = now + STOPPED_S
                self.answers["children stopped"] += 1

    def _continue(self, now: float) -> None:
        for pid in [pid for pid, until in self._stopped.items() if until <= now]:
            del self._stopped[pid]
            # The id may have been reused; SIGCONT has no effect on a running process.
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGCONT)

    def _children(self) -> Iterator[int]:
        """The HDF5 workers of the server."""
        for pid in processes.process_tree(self._pid):
            with suppress(OSError):
                if CHILD_MODULE.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    yield pid


def _served(file: str) -> str:
    return quote(f"{files.ROOT}/{file}")


def main(arguments: list[str]) -> None:
    """Send to the server given on the command line."""
    port, pid, folder, seconds, *more = arguments
    rate, token = float(more[0]) if more else REQUESTS_A_SECOND, "".join(more[1:])
    # SIGTERM ends it through `finally`, so that no process stays stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    hostile = Driver(int(port), int(pid), Path(folder), rate, token)
    print(json.dumps(hostile.run(float(seconds))))


if __name__ == "__main__":
    main(sys.argv[1:])
