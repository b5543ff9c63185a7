"""History of bricks beyond their time in the cache (a ghost list): why a brick is missing.

One row for each box of voxels says which version of it was stored last, and when it left the cache. Rows are
collected in memory and written once a second; what a killed process had not written costs a reason, never data.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Reason
from dashboard.storage.rows import Rows, RowsUnavailable, update

log = logging.getLogger(__name__)

BRICK: Final = "brick:"
EVICTED_BYTES: Final = "evicted_bytes"

Event = Literal["stored", "evicted", "refused", "dropped"]
Finite = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Past(BaseModel):
    """What happened last to a box of voxels.

    `key` is the brick's, `at` the Unix time (s) of the event, `evicted_bytes` the sum of all evictions by then.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    key: Annotated[str, Field(max_length=64)]
    event: Event
    at: Finite
    evicted_bytes: Finite = 0.0

    def reason(self, address: BrickAddress) -> Reason:
        """Why the brick at an address of the same box is not in the cache."""
        if self.key != address.key:
            return Reason.CHANGED
        # A stored brick that is missing was removed, by a checksum that did not match for instance.
        return Reason.NO_SPACE if self.event == "refused" else Reason.EVICTED


class BrickHistory:
    """The last event of each box; `clock` gives Unix time (s)."""

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._clock = clock
        self._lock = threading.Lock()
        self._events: dict[str, Past] = {}
        self._bytes = 0

    def stored(self, address: BrickAddress) -> None:
        """Record that a brick is in the cache."""
        self._record(address.box, address.key, "stored")

    def refused(self, address: BrickAddress) -> None:
        """Record that there was no space for a brick."""
        self._record(address.box, address.key, "refused")

    def evicted(self, box: str, key: str, nbytes: int) -> None:
        """Record that a brick of `nbytes` left the cache."""
        with self._lock:
            self._bytes += nbytes
        self._record(box, key, "evicted")

    def dropped(self, box: str, key: str) -> None:
        """Record that a brick was removed by hand: nothing is known of its box from now on."""
        self._record(box, key, "dropped")

    def of(self, address: BrickAddress) -> Past | None:
        """The last event of the brick's box; None where none is known, or the brick was removed by hand."""
        past = self._last(address)
        return None if past is None or past.event == "dropped" else past

    def _last(self, address: BrickAddress) -> Past | None:
        with self._lock:
            recent = self._events.get(address.box)
        if recent is not None:
            return recent
        stored = self._rows.get(BRICK + address.box)
        if stored is None:
            return None
        try:
            return Past.model_validate_json(stored)
        except ValidationError:
            log.warning("a row of the history of bricks was skipped")
            return None

    def evicted_since(self, past: Past) -> int:
        """Bytes evicted since an event; approximate within the last second."""
        with self._lock:
            recent = self._bytes
        return max(0, round(self._total() + recent - past.evicted_bytes))

    def flush(self) -> None:
        """Write the events since the last flush; those that cannot be written are kept."""
        with self._lock:
            events, nbytes = dict(self._events), self._bytes
        if not events:
            return
        try:
            total = self._total() + nbytes
            rows = {
                BRICK + box: past.model_copy(update={"evicted_bytes": total})
                for box, past in events.items()
            }
            encoded = {key: past.model_dump_json().encode() for key, past in rows.items()}
            self._rows.replace((), encoded)
            if nbytes:
                self._add(nbytes)
        except RowsUnavailable as error:
            log.debug("the history of bricks was not written: %s", error)
            return
        with self._lock:
            self._bytes -= nbytes
            for box, past in events.items():
                if self._events.get(box) is past:
                    del self._events[box]

    def _record(self, box: str, key: str, event: Event) -> None:
        past = Past(key=key, event=event, at=self._clock())
        with self._lock:
            self._events[box] = past

    def _total(self) -> float:
        return _number(self._rows.get(EVICTED_BYTES))

    def _add(self, nbytes: int) -> None:
        def added(row: bytes | None) -> bytes:
            return repr(_number(row) + nbytes).encode()

        update(self._rows, EVICTED_BYTES, added)


def _number(row: bytes | None) -> float:
    try:
        found = float(row or b"0")
    except ValueError:
        return 0.0
    return found if 0.0 <= found < 1e18 else 0.0
