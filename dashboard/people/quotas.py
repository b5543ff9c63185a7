"""Quotas of people: requests a second, and bytes that are decoded for them a minute."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dashboard.errors import TooManyRequests
from dashboard.people.shared_limit import SharedLimit, SharedMemory, Table

MINUTE_S: Final = 60.0
# Requests are counted over so many seconds, so that a page that opens may send its requests at once.
REQUESTS_WINDOW_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What each person may have of a server; None for no limit."""

    requests_per_second: int | None = None
    cold_bytes_per_minute: int | None = None


class Quotas:
    """Counts what people use, over all processes with the same memory; thread-safe. `clock` gives seconds.

    Without a name (the start token, an open server) there is no quota.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        memory: SharedMemory | None = None,
    ) -> None:
        self._limits = limits
        self._requests = self._cold = None
        if limits == Limits():
            return
        memory = memory or SharedMemory()
        if limits.requests_per_second is not None:
            most = math.ceil(limits.requests_per_second * REQUESTS_WINDOW_S)
            self._requests = SharedLimit(most, REQUESTS_WINDOW_S, memory, Table.REQUESTS, clock)
        if limits.cold_bytes_per_minute is not None:
            most = limits.cold_bytes_per_minute
            self._cold = SharedLimit(most, MINUTE_S, memory, Table.COLD_BYTES, clock)

    def admit_request(self, person: str) -> None:
        """Count a request; raises `TooManyRequests` beyond the quota."""
        if person and self._requests is not None and not self._requests.admit(person):
            raise _too_many(
                f"You may send {self._limits.requests_per_second} requests a second; wait a moment.",
                self._requests.wait_s(person),
            )

    def charge(self, person: str, nbytes: int) -> None:
        """Count bytes that are about to be decoded; raises `TooManyRequests` when the quota is used up.

        The last brick within a quota may exceed it, so that a quota below a brick's size still lets one be decoded
        a minute.
        """
        if person and self._cold is not None and not self._cold.admit(person, max(nbytes, 1)):
            raise self._decoded_all(self._cold.wait_s(person))

    def charge_ahead(self, person: str, nbytes: Callable[[], int]) -> None:
        """The same for bytes that are to be decoded later, which take time to count; 0 of them cost nothing.

        `nbytes` counts them, and is not called where there is no quota, or one that is used up.
        """
        if person and self._cold is not None:
            wait_s = self._cold.wait_s(person)
            if wait_s > 0.0:
                raise self._decoded_all(wait_s)
            due = nbytes()
            if due:
                self.charge(person, due)

    def _decoded_all(self, wait_s: float) -> TooManyRequests:
        most = (self._limits.cold_bytes_per_minute or 0) / 2**20
        return _too_many(
            f"You may have {most:,.0f} MiB decoded a minute, and have had them; what is cached can be shown.",
            wait_s,
        )


def _too_many(message: str, wait_s: float) -> TooManyRequests:
    error = TooManyRequests(message)
    error.retry_after_s = max(1, math.ceil(wait_s))
    return error
