"""The cause of a decode; other demands for the same brick wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from dashboard.addressing.outcomes import Outcome, Provenance, Reason
from dashboard.addressing.requester import VIEWER_ID, Requester


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
