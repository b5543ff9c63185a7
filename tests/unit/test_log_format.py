"""Lines of the log as text and as JSON."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from dashboard.log_format import formatter, request_id


def record(message: str, *args: Any, name: str = "dashboard.web", error: bool = False) -> Any:
    made = logging.LogRecord(name, logging.WARNING, "file", 1, message, args, None)
    made.created = 1_000_000_000.25
    if error:
        try:
            int("of\nno use")
        except ValueError:
            made.exc_info = sys.exc_info()
    return made


@pytest.fixture(autouse=True)
def _no_request() -> Any:
    token = request_id.set(None)
    yield
    request_id.reset(token)


def test_a_line_of_json() -> None:
    line = formatter("json").format(record("%s of %r", 3, "line\nbreak\u2028 ü"))
    assert line.isascii()
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("process") > 0
    assert found == {
        "time": "2001-09-09T01:46:40.250+00:00",
        "level": "WARNING",
        "logger": "dashboard.web",
        "message": "3 of 'line\\nbreak\\u2028 ü'",
    }


def test_an_exception_is_part_of_the_line() -> None:
    line = formatter("json").format(record("failed", error=True))
    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_the_request_is_named() -> None:
    text = formatter("text")
    assert text.format(record("x")).endswith(" WARNING dashboard.web: x")
    request_id.set("1a2b")
    assert json.loads(formatter("json").format(record("x")))["request_id"] == "1a2b"
    assert text.format(record("x")).endswith(" WARNING dashboard.web [1a2b]: x")
    assert "Traceback" in text.format(record("x", error=True))


def test_the_audit_is_json_within_json() -> None:
    event = json.dumps({"event": "sign-in", "name": "ada"})
    found = json.loads(
        formatter("json").format(record("audit %s", event, name="dashboard.people.access"))
    )
    assert found["audit"] == {"event": "sign-in", "name": "ada"}
    assert "message" not in found
    for name, text in (("dashboard.web", event), ("dashboard.people.access", "no json")):
        found = json.loads(formatter("json").format(record("audit %s", text, name=name)))
        assert found["message"] == f"audit {text}"
