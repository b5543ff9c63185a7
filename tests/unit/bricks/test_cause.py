"""The note in a brick's lock file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.addressing.outcomes import Reason
from dashboard.bricks.cause import Cause
from dashboard.storage.file_lock import file_lock, read_note, signal_demand_waiting


@pytest.mark.parametrize("cause", [Cause("ann", Reason.EVICTED), Cause("", Reason.FIRST)])
def test_a_cause_is_read_as_it_was_written(cause: Cause) -> None:
    assert Cause.parse(str(cause)) == cause


@pytest.mark.parametrize("text", ["", "why ann", "first ann;", "first \0ann", "\ufffd"])
def test_anything_else_is_no_cause(text: str) -> None:
    assert Cause.parse(text) is None


def test_a_note_is_no_waiting_demand(tmp_path: Path) -> None:
    with file_lock(tmp_path / "lock", 0.0) as lock:
        assert read_note(lock.fd) == ""
        lock.leave_note("first ann")
        assert not lock.demand_waiting
        signal_demand_waiting(lock.fd)
        assert lock.demand_waiting
        assert read_note(lock.fd) == "first ann"
