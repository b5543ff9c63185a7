"""Who asks for a slice or a brick, and for what purpose."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from dashboard.addressing.outcomes import Purpose

# Chosen by the page; `fullmatch` it.
VIEWER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ViewerIdentity(NamedTuple):
    """A browser tab, and the person who is signed in there; empty for nobody."""

    viewer: str
    person: str = ""


@dataclass(frozen=True, slots=True)
class Requester:
    """A viewer, a script, or a job of the product itself, and why it asks.

    `viewer` is the id of a browser tab, None for scripts and jobs that belong to no viewer. `charge` gets
    the bytes that are about to be decoded, and may raise `TooManyRequests`; None: there is no quota.
    """

    purpose: Purpose
    viewer: str | None = None
    charge: Callable[[int], None] | None = field(default=None, compare=False)

    @property
    def is_viewer_demand(self) -> bool:
        """Whether a viewer wants to see it now; nothing else is counted, recorded as an access or planned for."""
        return self.viewer is not None and self.purpose is Purpose.DEMAND

    def pay(self, nbytes: int) -> None:
        """Have `nbytes` decoded; raises `TooManyRequests` beyond the quota."""
        if self.charge is not None:
            self.charge(nbytes)


# Slices without a viewer are served with the priority of a demand, and counted nowhere.
SCRIPT = Requester(Purpose.DEMAND)
WARMUP = Requester(Purpose.WARMUP)
