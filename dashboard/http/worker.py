"""A gunicorn worker whose threads never wait for a client.

An event loop reads whole requests and sends what slow clients have not read yet; a thread is occupied only while
the application runs. gunicorn's own threaded worker reads and writes in the thread: a few half-sent requests or
slow readers stop the service. Parser, environment and response are gunicorn's.
"""

from __future__ import annotations

import io
import logging
import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial as bind
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers.base import Worker

from dashboard.http.acceptor import Acceptor, Share
from dashboard.http.connection import SEND_PROGRESS_S, Connection, State
from dashboard.http.environment import GIVEN_UP, HAS_LEFT, PEER_ACCOUNT, READABLE_AT
from dashboard.http.refusal import Malformed, Refusal
from dashboard.http.request_threads import STANDSTILL_S, RequestThreads
from dashboard.http.shedding import CLOSED, KEPT, Shedding
from dashboard.http.tls import TlsStream, server_context
from dashboard.http.watcher import WRITE, Watcher
from dashboard.time_slice import respond_in_short_slices

log = logging.getLogger(__name__)

HANDSHAKE_WITHIN_S = 10.0
RECEIVE_WITHIN_S = 20.0
CLOSE_WITHIN_S = 2.0
SWEEP_EVERY_S = 0.5

# Limit of unsent responses in memory, per process; beyond it the connections of the oldest are closed.
UNSENT_TOTAL_LIMIT = 256 * 2**20

# Clients of a socket file count as processes of this machine, such as a proxy that names its own clients.
SOCKET_FILE_PEER = ("127.0.0.1", 0)


