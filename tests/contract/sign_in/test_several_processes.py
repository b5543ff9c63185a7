"""Several web processes of one server: what one of them refused counts in the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard.people.attempts import FAILURES
from dashboard.people.shared_limit import DESCRIPTOR, new_memory
from tests.contract.sign_in.requests import TOKEN, ask, bearer
from tests.web import running


def test_the_limit_of_failed_sign_ins_is_one_for_all_processes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = new_memory()
    monkeypatch.setenv(DESCRIPTOR, str(descriptor))
    people = tmp_path / "people" / "people.sqlite"
    with (
        running(tmp_path / "first", data, token=TOKEN, people=people) as first,
        running(tmp_path / "second", data, token=TOKEN, people=people) as second,
    ):
        for number in range(FAILURES):
            app = (first, second)[number % 2]
            assert ask(app, "/api/v1/files", headers=bearer(f"wrong {number}")).status_code == 401
        for app in (first, second):
            refused = ask(app, "/api/v1/files", headers=bearer(TOKEN))
            assert refused.status_code == 429
            assert 0 < int(refused.headers["Retry-After"]) <= 60
    os.close(descriptor)
