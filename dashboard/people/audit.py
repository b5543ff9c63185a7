"""The audit: one line of JSON for each sign-in, refusal and change of accounts, in the log and in files.

The files lie beside the people file: `NAME.audit.jsonl`, and older ones with the time (UTC) of their last line
in their name. They have names and addresses of people, so they are kept for a limited time.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from dashboard.rate_limit import RateLimit

log = logging.getLogger(__name__)

DAY_S: Final = 86_400.0
# A file is closed at this size, or when its first line has this share of the time for which lines are kept.
FILE_BYTES: Final = 4 * 2**20
FILE_SHARE: Final = 1 / 8
# Older ones are removed beyond this number: strangers can cause refusals.
FILES: Final = 16
# Lines about refusals in a minute, of one process; the next line has the number of those left out.
REFUSALS: Final = 300
MINUTE_S: Final = 60.0

# Of each file, for the newest lines.
_NEWEST_BYTES: Final = 2**18
_VALUE_LENGTH: Final = 200


class Event(StrEnum):
    """What is recorded."""

    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    REFUSED = "refused"
    USER_ADDED = "user-added"
    USER_REMOVED = "user-removed"
    USER_CHANGED = "user-changed"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105  # the name of an event
    SESSIONS_ENDED = "sessions-ended"
    TOKEN_ADDED = "token-added"  # noqa: S105
    TOKEN_REVOKED = "token-revoked"  # noqa: S105
    SHARE_ADDED = "share-added"
    SHARE_REVOKED = "share-revoked"
    # By somebody else.
    BOOKMARK_DELETED = "bookmark-deleted"
    RIGHTS_CHANGED = "rights-changed"


class Audit:
    """Writes events; thread-safe, and safe with several processes.

    `people` is the people file, None for the log alone; lines are kept for `days`, in no file for 0. `clock` gives
    Unix time (s).
    """

    def __init__(
        self, people: Path | None, days: float = 0.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = audit_path(people) if people is not None and days > 0 else None
        self._kept_s = days * DAY_S
        self._clock = clock
        self._refusals = RateLimit(REFUSALS, MINUTE_S, 1, clock)
        self._left_out = 0

    def record(self, event: Event, **parts: str | list[str] | None) -> None:
        """Record an event with what is known about it, which is no secret; empty parts are left out."""
        refused = event is Event.REFUSED
        if refused and not self._refusals.admit(""):
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        known = {
            name: value[:_VALUE_LENGTH] if isinstance(value, str) else value
            for name, value in parts.items()
            if value
        }
        found: dict[str, object] = {"event": event, **known}
        if left_out:
            found["refusals_left_out"] = left_out
        # JSON escapes control characters, so that a name is no line of its own.
        log.log(logging.WARNING if refused else logging.INFO, "audit %s", json.dumps(found))
        if self._path is not None:
            self._append(self._path, json.dumps({"time": _text_of(self._clock()), **found}))

    def newest(self, most: int) -> list[str]:
        """The newest lines in the files, at most so many, the newest first."""
        return [] if self._path is None else newest_lines(self._path, most)

    def trim(self) -> None:
        """Close a file that is old or long, and remove those that have been kept for long enough."""
        if self._path is None:
            return
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_RDONLY)
            try:
                self._rotate(self._path, descriptor)
            finally:
                os.close(descriptor)
        before = self._clock() - self._kept_s
        older = sorted(older_files(self._path), reverse=True)
        for number, path in enumerate(older):
            with suppress(OSError):
                if number >= FILES or path.stat().st_mtime < before:
                    path.unlink()

    def _append(self, path: Path, line: str) -> None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # In one call, so that lines of several processes do not mix.
                os.write(descriptor, f"{line}\n".encode())
                full = os.fstat(descriptor).st_size > FILE_BYTES
            finally:
                os.close(descriptor)
        except OSError as error:
            log.warning("an event was not written to the audit file: %s", error.strerror)
            return
        if full:
            self.trim()

    def _rotate(self, path: Path, descriptor: int) -> None:
        """Rename the file if it is due; one process does."""
        age_s = self._clock() - _time_of(os.pread(descriptor, 4096, 0))
        info = os.fstat(descriptor)
        if info.st_size <= FILE_BYTES and age_s < self._kept_s * FILE_SHARE:
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino != info.st_ino:
            return
        stem = path.name.removesuffix(".jsonl")
        stamp = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%dT%H%M%S%f")
        for number in range(1000):
            # A link, unlike a new name, never takes the place of another file.
            with suppress(FileExistsError):
                os.link(path, path.with_name(f"{stem}.{stamp}{number:03}Z.jsonl"))
                path.unlink()
                return


def audit_path(people: Path) -> Path:
    """The file that events are appended to, beside the people file."""
    return people.with_name(f"{people.stem}.audit.jsonl")


def older_files(path: Path) -> list[Path]:
    """Files that are not appended to any more, oldest first."""
    stem = path.name.removesuffix(".jsonl")
    return sorted(path.parent.glob(f"{stem}.[0-9]*Z.jsonl"))


def lines_since(people: Path, since: float) -> Iterator[str]:
    """The lines about events at or after a Unix time (s), in the order in which they were written."""
    path = audit_path(people)
    for one in (*older_files(path), path):
        with suppress(FileNotFoundError), one.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if _time_of(line.encode()) >= since:
                    yield line.rstrip("\n")


def newest_lines(path: Path, most: int) -> list[str]:
    """The newest lines of the file that is appended to and those before, the newest first."""
    found: list[str] = []
    for one in (path, *reversed(older_files(path))):
        if len(found) >= most:
            break
        with suppress(FileNotFoundError), one.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - _NEWEST_BYTES)
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").splitlines()
            # The first one was cut.
            found += reversed(lines[1 if start else 0 :])
    return found[:most]


def _text_of(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _time_of(text: bytes) -> float:
    """The time of the first line in `text`; 0 where it has none."""
    try:
        found = json.loads(text.partition(b"\n")[0])
        return datetime.fromisoformat(found["time"]).timestamp()
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0.0
