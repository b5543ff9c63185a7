"""Which files a person's account may read, as the kernel says: answers of the helper, kept for a minute."""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from cachetools import TLRUCache
from pydantic import StrictInt, TypeAdapter

from dashboard.blocking import about_to_block
from dashboard.errors import Busy

log = logging.getLogger(__name__)

# The descriptor of the helper's control socket, for the processes that ask it.
DESCRIPTOR: Final = "_LAMELLA_FILE_RIGHTS"

KEPT_S: Final = 60.0
# For files that may not be read, or do not exist yet.
REFUSED_S: Final = 10.0
# About 200 bytes each.
MAX_KEPT: Final = 100_000
LIMIT_S: Final = 6.0
# After a request without an answer, others are refused at once, so that they do not occupy all threads.
PAUSE_S: Final = 1.0
# How long it is known that the helper answers, or not.
CHECKED_S: Final = 5.0
BATCH: Final = 2_000
# Most answers come sooner.
_SHORT_WAIT_S: Final = 0.02
_ANSWER: Final = TypeAdapter(dict[Literal["inodes"], list[StrictInt]])


class FileRights:
    """Asks the helper behind a control socket; thread-safe. `limit_s` is how long an answer may take."""

    def __init__(
        self,
        control: socket.socket,
        limit_s: float = LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        control.settimeout(limit_s)
        self._control = control
        self._limit_s = limit_s
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: TLRUCache[tuple[str, str], int] = TLRUCache(
            MAX_KEPT, lambda _, inode, now: now + (KEPT_S if inode else REFUSED_S), clock
        )
        self._refused_until = -1.0
        self._checked = (float("-inf"), False)

    def inodes(self, name: str, paths: Sequence[Path], *, anew: bool = False) -> list[int]:
        """For each path the inode of the file or folder that the account `name` may read, 0 for none.

        Links in a path are followed as the account would. `anew` asks for what is known too. Raises `Busy` without
        an answer.
        """
        texts = [os.fspath(path) for path in paths]
        with self._lock:
            found = {text: None if anew else self._kept.get((name, text)) for text in texts}
        unknown = [text for text, inode in found.items() if inode is None]
        for start in range(0, len(unknown), BATCH):
            batch = unknown[start : start + BATCH]
            answers = dict(zip(batch, self._asked(name, batch), strict=True))
            found |= answers
            with self._lock:
                for text, inode in answers.items():
                    self._kept[name, text] = inode
        return [found[text] or 0 for text in texts]

    def answers(self) -> bool:
        """Whether the helper answers, as of a few seconds ago."""
        with self._lock:
            checked_at, answers = self._checked
        if not 0.0 <= self._clock() - checked_at < CHECKED_S:
            try:
                self._asked("", [])
                answers = True
            except Busy:
                answers = False
            with self._lock:
                self._checked = (self._clock(), answers)
        return answers

    def close(self) -> None:
        """Ask no more."""
        self._control.close()

    def forget(self) -> None:
        """Ask again for what is known."""
        with self._lock:
            self._kept.clear()
            self._checked = (float("-inf"), False)
        self._refused_until = -1.0

    def _asked(self, name: str, paths: list[str]) -> list[int]:
        if self._clock() < self._refused_until:
            raise _unknown()
        try:
            answer = self._exchange(json.dumps({"name": name, "paths": paths}).encode())
            inodes = _ANSWER.validate_json(answer)["inodes"]
        except (OSError, ValueError) as error:
            inodes = None
            log.warning("the helper for rights to files does not answer: %r", error)
        if inodes is None or len(inodes) != len(paths):
            self._refused_until = self._clock() + PAUSE_S
            raise _unknown()
        return inodes

    def _exchange(self, request: bytes) -> bytes:
        deadline = time.monotonic() + self._limit_s
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(self._control, [b"?"], [theirs.fileno()])
            ours.settimeout(self._limit_s)
            ours.sendall(request)
            ours.shutdown(socket.SHUT_WR)
            poll = select.poll()
            poll.register(ours, select.POLLIN)
            if not poll.poll(1e3 * _SHORT_WAIT_S):
                about_to_block()
            answer = bytearray()
            while (left_s := deadline - time.monotonic()) > 0.0:
                ours.settimeout(left_s)
                part = ours.recv(2**16)
                if not part:
                    return bytes(answer)
                answer += part
        raise TimeoutError("no answer in time")


def _unknown() -> Busy:
    return Busy("The server cannot find out now who may read this; try again in a moment.")
