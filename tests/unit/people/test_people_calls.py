"""Calls of other machines for the people file of this one."""

from __future__ import annotations

import pytest

from dashboard.errors import BadRequest
from dashboard.people.people_calls import CALLS, PeopleCalls, answer_type


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"call": "copied"}',
        b'{"call": "answer", "arguments": {"body": ""}}',
        b'{"call": "__init__", "arguments": {}}',
        b'{"call": "copied", "arguments": {"known": 5}}',
        b'{"call": "copied", "arguments": {"known": "", "more": 1}}',
        b'{"call": "mark", "arguments": {}}',
    ],
)
def test_what_is_no_call(calls: PeopleCalls, body: bytes) -> None:
    with pytest.raises(BadRequest):
        calls.answer(body)


def test_every_method_is_a_call_with_a_type() -> None:
    assert {"copied", "mark", "verified", "add_share", "remove_bookmark"} <= CALLS
    for name in CALLS:
        answer_type(name)