class EventWorker(Worker):  # type: ignore[misc]  # gunicorn ships no types
    """Event loop for clients, threads for the application; `clock` gives seconds.

    `connections`, `acceptor` and `unsent_bytes` (of all connections) belong to the event loop. What is refused
    while a queue stands is said by the attribute `shedding` of the gunicorn application. `share` is what this
    process takes of the connections, where there are several.
    """

    clock: Callable[[], float] = staticmethod(time.monotonic)
    share: Share | None = None

    def init_process(self) -> None:
        self._watcher = Watcher()
        self.requests = RequestThreads(self.cfg.threads, self._run_request)
        self._callbacks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._woken = False
        # Otherwise gunicorn looks each of the twenty settings that a request needs up in a table, by two calls.
        self.cfg.__dict__.update({name: one.get() for name, one in self.cfg.settings.items()})
        self.connections: set[Connection] = set()
        self.acceptor = Acceptor(
            self._watcher, self.sockets, self.share, self._accepted, self._close_oldest
        )
        self._swept_at = 0.0
        self.unsent_bytes = 0
        self._tls: ssl.SSLContext | None = None
        if self.cfg.certfile:
            key = self.cfg.keyfile
            self._tls = server_context(Path(self.cfg.certfile), Path(key) if key else None)
        super().init_process()

    def run(self) -> None:
        """Serve until a signal clears `alive`, then finish the requests in progress."""
        respond_in_short_slices()
        self._shedding: Shedding | None = getattr(self.app, "shedding", None)
        # gunicorn's signal handlers write to this pipe as well.
        self._watcher.watch(self.PIPE[0], self._on_wakeup)
        self.requests.start()
        self._count()
        self.acceptor.start()
        while self.alive and self.ppid == os.getppid():
            self._step()
        self.acceptor.stop()
        if self.share is not None:
            self.share.leave()
        end = self.clock() + self.cfg.graceful_timeout
        for connection in self.connections:
            if connection.state is State.IDLE:
                connection.deadline = min(connection.deadline, self.clock() + CLOSE_WITHIN_S)
        while self.connections and self.clock() < end:
            self._step()
        for connection in list(self.connections):
            self._close(connection)
        self.requests.stop()
        self._watcher.close()

    # The methods below run in the event loop.

    def _step(self) -> None:
        """Wait for events, at most until the next sweep or look at the queue, and handle them."""
        queued = self.requests.relieve()
        within_s = self.acceptor.within_s(STANDSTILL_S if queued else SWEEP_EVERY_S)
        for ready in self._watcher.wait(within_s):
            ready()
        self.acceptor.take()
        now = self.clock()
        if self._shedding is not None:
            overdue = bind(self._shedding.is_overdue, now)
            while (connection := self.requests.withdraw(overdue)) is not None:
                self._shed(connection, self._shedding)
        if now - self._swept_at >= SWEEP_EVERY_S:
            self._swept_at = now
            self._sweep(now)

    def _on_wakeup(self) -> None:
        with suppress(BlockingIOError):
            os.read(self.PIPE[0], 4096)
        self._woken = False  # What is put from now on may come too late for this turn.
        with suppress(Empty):
            while True:
                self._callbacks.get_nowait()()

    def _sweep(self, now: float) -> None:
        """Heartbeat for the arbiter; close connections beyond their time limit."""
        self.notify()
        for connection in [one for one in self.connections if now >= one.deadline]:
            if connection.state is State.RECEIVING:
                self._refuse(connection, 408)
            elif connection.state is not State.ANSWERING:
                self._close(connection)
        if self.alive:
            self.acceptor.start()

    def _accepted(self, client: Any, peer: Any, listener: Any) -> None:
        now = self.clock()
        with suppress(OSError):  # a socket that is not TCP
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) >= self.cfg.worker_connections:
            self._close_oldest()
        local = listener.getsockname()
        if client.family == socket.AF_UNIX:
            peer = local = SOCKET_FILE_PEER
        tls = None if self._tls is None else TlsStream(self._tls)
        connection = Connection(client, peer, local, now, tls)
        connection.enter(State.IDLE, now, self.cfg.keepalive if tls is None else HANDSHAKE_WITHIN_S)
        self.connections.add(connection)
        self._count()
        connection.on_readable = bind(self._readable, connection)
        self._watch(connection)

    def _close_oldest(self) -> None:
        """Close the connection that has been idle for longest, if there is one.

        Connections without any request come first, connections with unsent responses last.
        """
        waiting = (State.IDLE, State.RECEIVING, State.CLOSING, State.SENDING)
        idle = [one for one in self.connections if one.state in waiting]
        if idle:
            self._close(
                min(idle, key=lambda one: (one.state is State.SENDING, one.served > 0, one.since))
            )

    def _count(self) -> None:
        if self.share is not None and self.alive:
            self.share.have(len(self.connections))

    def _watch(self, connection: Connection) -> None:
        """Have the connection read when more arrives."""
        self._watcher.once(connection.fileno(), connection.on_readable)

    def _watch_sending(self, connection: Connection) -> None:
        self._watcher.once(connection.fileno(), bind(self._writable, connection), WRITE)

    def _readable(self, connection: Connection) -> None:
        if connection not in self.connections:  # closed by an event of the same step
            return
        handshaking = connection.handshaking
        try:
            more = connection.receive()
        except Malformed as error:
            self._refuse(connection, error.status)
            return
        except OSError as error:
            if handshaking:
                log.info("a TLS handshake failed: %s", getattr(error, "reason", None) or error)
            more = False
        if not more:
            self._close(connection)
        elif connection.state is State.CLOSING or connection.handshaking:
            self._watch(connection)
        else:
            if handshaking:
                self._await_request(connection)
            self._parse(connection)

    def _parse(self, connection: Connection) -> None:
        """Queue the request for a thread if it is complete, else have more of it read."""
        if not connection.has_begun:
            self._watch(connection)
            return
        now = self.clock()
        if connection.state is State.IDLE:
            connection.readable_at = now
            connection.enter(State.RECEIVING, now, RECEIVE_WITHIN_S)
        try:
            complete = connection.parse(self.cfg)
        except Malformed as error:
            self._refuse(connection, error.status)
            return
        if complete:
            connection.state = State.ANSWERING
            self.requests.put(connection)
            return
        if connection.request is not None:
            try:
                connection.send_continue()
            except OSError:
                self._close(connection)
                return
        self._watch(connection)

    def _shed(self, connection: Connection, shedding: Shedding) -> None:
        """Refuse a request that is overdue."""
        head = connection.unparsed
        connection.keep_alive = self.alive and shedding.keeps_alive(head)
        shedding.refused(shedding.query(head) or "", self.clock() - connection.readable_at)
        try:
            connection.send(KEPT if connection.keep_alive else CLOSED)
        except OSError:
            self._close(connection)
            return
        connection.answered = True
        self._send(connection)

    def _refuse(self, connection: Connection, status: int) -> None:
        log.warning("a request was refused with status %s", status)
        try:
            connection.send(Refusal(status).encode())
        except OSError:
            self._close(connection)
            return
        connection.keep_alive = False
        connection.answered = True
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        """Send what a thread has left, then continue with the connection."""
        if connection.unsent_bytes:
            self.unsent_bytes += connection.unsent_bytes
            connection.enter(State.SENDING, self.clock(), SEND_PROGRESS_S)
            self._watch_sending(connection)
            while self.unsent_bytes > UNSENT_TOTAL_LIMIT:
                sending = [one for one in self.connections if one.state is State.SENDING]
                self._close(min(sending, key=lambda one: one.since))
        elif connection.answered:
            self._after_answer(connection)

    def _writable(self, connection: Connection) -> None:
        if connection not in self.connections:
            return
        before = connection.unsent_bytes
        try:
            progress = connection.send_pending()
        except OSError:
            self._close(connection)
            return
        self.unsent_bytes -= before - connection.unsent_bytes
        if progress:
            connection.deadline = self.clock() + SEND_PROGRESS_S
        if not connection.unsent_bytes:
            connection.state = State.ANSWERING
            if connection.answered:
                self._after_answer(connection)
        else:
            self._watch_sending(connection)

    def _on_answer(self, connection: Connection) -> None:
        connection.answered = True
        if connection.state is not State.SENDING and connection in self.connections:
            self._send(connection)

    def _after_answer(self, connection: Connection) -> None:
        connection.on_given_up = None
        if connection.keep_alive:
            connection.next_request()
            self._await_request(connection)
            self._parse(connection)
            return
        try:
            connection.finish()
        except OSError:
            self._close(connection)
            return
        connection.enter(State.CLOSING, self.clock(), CLOSE_WITHIN_S)
        self._watch(connection)

    def _await_request(self, connection: Connection) -> None:
        within_s = self.cfg.keepalive if self.alive else CLOSE_WITHIN_S
        connection.enter(State.IDLE, self.clock(), within_s)

    def _close(self, connection: Connection) -> None:
        if connection.unsent_bytes or connection.state is State.ANSWERING:
            self._given_up(connection)
        if connection.state is State.SENDING:
            self.unsent_bytes -= connection.unsent_bytes
        self.connections.discard(connection)
        self._count()
        self._watcher.forget(connection.fileno())
        connection.close()

    def _given_up(self, connection: Connection) -> None:
        callback, connection.on_given_up = connection.on_given_up, None
        if callback is not None:
            try:
                callback()
            except Exception:
                log.exception("a request that was given up could not be counted")

    # The methods below run in the threads.

    def call_in_loop(self, callback: Callable[[], None]) -> None:
        """Make the event loop call `callback`."""
        self._callbacks.put(callback)
        if not self._woken:
            self._woken = True
            with suppress(BlockingIOError):  # A full pipe wakes the loop as well.
                os.write(self.PIPE[1], b"\0")

    def _run_request(self, connection: Connection) -> None:
        if (shedding := self._shedding) is not None:
            now = self.clock()
            shedding.queue.taken(now - connection.readable_at, now)
            if shedding.is_overdue(now, connection):
                self.call_in_loop(bind(self._shed, connection, shedding))
                return
        try:
            self._answer(connection)
        except Malformed as error:
            self.call_in_loop(bind(self._refuse, connection, error.status))
        except (ConnectionError, TimeoutError, ssl.SSLError):  # the client has gone
            self.call_in_loop(bind(self._close, connection))
        except Exception:
            log.exception("a request could not be answered")
            end = self._close if connection.began_answer else bind(self._refuse, status=500)
            self.call_in_loop(bind(end, connection))

    def _answer(self, connection: Connection) -> None:
        connection.parse_head(self.cfg)
        response, environ = wsgi.create(
            connection.request, connection, connection.peer, connection.local, self.cfg
        )
        environ["wsgi.multithread"] = True
        environ["wsgi.input"] = io.BytesIO(connection.body.data)
        environ[READABLE_AT] = connection.readable_at
        environ[PEER_ACCOUNT] = connection.peer_account
        environ[HAS_LEFT] = connection.has_left

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if not self.alive:  # which may have changed since
                response.force_close()
            return response.start_response(status, headers, *rest)

        content = self.wsgi(environ, start)
        connection.on_given_up = environ.get(GIVEN_UP)
        try:
            for piece in content:
                response.write(piece)
            response.close()
            connection.keep_alive = not response.should_close()
            if connection.unsent_bytes:
                connection.send_promptly()
            all_sent = not connection.unsent_bytes
            if not all_sent:
                self.call_in_loop(bind(self._send, connection))
        finally:
            if hasattr(content, "close"):
                content.close()
        if all_sent and connection.keep_alive and not connection.is_ahead and self.alive:
            # Past the event loop, which takes long to wake; at the end the connection is another thread's.
            connection.on_given_up = None
            connection.next_request()
            self._await_request(connection)
            self._watch(connection)
        else:
            self.call_in_loop(bind(self._on_answer, connection))
