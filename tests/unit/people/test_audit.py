"""The audit: lines in the log and in files that are closed by size and age, and removed in time."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
from pathlib import Path

import pytest

from dashboard.people import audit as audit_module
from dashboard.people.audit import (
    DAY_S,
    REFUSALS,
    Audit,
    Event,
    audit_path,
    lines_since,
    older_files,
)
from tests.clock import Clock

DAYS = 80.0


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite"


@pytest.fixture
def audit(people: Path, clock: Clock) -> Audit:
    return Audit(people, DAYS, clock)


def names(people: Path, since: float = 0.0) -> list[str]:
    return [json.loads(line)["name"] for line in lines_since(people, since)]


def test_a_line(audit: Audit, people: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    audit.record(Event.SIGN_IN, name="ann", way="form", agent="", groups=["a"])
    (line,) = lines_since(people, 0.0)
    assert json.loads(line) == {
        "time": "1970-01-12T13:46:40.000+00:00",
        "event": "sign-in",
        "name": "ann",
        "way": "form",
        "groups": ["a"],
    }
    assert caplog.messages == [
        'audit {"event": "sign-in", "name": "ann", "way": "form", "groups": ["a"]}'
    ]
    assert stat.S_IMODE(audit_path(people).stat().st_mode) == 0o600


def test_what_is_sent_is_no_line_of_its_own(audit: Audit, people: Path) -> None:
    audit.record(Event.REFUSED, name="x\n{}\u2028\x1b[2J" + "y" * 1000)
    content = audit_path(people).read_text()
    assert content.count("\n") == 1
    assert content.rstrip("\n").isprintable()
    assert len(content) < 500


def test_events_since_a_time(audit: Audit, people: Path, clock: Clock) -> None:
    for name in "abc":
        audit.record(Event.SIGN_IN, name=name)
        clock.pass_(60.0)
    assert names(people) == ["a", "b", "c"]
    assert names(people, clock.now - 120.0) == ["b", "c"]
    assert names(people, clock.now) == []
    assert names(people.with_name("other.sqlite")) == []


def test_a_long_file_is_closed(
    audit: Audit, people: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "FILE_BYTES", 300)
    expected = [f"{number}" for number in range(20)]
    for name in expected:
        audit.record(Event.SIGN_IN, name=name)
        clock.pass_(1.0)
    assert len(older_files(audit_path(people))) >= 3
    assert names(people) == expected


def test_old_lines_are_removed(audit: Audit, people: Path, clock: Clock) -> None:
    audit.record(Event.SIGN_IN, name="old")
    clock.pass_(DAYS / 8 * DAY_S)
    audit.trim()
    (older,) = older_files(audit_path(people))
    os.utime(older, (clock.now, clock.now))
    audit.record(Event.SIGN_IN, name="new")
    assert names(people) == ["old", "new"]
    clock.pass_(DAYS * DAY_S + 1.0)
    audit.trim()
    assert "old" not in names(people)


def test_the_newest_lines(
    audit: Audit, people: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newest(most: int) -> list[str]:
        return [json.loads(line)["name"] for line in audit.newest(most)]

    assert newest(5) == []
    monkeypatch.setattr(audit_module, "FILE_BYTES", 300)
    for number in range(20):
        audit.record(Event.SIGN_IN, name=f"{number}")
        clock.pass_(1.0)
    assert newest(5) == ["19", "18", "17", "16", "15"]
    assert newest(100) == [f"{number}" for number in reversed(range(20))]
    # A long file is read from near its end.
    monkeypatch.setattr(audit_module, "_NEWEST_BYTES", 150)
    assert newest(1) == ["19"]
    assert Audit(None).newest(5) == []


def test_a_young_file_stays(audit: Audit, people: Path, clock: Clock) -> None:
    audit.trim()
    audit.record(Event.SIGN_IN, name="a")
    clock.pass_(DAYS / 8 * DAY_S - 1)
    audit.trim()
    assert older_files(audit_path(people)) == []


def test_strangers_do_not_fill_the_disk(
    audit: Audit, people: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(REFUSALS + 50):
        audit.record(Event.REFUSED, name="x")
    audit.record(Event.SIGN_IN, name="ann")
    lines = [json.loads(line) for line in lines_since(people, 0.0)]
    assert len(lines) == REFUSALS + 1
    assert lines[-1]["refusals_left_out"] == 50
    monkeypatch.setattr(audit_module, "FILE_BYTES", 10)
    monkeypatch.setattr(audit_module, "FILES", 3)
    for _ in range(10):
        clock.pass_(60.0)
        audit.record(Event.REFUSED, name="x")
    audit.trim()
    assert len(older_files(audit_path(people))) == 3


@pytest.mark.parametrize("days", [0.0, DAYS])
def test_without_files(people: Path, clock: Clock, days: float) -> None:
    audit = Audit(people if days == 0.0 else None, days, clock)
    audit.record(Event.SIGN_IN, name="ann")
    audit.trim()
    assert list(people.parent.iterdir()) == []


def test_a_folder_that_is_gone(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = Audit(tmp_path / "gone" / "people.sqlite", DAYS, clock)
    audit.record(Event.SIGN_IN, name="ann")
    audit.trim()
    assert "was not written" in caplog.text


def test_lines_of_several_threads_do_not_mix(
    people: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "FILE_BYTES", 2000)

    def write(first: int) -> None:
        audit = Audit(people, DAYS, clock)
        for number in range(50):
            audit.record(Event.SIGN_IN, name=f"{first}-{number}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names(people))) == 200


@pytest.mark.parametrize("line", ["", "x", "{}", '{"time": 3}', '{"time": "x"}', "[" * 10_000])
def test_a_damaged_line_is_old(people: Path, audit: Audit, line: str) -> None:
    audit_path(people).write_text(f"{line}\n")
    audit.record(Event.SIGN_IN, name="ann")
    assert names(people, 1.0) == ["ann"]
