"""The audit's line about rights: once for each change."""

from __future__ import annotations

import json
from pathlib import Path

from dashboard.people.audit import Audit, Event, lines_since
from dashboard.people.rights import EVERYBODY, Audience, Rights
from dashboard.runtime.rights_record import record_rights
from tests.rows import MemoryRows


def test_each_change_is_one_line(tmp_path: Path) -> None:
    rows = MemoryRows()
    audit = Audit(tmp_path / "people.sqlite", 30.0)
    free = Rights({"a": EVERYBODY})
    some = Rights(
        {"a": EVERYBODY, "b": Audience.of(["g"], ["ann"])}, {"g": ["bob"], "h": []}, ["ada"]
    )
    for rights, by_accounts in (
        *((free, False), (free, False), (some, False), (some, False)),
        *((some, True), (free, False), (free, False)),
    ):
        record_rights(rows, audit, rights, by_accounts=by_accounts)
    lines = [json.loads(line) for line in lines_since(tmp_path / "people.sqlite", 0.0)]
    assert [line["event"] for line in lines] == [Event.RIGHTS_CHANGED] * 3
    assert lines[0]["rights"] == [
        "a is seen by everybody who is signed in",
        "b is seen by the group g and ann and admins",
        "the group g has bob",
        "the group h has members by sign-in alone",
        "ada is an admin",
    ]
    assert lines[1]["rights"][-1] == "people see what the accounts of the same name may read"
    assert lines[2]["rights"] == ["a is seen by everybody who is signed in"]
