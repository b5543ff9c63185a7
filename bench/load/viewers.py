"""Many viewers in one process of their own, which cost the machine little: bodies are counted, and not kept.

    python -m bench.load.viewers < PLAN > SEEN

An open loop: each viewer asks for each of its slices when it is due, over one of its connections, and waits for
nothing else. A slice that is due while all connections are busy is asked for when one is free; its lateness counts
from when it was due. A refusal (503) is repeated as the page does, as often as the plan says.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Final

from dashboard.addressing.outcomes import Outcome
from dashboard.benchmarking.client import outcome_of

BUFFER_BYTES: Final = 2**18
# As browsers open for one host.
CONNECTIONS: Final = 6
LAST_WITHIN_S: Final = 5.0
# As the page waits after a refusal.
AGAIN_AFTER_S: Final = 1.0

# A stage in `Server-Timing`.
STAGE: Final = re.compile(r"(\w+);dur=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Plan:
    """Viewers of a server on this machine: each one's targets, and how often (1/s) for how long (s).

    With `burst`, all of them connect at the same moment and ask for their first slice alone. `token` signs in.
    `begin_s` has when each of them begins (s), where that is not within one period. A slice that is refused is
    asked for up to `tries` times.
    """

    port: int
    targets: list[list[str]]
    rate: float
    seconds: float
    token: str = ""
    burst: bool = False
    begin_s: list[float] = field(default_factory=list)
    tries: int = 1


@dataclass(slots=True)
class Seen:
    """What the viewers got: lateness (ms) of slices, by viewer; refusals by viewer; failures.

    `given_up_ms` are the slices without an answer, and how late they were at their last refusal or at the end;
    `served` and `outcomes` count answers by the machine and by the outcome. `missed` has the slices whose brick
    was not there: how late they were, and the stages of the server (ms).
    """

    late_ms: list[list[float]]
    refused: list[int]
    without_retry_after: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0
    given_up_ms: list[float] = field(default_factory=list)
    served: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    missed: list[dict[str, float]] = field(default_factory=list)

    def fail(self, what: str) -> None:
        """Count a failure."""
        self.failed[what] = self.failed.get(what, 0) + 1


class Connection(asyncio.BufferedProtocol):
    """One keep-alive connection; `done(self, status, retry_after, body_bytes)` is called after a response."""

    def __init__(
        self, done: Callable[[Connection, int, bool, int], None], lost: Callable[[Connection], None]
    ) -> None:
        self._done = done
        self._lost = lost
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._head = bytearray()
        self._left = -1
        self._length = 0
        self._status = 0
        self._retry = False
        self.fields: dict[bytes, bytes] = {}
        self.request = b""
        self.tries = 0
        self.transport: asyncio.Transport | None = None
        self.due = 0.0
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes, due: float, tries: int) -> None:
        """Send a request, which may be sent `tries` times; the connection is busy until its response is here."""
        assert self.transport is not None
        self.busy, self.due, self._left = True, due, -1
        self.request, self.tries = request, tries
        self.transport.write(request)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._left < 0:
            self._head += self._buffer[:nbytes]
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            self._read_head(bytes(self._head[:end]))
            self._left -= len(self._head) - end - 4
            self._head.clear()
        else:
            self._left -= nbytes
        if self._left <= 0:
            self._left, self.busy = -1, False
            self._done(self, self._status, self._retry, self._length)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)

    def _read_head(self, head: bytes) -> None:
        lines = head.lower().split(b"\r\n")
        self._status = int(lines[0].split()[1])
        self.fields = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
        self._retry = b"retry-after" in self.fields
        self._left = self._length = int(self.fields.get(b"content-length", b"0"))


class Viewer:
    """One viewer: its connections, what is due and not asked for yet."""

    def __init__(self, number: int, plan: Plan, seen: Seen, offset_s: float) -> None:
        self._number = number
        self._plan = plan
        self._seen = seen
        self._offset_s = offset_s
        self._due: deque[tuple[bytes, float, int]] = deque()
        # When what is not answered was due.
        self._waiting: list[float] = []
        self._free: list[Connection] = []
        self.open = 0
        extra = f"Authorization: Bearer {plan.token}\r\n" if plan.token else ""
        self._requests = [
            f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{extra}\r\n".encode()
            for target in plan.targets[number]
        ]
        self.pending = 0
        self._ended = False
        self._idle = asyncio.Event()

    async def connect(self, count: int) -> None:
        """Open `count` connections."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, connection = await loop.create_connection(
                lambda: Connection(self._answered, self._closed), "127.0.0.1", self._plan.port
            )
            self._free.append(connection)

    async def once(self, due: float) -> None:
        """Connect and ask for the first slice."""
        await self.connect(1)
        self._ask(self._requests[0], due, 1)
        await self._idle.wait()

    async def run(self, begin: float) -> None:
        """Ask for the slices as they become due, and wait for those in progress."""
        steps = int(self._plan.rate * self._plan.seconds)
        for step in range(steps):
            due = begin + self._offset_s + step / self._plan.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._ask(self._requests[step % len(self._requests)], due, self._plan.tries)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), LAST_WITHIN_S)
        for due in self._waiting:
            self._give_up(due, "no answer")
        # What comes now is too late.
        self._ended = True

    def _give_up(self, due: float, what: str) -> None:
        self._seen.given_up_ms.append((time.monotonic() - due) * 1e3)
        if what:
            self._seen.fail(what)

    def _ask(self, request: bytes, due: float, tries: int) -> None:
        self.pending += 1
        self._waiting.append(due)
        self._idle.clear()
        self._send(request, due, tries)

    def _send(self, request: bytes, due: float, tries: int) -> None:
        if self._free:
            self._free.pop().ask(request, due, tries)
        else:
            self._due.append((request, due, tries))

    def _answered(self, connection: Connection, status: int, retry: bool, nbytes: int) -> None:
        if status == 503 and connection.tries > 1:
            again = connection.request, connection.due, connection.tries - 1
            asyncio.get_running_loop().call_later(AGAIN_AFTER_S, self._send, *again)
        else:
            self._settled(connection.due)
            self._count(connection, status, retry, nbytes)
        if self._due:
            connection.ask(*self._due.popleft())
        else:
            self._free.append(connection)

    def _count(self, connection: Connection, status: int, retry: bool, nbytes: int) -> None:
        seen = self._seen
        if self._ended:
            return
        if status == 200:
            late_ms = (time.monotonic() - connection.due) * 1e3
            seen.late_ms[self._number].append(late_ms)
            seen.bytes += nbytes
            machine = connection.fields.get(b"x-served-by", b"").decode()
            outcome = outcome_of(connection.fields.get(b"cache-status", b"").decode())
            seen.served[machine] = seen.served.get(machine, 0) + 1
            seen.outcomes[outcome] = seen.outcomes.get(outcome, 0) + 1
            if outcome is Outcome.MISS:
                timing = connection.fields.get(b"server-timing", b"").decode()
                stages = {name: float(ms) for name, ms in STAGE.findall(timing)}
                seen.missed.append({"late": late_ms, **stages})
        elif status == 503:
            seen.refused[self._number] += 1
            seen.without_retry_after += not retry
            self._give_up(connection.due, "")
        else:
            self._give_up(connection.due, str(status))

    def _settled(self, due: float) -> None:
        self.pending -= 1
        self._waiting.remove(due)
        if not self.pending:
            self._idle.set()

    def _closed(self, connection: Connection) -> None:
        if connection.busy:
            self._settled(connection.due)
            self._give_up(connection.due, "connection lost")
        if connection in self._free:
            self._free.remove(connection)


async def play(plan: Plan) -> Seen:
    """Play the plan."""
    count = len(plan.targets)
    seen = Seen([[] for _ in range(count)], [0] * count)
    # Evenly over a period, as people who have nothing to do with each other.
    begin_s = plan.begin_s or [n / count / plan.rate for n in range(count)]
    viewers = [Viewer(n, plan, seen, begin_s[n]) for n in range(count)]
    if plan.burst:
        due = time.monotonic()
        await asyncio.gather(*(viewer.once(due) for viewer in viewers))
        seen.seconds = time.monotonic() - due
        return seen
    for viewer in viewers:
        await viewer.connect(CONNECTIONS if count <= 50 else 3)
    begin = time.monotonic() + 0.5
    await asyncio.gather(*(viewer.run(begin) for viewer in viewers))
    seen.seconds = plan.seconds
    return seen


def main() -> None:
    """Read a plan, play it, write what was seen."""
    print(json.dumps(asdict(asyncio.run(play(Plan(**json.load(sys.stdin)))))))


if __name__ == "__main__":
    main()
