"""The machine that has the people file, as the others use it: calls over HTTP, and a copy of who is let in.

The copy answers requests, so that none of them waits for the other machine. It is asked whether it is current
after `FRESH_S`; while that is not answered it counts for `KNOWN_S` after the last answer, and then for nothing.
What changes something, and what verifies a password, is always done there.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import urllib3
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from dashboard.blocking import about_to_block
from dashboard.cluster_settings import NODE_TOKEN_HEADER
from dashboard.errors import Busy
from dashboard.people.people_calls import COPIED, SAID, Copied, PeopleCalls, answer_type
from dashboard.people.schema import STEPS
from dashboard.people.store import PeopleStore

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

# After this time (s) a request asks whether the copy is current. With the time limit of that question, and the
# 2 s for which sessions and tokens are relied on, somebody who was removed gets nothing after 5 s.
FRESH_S: Final = 2.0
COPY_LIMIT_S: Final = 1.0
# For this time (s) the copy counts while the other machine does not answer: one is started anew in less.
KNOWN_S: Final = 300.0
LIMIT_S: Final = 2.0
# A password waits there for those before it.
PASSWORD_LIMIT_S: Final = 10.0
# For how long the other machine is left alone when it has not answered.
PAUSE_S: Final = 1.0
CONNECTIONS: Final = 4

_LIMITS: Final = {"copied": COPY_LIMIT_S, "verified": PASSWORD_LIMIT_S}
_ERRORS: Final = {error.code: error for error in SAID}


class PeopleNode:
    """Calls `name`, the machine at `address`, with the token of the machines; thread-safe.

    `clock` gives seconds.
    """

    def __init__(
        self, name: str, address: str, token: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._url = f"{address.rstrip('/')}/api/v1/people"
        self._headers = {NODE_TOKEN_HEADER: token, "Content-Type": "application/json"}
        self._clock = clock
        self._left_alone_until = float("-inf")
        self._pool = urllib3.PoolManager(retries=False, maxsize=CONNECTIONS)

    def ask(
        self, call: Callable[Concatenate[PeopleCalls, P], R], *nothing: P.args, **given: P.kwargs
    ) -> R:
        """What `call` returns there, with arguments by name, or raises; `Busy` where it does not answer."""
        assert not nothing
        name = call.__name__
        if self._clock() < self._left_alone_until:
            raise self._gone()
        about_to_block()
        try:
            found = self._answer(name, given)
            if "refused" in found:
                refused = found["refused"]
                raise _ERRORS[refused["code"]](refused["message"])
            answer: R = answer_type(name).validate_python(found["answer"])
        except (OSError, urllib3.exceptions.HTTPError, ValueError, TypeError, KeyError) as error:
            reason = "malformed" if isinstance(error, ValidationError) else error
            log.warning(
                "the machine %s with the people file cannot be asked: %s", self._name, reason
            )
            self._left_alone_until = self._clock() + PAUSE_S
            raise self._gone() from None
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _answer(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"call": name, "arguments": to_jsonable_python(given)})
        limit = urllib3.Timeout(_LIMITS.get(name, LIMIT_S))
        response = self._pool.request(
            "POST", self._url, body=body.encode(), headers=self._headers, timeout=limit
        )
        if response.status != HTTPStatus.OK:
            raise OSError(f"it answers with status {response.status}")
        found: dict[str, Any] = json.loads(response.data)
        return found

    def _gone(self) -> Busy:
        return Busy(
            f"The machine {self._name}, which has the list of people, does not answer; try again in a moment."
        )


class CopiedPeople(PeopleStore):
    """The part of the people file that says who is let in, copied from another machine; thread-safe.

    It is read as the file is; nothing is written. `path` is where this machine has its audit. `clock`
    gives seconds.
    """

    def __init__(
        self, path: Path, node: PeopleNode, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(path)
        self._node = node
        self._clock = clock
        self._copy_lock = threading.RLock()
        self._asking = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._digest = ""
        # When the last question was sent that was answered, and whether the next request asks again.
        self._current_at = float("-inf")
        self._expired = False
        self.answers = True

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to the copy; raises `Busy` where there is none that counts."""
        self._follow()
        with self._copy_lock:
            if self._database is None or not self._is_usable():
                raise Busy(
                    "The machine that has the list of people has not answered for too long; try again later."
                )
            yield self._database

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Raises `Busy`: other classes change what is on another machine, by its calls."""
        raise Busy("The list of people is on another machine, and is changed there.")
        yield  # type: ignore[unreachable]

    def revision(self) -> tuple[int, ...]:
        """Of a copy none: it is followed by time."""
        return ()

    def expire(self) -> None:
        """Have the next request ask whether the copy is current: something was changed, or is known to be new."""
        self._expired = True

    def refresh(self) -> None:
        """Ask whether the copy is current, and replace it if not; `answers` says whether that was possible."""
        self._expired = False
        asked_at = self._clock()
        try:
            copied = self._node.ask(PeopleCalls.copied, known=self._digest)
            database = None if copied is None else _database_of(copied)
        except (Busy, sqlite3.Error):
            self.answers = False
            return
        with self._copy_lock:
            if copied is not None:
                self._close_copy()
                self._database, self._digest = database, copied.digest
            self._current_at = asked_at
        self.answers = True

    def try_again(self) -> None:
        """Ask a machine that did not answer; a periodic task, so that no request waits for it."""
        if not self.answers:
            with self._asking:
                self.refresh()

    def close(self) -> None:
        """Close the copy, and the connections to the other machine."""
        with self._copy_lock:
            self._close_copy()
        self._node.close()

    def _follow(self) -> None:
        if not self._is_due():
            return
        # Others go on with what is there, which is no older than the question in progress allows.
        if self._asking.acquire(blocking=self._expired or not self._is_usable()):
            try:
                if self._is_due():
                    self.refresh()
            finally:
                self._asking.release()

    def _is_usable(self) -> bool:
        return self._database is not None and 0.0 <= self._clock() - self._current_at < KNOWN_S

    def _is_due(self) -> bool:
        """Whether a request is to ask; not while the machine does not answer, and the copy counts."""
        is_fresh = 0.0 <= self._clock() - self._current_at < FRESH_S and not self._expired
        return not is_fresh and (self.answers or not self._is_usable())

    def _close_copy(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database, self._digest = None, ""


def _database_of(copied: Copied) -> sqlite3.Connection:
    """A database in memory with the tables of the people file and the rows that were copied."""
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        for statements in STEPS:
            for statement in statements:
                database.execute(statement)
        for name, rows in copied.tables.items():
            if name not in COPIED:
                raise sqlite3.DataError(name)
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                database.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608
    except sqlite3.Error:
        database.close()
        raise
    return database
