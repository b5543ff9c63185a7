"""The cause of a decode; other demands for the same brick wait for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from dashboard.addressing.outcomes import Outcome, Provenance, Reason
from dashboard.addressing.requester import VIEWER_ID, Requester
from dashboard.storage.file_lock import LockHandle


@dataclass(frozen=True, slots=True)
class Cause:
    """The viewer of the demand or plan (empty for scripts), and why the brick is not in the cache."""

    viewer: str
    reason: Reason

    def provenance(self, outcome: Outcome, requester: Requester) -> Provenance:
        """The provenance of a demand for which this decode was made, or that waited for it."""
        if not requester.is_viewer_demand or outcome not in (Outcome.MISS, Outcome.COALESCED):
            return Provenance(outcome)
        own = outcome is Outcome.COALESCED and self.viewer == requester.viewer
        return Provenance(outcome, self.reason, own=own)

    def __str__(self) -> str:
        return f"{self.reason} {self.viewer}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The cause that `str` made; None for anything else, since files may be damaged."""
        reason, _, viewer = text.partition(" ")
        if reason not in list(Reason) or (viewer and VIEWER_ID.fullmatch(viewer) is None):
            return None
        return cls(viewer, Reason(reason))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a brick's lock to decode it, and tells others of it; `cause` finds why, once."""

    lock: LockHandle
    cause: Callable[[], Cause]

    def announce(self) -> Cause:
        """Find the cause, and tell it those who wait for the lock."""
        with suppress(OSError):
            self.lock.leave_note(str(self.cause()))
        return self.cause()

    def report(self, share: float) -> None:
        """Tell how much is done, from 0 to 1."""
        with suppress(OSError):
            self.lock.leave_progress(share)

    def is_awaited(self) -> bool:
        """Whether a demand waits for the lock."""
        return self.lock.demand_waiting
