"""A clock that tests set."""

from __future__ import annotations


class Clock:
    """A clock that moves only when set (s), starting at `now`."""

    def __init__(self, now: float = 1e6) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let `seconds` go by."""
        self.now += seconds
