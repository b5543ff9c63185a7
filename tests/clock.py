"""A clock that tests set."""

from __future__ import annotations


class Clock:
    """A clock that moves when it is told to (s), from `now` on."""

    def __init__(self, now: float = 1e6) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let `seconds` go by."""
        self.now += seconds
